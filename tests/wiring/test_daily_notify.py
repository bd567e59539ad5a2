"""A daily run tells how it went: once at its end, and where it failed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from engine.config import Config, NotifyConfig
from engine.research.daily import STEPS
from engine.store.daily import DailyStore, StoredStep
from engine.wiring import daily_notify
from engine.wiring.daily_context import Context, StepFailed
from engine.wiring.daily_notify import notify, tell_failure
from engine.wiring.daily_rows import daily_details
from engine.wiring.daily_run import run_steps
from engine.wiring.notifications import URLS
from tests.wiring.daily_desk import DAY, Desk, Killed, begun, context_of
from tests.wiring.hook import serving


class Sent:
    """What goes out, in place of a service."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.fault = ""
        self.killed = False

    def __call__(self, config: NotifyConfig, title: str, text: str, level: str) -> str:
        self.told.append((title, text, level))
        if self.killed:
            raise Killed
        return self.fault


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    made = Sent()
    monkeypatch.setattr(daily_notify, "send", made)
    return made


def context(where: Path, *, dry: bool = False, **changes: object) -> Context:
    config = msgspec.structs.replace(
        Config(), notify=msgspec.structs.replace(NotifyConfig(enabled=True), **changes)
    )
    store = DailyStore(where)
    run = begun(store, dry=dry)
    for name in STEPS["daily"][:-1]:
        product = '{"lines": ["Net P&L: 12.00 USD", "Fees: 1.00"]}' if name == "report" else None
        store.end_step(run.id, name, "done", f"{name} went well", 1, product=product)
    return context_of(Desk(), where, config, store, run)


def test_one_message_with_the_steps_and_the_figures(tmp_path: Path, sent: Sent) -> None:
    assert notify(context(tmp_path)).text == "one message sent"
    ((title, text, level),) = sent.told
    assert (title, level) == (f"daily {DAY} done", "info")
    lines = text.splitlines()
    assert lines[0] == "data: data went well" and lines[-2:] == ["Net P&L: 12.00 USD", "Fees: 1.00"]


def test_a_kill_while_it_is_sent_says_so_the_next_time(tmp_path: Path, sent: Sent) -> None:
    here = context(tmp_path)
    sent.killed = True
    with pytest.raises(Killed):
        notify(here)
    sent.killed = False
    notify(here)
    first, second = (text for _, text, _ in sent.told)
    assert second == f"{first}\n(sent again: it may have arrived before)"


def test_who_is_not_to_be_told_is_not(tmp_path: Path, sent: Sent) -> None:
    for number, changes in enumerate(
        (
            {"enabled": False},
            {"daily_report": False},
            {"quiet_hours": ("mon-sun 00:00-24:00",)},
            {"dry": True},
        )
    ):
        where = tmp_path / str(number)
        where.mkdir()
        assert notify(context(where, **changes)).skipped  # type: ignore[arg-type]
    assert sent.told == []


def test_what_cannot_be_told_is_the_one_step_that_is_left(tmp_path: Path, sent: Sent) -> None:
    sent.fault = "notify: not delivered"
    with pytest.raises(StepFailed, match="not delivered") as caught:
        notify(context(tmp_path))
    assert "only this step is left" in caught.value.todo


def test_a_message_that_fails_does_not_fail_the_day(tmp_path: Path, sent: Sent) -> None:
    here = context(tmp_path)
    sent.fault = "notify: not delivered"
    assert not run_steps(here)
    (found,) = daily_details(tmp_path, DAY)
    assert found.run.state == "done"
    assert found.run.text == (
        "orders went well; report went well; nobody could be told: notify: not delivered"
    )
    assert [step.name for step in found.run.steps if step.state == "failed"] == ["notify"]
    assert len(sent.told) == 1  # it is not told by the same way that it cannot be told
    sent.fault = ""
    assert run_steps(here) and len(sent.told) == 2
    (found,) = daily_details(tmp_path, DAY)
    assert found.run.text == "orders went well; report went well"


def test_a_failure_is_told_at_any_hour_with_what_to_do(tmp_path: Path, sent: Sent) -> None:
    step = StoredStep("orders", "failed", 1, 1, 2, "stale", "start it again", "")
    assert tell_failure(context(tmp_path, quiet_hours=("mon-sun 00:00-24:00",)), step) == ""
    ((title, text, level),) = sent.told
    assert (title, level) == (f"daily {DAY} FAILED", "error")
    assert text == "orders failed: stale\nnext: start it again"


def test_addresses_that_are_not_there_are_said_to_be_missing() -> None:
    pytest.importorskip("apprise")
    assert "needs addresses" in daily_notify.send(NotifyConfig(enabled=True), "a", "b", "info", environ={})


async def test_it_arrives() -> None:
    pytest.importorskip("apprise")
    async with serving() as hook:
        environ = {URLS: hook.url.replace("http://", "json://")}
        wanted = (NotifyConfig(enabled=True), "daily done", "orders: 2 filled", "info", environ)
        assert await asyncio.to_thread(daily_notify.send, *wanted) == ""
        ((_, told),) = hook.calls
        assert told["title"] == "tickdesk: daily done" and told["message"] == "orders: 2 filled"
        hook.answers = [500]
        assert "not delivered" in await asyncio.to_thread(daily_notify.send, *wanted)
