"""Notifications, delivered by Apprise to a real server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.automation import notification
from engine.config import NotifyConfig
from engine.errors import ConfigError
from engine.events import NS, Alert, Fill, RiskChange, RiskState, Side
from engine.ops import alarms
from engine.wiring import notifications
from engine.wiring.notifications import AGAIN, AGAIN_S, LISTED, RESTARTED, URLS, WAITING, Notifications
from tests.wiring.hook import Hook, serving, until

pytest.importorskip("apprise", reason="tickdesk[notify] is not installed")
T0 = 1_700_000_000 * NS
SECRET = "hunter2"


class Told:
    """Notifications that run; ``now`` is their clock, in seconds."""

    def __init__(
        self, hook: Hook | None = None, environ: dict[str, str] | None = None, **config: Any
    ) -> None:
        self.now = 100.0
        self.utc_ns = T0
        self.alerts: list[tuple[str, str, str]] = []
        self.kept: dict[str, object] = {}
        self.hook = hook
        if hook is not None:
            address = hook.url.replace("http://", f"json://user:{SECRET}@")
            environ = {URLS: f"{address}\n"}
        self.told = Notifications(
            NotifyConfig(enabled=True, **config),
            alert=lambda *news: self.alerts.append(news),
            environ=environ or {},
            keep=self.kept.__setitem__,
            timer=lambda: self.now,
            clock=lambda: self.utc_ns,
        )

    @property
    def messages(self) -> list[tuple[str, str, str]]:
        """(title, text, type) of what arrived."""
        assert self.hook is not None
        return [(body["title"], body["message"], body["type"]) for _, body in self.hook.calls]


@contextlib.asynccontextmanager
async def running(**config: Any) -> AsyncIterator[Told]:
    async with serving() as hook:
        told = Told(hook, **config)
        told.told.take_up({})
        task = asyncio.create_task(told.told.run())
        try:
            yield told
        finally:
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def fill(n: int) -> Fill:
    return Fill(
        *(f"tx-{n}", f"td-{n}", "sim:A-USD", Side.BUY, Decimal("0.50"), Decimal(100), Decimal("0.05")),
        *("taker", 100.0, T0 + n),
    )


def halted(reason: str = "daily loss", state: RiskState = RiskState.HALTED) -> RiskChange:
    return RiskChange(state, RiskState.ACTIVE, reason, "risk", T0)


async def test_fills_are_grouped() -> None:
    async with running() as told:
        for n in range(25):
            told.told.on_event(fill(n))
        told.told.look()
        told.told.on_event(fill(26))
        told.told.look()
        await until(lambda: len(told.messages) == 2)
        title, text, kind = told.messages[0]
        assert (title, kind) == ("tickdesk: 25 fills", "info")
        assert text.splitlines()[0] == "buy 0.5 sim:A-USD at 100, fee 0.05"
        assert len(text.splitlines()) == 21 and text.endswith("and 5 more")
        assert told.messages[1][0] == "tickdesk: fill"


async def test_a_burst_becomes_one_message_by_itself() -> None:
    async with running() as told:
        await asyncio.sleep(0)  # its first look finds nothing
        for n in range(3):
            told.told.on_event(fill(n))
        await until(lambda: told.messages)
        assert [title for title, _, _ in told.messages] == ["tickdesk: 3 fills"]


async def test_alerts_of_a_moment_are_one_message() -> None:
    async with running(quiet_s=60.0) as told:
        await asyncio.sleep(0)
        for n in (1, 1, *range(2, LISTED + 5)):
            told.told.on_event(Alert("warning", "alert", f"BTC-USD last above {n}", T0))
        told.told.look()
        told.told.on_event(Alert("warning", "alert", "ETH-USD last above 1", T0))
        told.told.look()
        await until(lambda: len(told.messages) == 2)
        (title, text, kind), one = told.messages
        assert (title, kind) == (f"tickdesk: {LISTED + 4} alerts", "warning") and text.endswith("and 4 more")
        assert one == ("tickdesk: alert", "ETH-USD last above 1", "warning")


async def test_halts_and_drift_and_reports() -> None:
    async with running() as told:
        told.told.on_event(halted())
        told.told.on_event(halted("paper drifts", RiskState.REDUCING))
        told.told.on_event(RiskChange(RiskState.ACTIVE, RiskState.HALTED, "mended", "me", T0))
        told.told.on_event(Alert("error", "reconciliation", "alpaca: cash USD: ours 5, theirs 6", T0))
        told.told.on_event(Alert("error", "engine", "not told beyond the desk", T0))
        told.told.daily_report("2025-03-04", "Net P&L: 5.00 USD\nFees: 1.00")
        await until(lambda: len(told.messages) == 4)
        assert told.messages == [
            ("tickdesk: trading state", "ACTIVE → HALTED by risk: daily loss", "failure"),
            ("tickdesk: trading state", "ACTIVE → REDUCING by risk: paper drifts", "warning"),
            ("tickdesk: reconciliation", "alpaca: cash USD: ours 5, theirs 6", "failure"),
            ("tickdesk: daily report 2025-03-04", "Net P&L: 5.00 USD\nFees: 1.00", "info"),
        ]


async def test_the_same_news_is_told_again_after_a_while_only() -> None:
    async with running(quiet_s=60.0) as told:
        for now in (0.0, 30.0, 59.0, 61.0):
            told.now = 100.0 + now
            told.told.on_event(halted())
        told.told.on_event(halted("another reason"))
        await until(lambda: len(told.messages) == 3)
        assert [text.rsplit(": ", 1)[1] for _, text, _ in told.messages] == [
            *("daily loss", "daily loss (3 times since it was told last)", "another reason")
        ]


async def test_what_the_engine_tells_of_itself() -> None:
    lost = alarms.Told("feed", "error", "kraken is away: down, connection \x1b[31mrefused", False)
    back = alarms.Told("feed", "info", "kraken is back", False)
    async with running(quiet_s=60.0) as told:
        for news in (lost, back, lost, back):
            told.told.operation(news)
        told.now += 61
        told.told.operation(lost)
        told.told.operation(alarms.Told("disk", "error", "0.05 GB are free", True))
        await until(lambda: len(told.messages) == 5)
        away = "kraken is away: down, connection [31mrefused"
        assert told.messages == [
            ("tickdesk: disk", "0.05 GB are free", "failure"),  # it cannot wait
            ("tickdesk: feed", away, "failure"),
            ("tickdesk: feed", "kraken is back", "info"),
            ("tickdesk: feed", "kraken is back", "info"),
            ("tickdesk: feed", f"{away} (2 times since it was told last)", "failure"),
        ]


async def test_in_quiet_hours_only_what_cannot_wait_is_told() -> None:
    # T0 is a Tuesday, 22:13 UTC.
    async with running(quiet_hours=("mon-sun 22:00-06:00",)) as told:
        told.told.on_event(fill(1))
        told.told.look()
        told.told.on_event(halted("entries off", RiskState.REDUCING))
        told.told.on_event(halted())
        await until(lambda: len(told.messages) == 1)
        told.utc_ns += 8 * 3600 * NS
        told.told.look()
        await until(lambda: len(told.messages) == 2)
        (_, first, _), (title, text, kind) = told.messages
        assert first == "ACTIVE → HALTED by risk: daily loss"
        assert (title, kind) == ("tickdesk: 2 messages of the quiet hours", "warning")
        assert text.splitlines() == [
            "fill: buy 0.5 sim:A-USD at 100, fee 0.05",
            "trading state: ACTIVE → REDUCING by risk: entries off",
        ]


async def test_a_restart_in_quiet_hours_loses_nothing_that_they_hold() -> None:
    quiet = {"quiet_hours": ("mon-sun 22:00-06:00",)}
    async with running(**quiet) as before:
        await asyncio.sleep(0)
        before.told.daily_report("2023-11-13", "Net P&L: 5.00 USD\nFees: 1.00")
        before.told.on_event(fill(1))  # gathered by nobody yet
    async with running(**quiet) as after:
        after.told.take_up(before.kept)
        after.told.look()
        assert not after.messages and not before.messages
        after.utc_ns += 8 * 3600 * NS
        after.told.look()
        await until(lambda: len(after.messages) == 2)
        assert after.messages == [
            ("tickdesk: 1 message of the quiet hours", "fill: buy 0.5 sim:A-USD at 100, fee 0.05", "info"),
            ("tickdesk: daily report 2023-11-13", "Net P&L: 5.00 USD\nFees: 1.00", "info"),
        ]
        await until(lambda: after.told._sending is None)
    assert after.kept == {notifications.HELD: None}, "what was told is not told at the next start"


async def test_a_restart_while_no_service_answers_loses_no_halt() -> None:
    async with running(quiet_s=0.0) as before:
        assert before.hook is not None
        before.hook.answers = [500, "hang"]
        before.told.on_event(halted("first"))
        await until(lambda: before.told._later)
        before.told.on_event(halted("second"))
        await until(lambda: len(before.messages) == 2)
        before.told.on_event(halted("third"))
        before.told.on_event(fill(1))  # gathered by nobody yet
    kept = dict(before.kept)
    async with running() as after:
        after.kept |= kept
        after.told.take_up(kept)
        await until(lambda: len(after.messages) == 4)
        texts = [text for _, text, _ in after.messages]
        assert [text.partition("risk: ")[2].partition("\n")[0] for text in texts[:3]] == [
            *("second", "first", "third")
        ]
        assert texts[3].startswith("buy 0.5 sim:A-USD")
        assert all(text.endswith(f"\n{RESTARTED}") for text in texts)
        await until(lambda: after.told._sending is None)
    assert after.kept == {notifications.UNSENT: None}, "it is told once"


async def test_a_kill_while_no_service_answers_loses_no_halt() -> None:
    """What it had to say is kept from when it failed until it is taken, at the next start, too."""
    async with running(quiet_s=0.0) as before:
        assert before.hook is not None
        before.hook.answers = [500, "hang"]
        before.told.on_event(halted("first"))
        await until(lambda: before.told._later)
        before.now += notifications.KEEP_S
        before.told.look()
        killed = dict(before.kept)
    async with running() as after:
        assert after.hook is not None
        after.hook.answers = ["hang"]
        after.kept |= killed
        after.told.take_up(killed)
        await until(lambda: after.messages)
        after.told.look()
        assert str(after.kept[notifications.UNSENT]).count("first") == 1, "nobody has taken it yet"


async def test_what_comes_when_it_has_ended_is_kept() -> None:
    async with running() as told:
        await asyncio.sleep(0)
    told.told.on_event(halted("last"))
    told.told.keep()
    assert "last" in str(told.kept[notifications.UNSENT])


async def test_an_engine_that_ends_before_it_knows_what_was_kept_writes_nothing_over_it() -> None:
    async with serving() as hook:
        told = Told(hook)
        told.told.on_event(halted("at the start"))
        told.told.keep()
        assert told.kept == {}
        told.told.take_up({})
        told.told.keep()
        assert "at the start" in str(told.kept[notifications.UNSENT])


async def test_what_was_kept_and_is_not_understood_is_forgotten() -> None:
    async with running() as told:
        told.told.take_up({notifications.UNSENT: [["no message"]], notifications.HELD: 5})
        assert not told.told.waiting


async def test_what_is_switched_off_is_not_told() -> None:
    off = dict.fromkeys(("fills", "halts", "drift", "feed_loss", "alerts", "operation"), False)
    async with running(**off) as told:
        told.told.on_event(fill(1))
        told.told.on_event(halted())
        told.told.on_event(Alert("error", "reconciliation", "drift", T0))
        told.told.on_event(Alert("warning", "alert", "came true", T0))
        for kind in ("feed", "stale data", "disk"):
            told.told.operation(alarms.Told(kind, "error", "is wrong", True))
        told.told.look()
        told.told.daily_report("2025-03-04", "told last")
        await until(lambda: told.messages)
        assert len(told.messages) == 1
    async with running(daily_report=False) as told:
        told.told.daily_report("2025-03-04", "not told")
        told.told.on_event(halted())
        await until(lambda: told.messages)
        assert len(told.messages) == 1


async def test_an_error_is_an_alert_once_until_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(quiet_s=0.0) as told:
        assert told.hook is not None
        told.hook.answers = [500, 500, 200, 500, 200]
        for count in range(1, 6):
            told.told.on_event(halted())
            await until(lambda count=count: len(told.messages) == count)
            await until(lambda: not told.told._messages)
        await until(lambda: len(told.alerts) == 2)
        assert {level for level, _, _ in told.alerts} == {"error"}
        assert all(source == "notify" and "not delivered" in text for _, source, text in told.alerts)
        assert SECRET not in caplog.text + repr(told.alerts)


async def test_what_failed_is_sent_again_to_who_has_not_taken_it() -> None:
    async with serving() as away, running(quiet_s=0.0) as told:
        away.answers = [500, 500, 200]
        told.told._urls += (away.url.replace("http://", "json://"),)
        told.told.on_event(halted())
        for attempt, pause_s in enumerate(AGAIN_S[:2], start=1):
            await until(lambda: told.told._later)
            told.now += pause_s - 0.1
            told.told.look()
            assert told.told.waiting == 1 and len(away.calls) == attempt
            told.now += 0.2
            told.told.look()
            await until(lambda attempt=attempt: len(away.calls) == attempt + 1)
        await until(lambda: not told.told.waiting)
        assert len(told.messages) == 1, "who has taken it is not told again"
        first, _, last = (body["message"] for _, body in away.calls)
        assert AGAIN not in first and last == f"{first}\n{AGAIN}"


async def test_what_fails_too_often_is_left_out_and_counted() -> None:
    async with running(quiet_s=0.0) as told:
        assert told.hook is not None
        told.hook.answers = [500]
        told.told.on_event(fill(1))
        for attempt, pause_s in enumerate(AGAIN_S, start=1):
            await until(lambda: told.told._later)
            assert len(told.messages) == attempt
            told.now += pause_s
            told.told.look()
        await until(lambda: told.told.left_out == 1)
        assert len(told.messages) == 1 + len(AGAIN_S) and not told.told.waiting


async def test_a_halt_is_told_when_the_line_is_back_after_hours_and_says_of_when_it_is() -> None:
    async with running(quiet_s=0.0) as told:
        assert told.hook is not None
        told.hook.answers = [500]
        told.told.on_event(halted())
        for count, pause_s in enumerate((*AGAIN_S, notifications.HOUR_S), start=1):
            await until(lambda count=count: len(told.messages) == count and bool(told.told._later))
            told.now, told.utc_ns = told.now + pause_s, told.utc_ns + int(pause_s) * NS
            told.told.look()
        await until(lambda: len(told.messages) == 5 and bool(told.told._later))
        told.hook.answers = [200]
        told.told.on_event(fill(1))
        await until(lambda: len(told.messages) == 7)
        assert [text.splitlines()[0] for _, text, _ in told.messages[5:]] == [
            "buy 0.5 sim:A-USD at 100, fee 0.05",
            "ACTIVE → HALTED by risk: daily loss",
        ]
        assert told.messages[-1][1].splitlines()[1:] == ["(of 2023-11-14 22:13:20 UTC)", AGAIN]
        assert not told.told.waiting and not told.told.left_out


async def test_a_halt_that_a_service_never_takes_is_not_sent_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "HOURS", 2)
    async with running(quiet_s=0.0) as told:
        assert told.hook is not None
        told.hook.answers = [500]
        told.told.on_event(halted())
        for _ in range(len(AGAIN_S) + 2):
            await until(lambda: told.told._later)
            told.now += notifications.HOUR_S
            told.told.look()
        await until(lambda: told.told.left_out == 1)
        assert not told.told.waiting


async def test_a_halt_after_the_desk_was_active_again_is_news() -> None:
    async with running() as told:
        for event in (halted(), halted(), halted(state=RiskState.ACTIVE), halted()):
            told.told.on_event(event)
        await until(lambda: len(told.messages) == 2)


async def test_a_halt_after_the_desk_could_reduce_again_is_news() -> None:
    """Else who was told of REDUCING last takes the desk for that."""
    async with running(quiet_s=60.0) as told:
        halt = RiskChange(RiskState.HALTED, RiskState.REDUCING, "daily loss", "risk", T0)
        reduce = RiskChange(RiskState.REDUCING, RiskState.HALTED, "looked at", "me", T0)
        for event in (halt, halt, reduce, halt):
            told.told.on_event(event)
        await until(lambda: len(told.messages) == 3)
        assert [text.partition(" by ")[0] for _, text, _ in told.messages] == [
            *("REDUCING → HALTED", "HALTED → REDUCING", "REDUCING → HALTED")
        ]


async def test_a_halt_waits_behind_nothing_that_can_wait_and_is_left_out_last() -> None:
    async with running(quiet_s=0.0) as told:
        assert told.hook is not None
        told.hook.answers = ["hang", 200]
        told.told.daily_report("first", "held up")
        await until(lambda: len(told.messages) == 1)
        for n in range(WAITING):
            told.told.daily_report(f"before {n}", "can wait")
        told.told.on_event(halted("one"))
        told.told.on_event(RiskChange(RiskState.REDUCING, RiskState.HALTED, "two", "risk", T0))
        for n in range(WAITING):
            told.told.daily_report(f"after {n}", "can wait")
        told.hook.hanging.set()
        await until(lambda: len(told.messages) == 1 + WAITING)
        texts = [text for _, text, _ in told.messages[1:4]]
        assert "risk: one" in texts[0] and "risk: two" in texts[1] and "can wait" in texts[2]
        assert told.messages[-1][0] == f"tickdesk: daily report after {WAITING - 1}"


async def test_a_halt_is_sent_again_however_much_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "WAITING", 3)
    async with running(quiet_s=0.0) as told:
        assert told.hook is not None
        told.hook.answers = [500, 500, 500, 500, 200]
        for n in range(3):
            told.told.daily_report(f"{n}", "can wait")
            await until(lambda n=n: len(told.told._later) == n + 1)
        told.told.on_event(halted())
        await until(lambda: told.told.left_out == 1)
        told.now += AGAIN_S[0]
        told.told.look()
        await until(lambda: len(told.messages) == 4 + 3)
        assert "daily loss" in told.messages[4][1]
        assert [title for title, _, _ in told.messages[5:]] == [f"tickdesk: daily report {n}" for n in (1, 2)]


async def test_a_plugin_that_breaks_is_an_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification, "_send", lambda *_: 1 / 0)
    async with running() as told:
        told.told.on_event(halted())
        await until(lambda: told.alerts)
        assert "not delivered (ZeroDivisionError)" in told.alerts[0][2]


async def test_a_service_that_hangs_costs_the_oldest_messages_and_nobody_waits() -> None:
    async with running(quiet_s=0.0) as told:
        assert told.hook is not None
        told.hook.answers = ["hang", 200]
        told.told.on_event(halted("first"))
        await until(lambda: len(told.messages) == 1)
        for n in range(WAITING + 5):
            told.told.on_event(halted(f"number {n}"))
        told.hook.hanging.set()
        await until(lambda: len(told.messages) == 1 + WAITING)
        second, last = told.messages[1][1], told.messages[-1][1]
        assert "number 5\n(5 earlier messages were left out)" in second
        assert f"number {WAITING + 4}" in last


# --- at the start ---


async def test_an_address_that_is_none_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(environ={URLS: f"json://localhost {SECRET}"})
    task = asyncio.create_task(told.told.run())
    try:
        await until(lambda: told.alerts)
        assert "urls[1] is no address" in told.alerts[0][2]
        assert SECRET not in caplog.text + repr(told.alerts)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_without_addresses_or_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=f"needs addresses: set {URLS}, or notify.url_file"):
        Told()
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[notify\]'"):
        Told(environ={URLS: "json://localhost"})


def test_addresses_from_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text("json://one\n\njson://two\n")
    path.chmod(0o600)
    config = NotifyConfig(enabled=True, url_file=str(path))
    assert notifications.addresses(config, {}) == ("json://one", "json://two")
    assert notifications.addresses(config, {URLS: "json://three"}) == ("json://three",)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"notify\.url_file can be read by others: chmod 600"):
        notifications.addresses(config, {})
    link = tmp_path / "link"
    link.symlink_to(path)
    for wrong in (link, tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigError, match=r"notify\.url_file") as refused:
            notifications.addresses(NotifyConfig(enabled=True, url_file=str(wrong)), {})
        assert str(tmp_path) not in str(refused.value)
