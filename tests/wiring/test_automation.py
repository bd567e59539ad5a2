"""Automations at work: a real store, a real desk, a real server at the other end."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.automation.environment import resolve
from engine.config import AutomationsConfig, Config, load
from engine.errors import AutomationError, StoreError, UnknownAutomationError
from engine.events import NS, OrderState, RiskState
from engine.feeds.sources.alpha_vantage import AlphaVantage
from engine.feeds.sources.polygon import Polygon
from engine.feeds.sources.twelve_data import TwelveData
from engine.store import automations as stored
from engine.store.automations import AutomationRun, StoredAutomation
from engine.store.store import Store
from engine.wiring.automation_steps import REVERTS
from tests.wiring.conftest import START_NS, calm, quote
from tests.wiring.hook import Hook, serving, until
from tests.wiring.running_automations import SYMBOL, Running


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "tickdesk.db"


NOTIFY = {"type": "notify", "text": "{symbol} {side} {score} {price}: {reason}"}


# --- life of an automation ---


async def test_a_signal_is_told_of_with_what_it_says(database: Path) -> None:
    async with Running(database) as running:
        assert await running.put("one", NOTIFY) == "one on: signal of any strategy on all symbols → notify"
        running.signal(score=-0.8)
        row = await running.ended(1)
        (text,) = running.alerts("automation:one")
        assert text.startswith(f"{SYMBOL} sell -0.80 ") and text.endswith(": up it goes")
        assert 99.0 < float(text.split()[3].rstrip(":")) < 101.0
        assert (row.matched, row.started, row.succeeded, row.failed, row.running) == (1, 1, 1, 0, 0)
        assert row.last_ns == running.now_ns
        (statistics,) = running.automations.statistics()
        assert (statistics.signal, statistics.seen, statistics.succeeded) == ("trend", 1, 1)
        assert statistics.latency_p99_us is not None and statistics.latency_p99_us > 0
        (run,) = await running.recorded(1)
        assert (run.name, run.signal, run.symbol, run.state) == ("one", "trend", SYMBOL, "succeeded")


async def test_symbols_are_watched_in_every_spelling_that_means_one(database: Path) -> None:
    async with Running(database) as running:
        text = await running.put("one", NOTIFY, symbols=["ETH/USD", "sim:ETH-USD", "NOPE/USD"])
        assert "on sim:ETH-USD, NOPE/USD →" in text
        assert b'"ETH/USD"' in (running.automations.get("one") or b""), "as it was written"
        running.signal(symbol="sim:ETH-USD")
        await running.ended(1)
    async with Running(database) as running:
        running.signal(at_s=11, symbol="sim:ETH-USD")
        assert (await running.ended(1)).matched == 1


@pytest.mark.parametrize("tape", [False, True])
async def test_names_are_looked_for_among_the_symbols_of_the_desk(database: Path, tape: bool) -> None:
    """Those that it trades by default may have the same name, and a tape's come when it is played."""
    async with Running(database, tape=tape) as running:
        text = await running.put("one", NOTIFY, symbols=["BTC-USD"])
        assert f"on {SYMBOL} →" in text
        text = await running.put("late", NOTIFY, symbols=["SOL-USD"])
        assert f"on {'SOL-USD' if tape else 'sim:SOL-USD'} →" in text
        running.desk.on_events(next(iter(calm("test:SOL-USD", 100.0, 2))))
        running.signal(symbol="test:SOL-USD")
        await running.ended(1, "late")


async def test_changes_are_told_stored_and_kept(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", NOTIFY, min_score=0.5)
        assert running.alerts("test") == [
            "automation one on: signal of any strategy |score| ≥ 0.5 on all symbols → notify"
        ]
        assert await running.automations.set_active("one", False, "test") == "one off"
        running.signal()
        await until(lambda: running.automations.statistics())
        assert running.row().matched == 0
        document = json.loads(running.automations.get("one") or b"")
        assert document["active"] is False and document["trigger"]["min_score"] == 0.5
    async with Running(database) as running:
        assert not running.row().active
        await running.automations.set_active("one", True, "test")
        running.signal()
        await running.ended(1)
        assert await running.automations.remove("one", "test") == "one removed"
        assert running.automations.rows() == () and running.automations.get("one") is None
        with pytest.raises(UnknownAutomationError, match="unknown automation one"):
            await running.automations.set_active("one", True, "test")
        with pytest.raises(UnknownAutomationError):
            await running.automations.remove("one", "test")


async def test_what_is_wrong_is_refused_and_changes_nothing(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", NOTIFY)
        with pytest.raises(AutomationError, match=r"steps\[0\].text: unknown field"):
            await running.put("one", {"type": "notify", "text": "{nothing}"})
        with pytest.raises(AutomationError, match="no JSON"):
            await running.automations.put("one", b"\xff{", "test")
        assert running.row().active and b"up" not in (running.automations.get("one") or b"")


async def test_another_process_changes_what_is_stored(database: Path) -> None:
    config = Config(automations=AutomationsConfig(refresh_s=0.05))
    async with Running(database, config) as running:
        other = Store(database)
        other.start()
        definition = json.dumps({"trigger": {"type": "signal"}, "steps": [NOTIFY]})
        done: list[object] = []
        for name, text in (("one", definition), ("torn", "{")):
            other.ask(stored.put(StoredAutomation(name, text, True, 1)), lambda _, error: done.append(error))
        await until(lambda: len(done) == 2 and len(running.automations.rows()) == 2)
        other.close()
        assert done == [None, None]
        running.signal()
        await running.ended(1)
        torn = running.row("torn")
        assert not torn.active and "no JSON" in torn.error
        assert running.automations.get("torn") == b"{"
        with pytest.raises(AutomationError, match="no JSON"):
            await running.automations.set_active("torn", True, "test")


async def test_what_was_recorded_is_never_run_again(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", NOTIFY)
        running.signal(at_s=5)
        await running.ended(1)
        await running.recorded(1)
        running.signal(at_s=5)
        await until(lambda: running.skipped() == 1)
    async with Running(database) as running:
        running.signal(at_s=5)
        await until(lambda: running.skipped() == 1)
        running.signal(at_s=6)
        await running.ended(1)
        assert len(running.alerts("automation:one")) == 1 and running.row().matched == 2


async def test_what_an_end_interrupts_is_over(database: Path) -> None:
    async with serving() as hook:
        hook.answers = ["hang"]
        async with Running(database) as running:
            await running.put("one", {"type": "webhook", "url": hook.url, "timeout_s": 60})
            running.signal(at_s=5)
            await until(lambda: hook.calls)
            assert running.row().running == 1
        async with Running(database) as running:
            (run,) = await running.recorded(1)
            assert run.state == stored.INTERRUPTED and "not run again" in run.error
            running.signal(at_s=5)
            await until(lambda: running.skipped() == 1)
        assert len(hook.calls) == 1


async def test_an_engine_that_was_killed_leaves_runs_that_are_over(database: Path) -> None:
    store = Store(database)
    store.start()
    done: list[object] = []
    run = AutomationRun("id", "one", "trend", SYMBOL, stored.STARTED, START_NS + 9 * NS, 0, "")
    store.ask(stored.advance((), [run], 10), lambda value, _: done.append(value))
    await until(lambda: done)
    store.close()
    async with Running(database) as running:
        (found,) = await running.recorded(1)
        assert found.state == stored.INTERRUPTED
        await running.put("one", NOTIFY, cooldown_s=60)
        assert running.row().last_ns == START_NS + 9 * NS
        running.signal(at_s=20)
        running.signal(at_s=69)
        await running.ended(1)
        assert running.row().matched == 1, "the cooldown went on"


async def test_one_that_fails_hurts_no_other(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Running(database) as running:
        steps = running.automations._steps
        monkeypatch.setattr(steps, "_tighten", lambda job, step: 1 / 0)
        await running.put("bug", {"type": "halt", "state": "halted"}, NOTIFY)
        await running.put("one", NOTIFY)
        for at_s in (1, 2, 3):
            running.signal(at_s=at_s)
            await running.ended(at_s)
        row = await running.ended(3, "bug")
        assert (row.failed, row.succeeded, row.running) == (3, 0, 0)
        assert row.error == "step 1 (halt): internal error (ZeroDivisionError): see engine.log"
        assert running.alerts("automation:bug") == [row.error], "told once, and the step after it not done"
        assert len(running.alerts("automation:one")) == 3


async def test_periods(database: Path) -> None:
    async with Running(database) as running:
        body = {
            "trigger": {"type": "periodic", "every_s": 60},
            "steps": [{"type": "notify", "text": "{time}"}],
        }
        await running.automations.put("one", json.dumps(body).encode(), "test")
        assert running.row().matched == 0
        running.now_ns = START_NS + 120 * NS
        await running.ended(1)
        assert len(running.alerts("automation:one")) == 1
        (run,) = await running.recorded(1)
        assert (run.signal, run.symbol) == ("", "")


async def test_a_store_that_fails_starts_nothing(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", NOTIFY)
        running.store.error = StoreError("disk full")
        running.signal()
        await until(lambda: running.skipped() == 1)
        assert running.row().started == 0 and running.alerts("automation:one") == []
        running.store.error = None


async def test_a_store_that_fails_at_every_turn_is_told_once(
    database: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.wiring.automation.PAUSE_S", 0.0)
    turns = 0

    async def fail() -> None:
        nonlocal turns
        turns += 1
        raise StoreError("disk full" if turns < 5 else "database is locked")

    async with Running(database) as running:
        monkeypatch.setattr(running.automations, "_turn", fail)
        monkeypatch.setattr(running.automations, "_wait", lambda: asyncio.sleep(0))
        running.signal()
        await until(lambda: turns > 10)
    told = [record.message for record in caplog.records if "automations wait" in record.message]
    assert told == ["automations wait: disk full", "automations wait: database is locked"]


async def test_what_could_not_be_recorded_begins_no_cooldown(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", NOTIFY, cooldown_s=3_600)
        running.store.error = StoreError("disk full")
        running.signal(at_s=1)
        await until(lambda: running.skipped() == 1)
        running.store.error = None
        running.signal(at_s=2)
        await running.ended(1)
        running.signal(at_s=3)
        running.signal(symbol="sim:ETH-USD", at_s=3)
        await running.ended(2)
        assert running.row().matched == 3, "what ran did begin one"


# --- webhooks ---


def hooked(hook: Hook, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": hook.url, **more}


async def test_a_webhook_gets_the_signal_and_secrets_of_the_environment(database: Path) -> None:
    async with serving() as hook:
        environ = {"HOOK": f"{hook.url}?key=hidden", "TOKEN": "Bearer hidden"}
        async with Running(database, environ=environ) as running:
            step = {"type": "webhook", "url": "env:HOOK", "headers": {"Authorization": "env:TOKEN"}}
            await running.put("one", {**step, "text": "{source}"})
            running.signal()
            await running.ended(1)
            headers, body = hook.calls[0]
            assert headers["Authorization"] == "Bearer hidden"
            assert headers["Idempotency-Key"] == f"{body['run_id']}-1"
            assert body["signal"]["symbol"] == SYMBOL and body["signal"]["score"] == 0.8
            assert body["text"] == "trend" and body["automation"] == "one"
            assert b"hidden" not in (running.automations.get("one") or b"")


async def test_the_desks_own_keys_are_sent_nowhere(database: Path) -> None:
    """A token may write definitions; what the desk signs in with at its brokers is not for whoever has it."""
    sources = (AlphaVantage, Polygon, TwelveData)
    own = ["TICKDESK_ALPACA_SECRET", "TICKDESK_NOTIFY_URLS", *(source.variable for source in sources)]
    environ = dict.fromkeys(own, "hidden")
    async with serving() as hook, Running(database, environ=environ) as running:
        for name in own:
            with pytest.raises(AutomationError, match=f"headers.X-Take: {name} is the desk's own"):
                await running.put("one", hooked(hook, headers={"X-Take": f"env:{name}"}))
            with pytest.raises(AutomationError, match=f"url: {name} is the desk's own"):
                await running.put("one", {"type": "webhook", "url": f"env:{name}"})
            with pytest.raises(AutomationError, match="is the desk's own"):
                resolve(f"env:{name}", environ)  # as a broker of jobs may say it
        with pytest.raises(AutomationError, match="urls: TICKDESK_ALPACA_SECRET is the desk's own"):
            await running.put("one", {**NOTIFY, "urls": ["env:TICKDESK_ALPACA_SECRET"]})
        await running.put("one", {**NOTIFY, "urls": ["env:TICKDESK_NOTIFY_URLS"]})
        assert not hook.calls


async def test_a_webhook_is_tried_again(database: Path) -> None:
    async with serving() as hook:
        hook.answers = [500, 429, "cut", 200]
        async with Running(database) as running:
            await running.put("one", hooked(hook, retries=3))
            running.signal()
            assert (await running.ended(1)).succeeded == 1
            assert len(hook.calls) == 4
            assert len({headers["Idempotency-Key"] for headers, _ in hook.calls}) == 1


async def test_a_receiver_tells_the_calls_of_one_run_apart(database: Path) -> None:
    async with serving() as hook, Running(database) as running:
        await running.put("one", hooked(hook), NOTIFY, hooked(hook), hooked(hook))
        running.signal()
        assert (await running.ended(1)).succeeded == 1
        run_id = hook.calls[0][1]["run_id"]
        keys = [headers["Idempotency-Key"] for headers, _ in hook.calls]
        assert keys == [f"{run_id}-1", f"{run_id}-3", f"{run_id}-4"]


@pytest.mark.parametrize(
    ("answers", "more", "error", "calls"),
    [
        ([500], {"retries": 1}, "answered 500, tried 2 times", 2),
        ([404], {"retries": 3}, "answered 404", 1),
        (["hang"], {"retries": 1, "timeout_s": 0.1}, "no answer within 0.1 s, tried 2 times", 2),
        (["around"], {"retries": 3}, "redirected more than 3 times", 4),
        ([302], {"retries": 3}, "answered 302", 1),
    ],
)
async def test_a_webhook_that_fails(
    database: Path, answers: list[Any], more: dict[str, Any], error: str, calls: int
) -> None:
    async with serving() as hook:
        hook.answers = answers
        async with Running(database) as running:
            await running.put("one", hooked(hook, **more), NOTIFY)
            running.signal()
            row = await running.ended(1)
            assert row.error == f"step 1 (call webhook): webhook: {error}"
            assert len(hook.calls) == calls
            assert running.alerts("automation:one") == [row.error], "the step after it is not done"


async def test_redirects_stay_on_the_server(database: Path) -> None:
    async with serving() as hook, serving() as other:
        hook.answers, hook.elsewhere = ["elsewhere"], other.url
        async with Running(database) as running:
            await running.put("one", hooked(hook))
            running.signal(at_s=1)
            assert "redirected to another server" in (await running.ended(1)).error
            assert not other.calls and len(hook.calls) == 1
            hook.answers = ["around", 200]
            running.signal(at_s=2)
            assert (await running.ended(2)).succeeded == 1


async def test_an_endless_answer_is_not_read(database: Path) -> None:
    async with serving() as hook:
        hook.answers = ["endless"]
        async with Running(database) as running:
            await running.put("one", hooked(hook))
            running.signal()
            assert (await running.ended(1)).succeeded == 1


async def test_errors_of_webhooks_show_no_secret(database: Path) -> None:
    environ = {"GONE": "http://user:hidden@127.0.0.1:1/hidden", "WRONG": "ftp://hidden", "EMPTY": ""}
    async with Running(database, environ=environ) as running:
        for number, (name, error) in enumerate(
            [
                ("GONE", "no connection: Connection refused"),
                ("WRONG", "the address in the environment is no http or https address"),
                ("EMPTY", "the environment of the engine has no EMPTY"),
                ("UNSET", "the environment of the engine has no UNSET"),
            ]
        ):
            await running.put(f"a{number}", {"type": "webhook", "url": f"env:{name}", "retries": 0})
            running.signal(at_s=number)
            row = await running.ended(1, f"a{number}")
            assert error in row.error and "hidden" not in row.error
            await running.automations.remove(f"a{number}", "test")


async def test_a_hanging_webhook_holds_up_nobody(database: Path) -> None:
    async with serving() as hook:
        hook.answers = ["hang"]
        async with Running(database) as running:
            await running.put("hangs", hooked(hook, timeout_s=60))
            await running.put("one", NOTIFY)
            for at_s in (1, 2, 3):
                running.signal(at_s=at_s)
                await running.ended(at_s)
            assert running.row("hangs").running == 1 and len(hook.calls) == 1


@pytest.mark.parametrize("how", ["removed", "switched off", "changed"])
async def test_one_that_is_withdrawn_while_it_runs_goes_no_further(database: Path, how: str) -> None:
    order = {"type": "order", "side": "signal", "notional": 1000}
    async with serving() as hook:
        hook.answers = ["hang"]
        async with Running(database) as running:
            steps = [hooked(hook, timeout_s=60), order]
            await running.put("one", *steps)
            running.signal()
            await until(lambda: len(hook.calls) == 1)
            if how == "removed":
                await running.automations.remove("one", "test")
            elif how == "switched off":
                await running.automations.set_active("one", False, "test")
            else:
                await running.put("one", steps[0], order | {"notional": 10})
            hook.hanging.set()
            (run,) = await running.recorded(1)
            assert run.error == f"step 2 (order): not done: the automation was {how} meanwhile"
            assert not running.orders()


async def test_on_a_tape_nothing_outside_is_called(database: Path) -> None:
    async with serving() as hook, Running(database, tape=True) as running:
        await running.put("one", hooked(hook), {**NOTIFY, "urls": ["env:UNSET"]})
        running.signal()
        assert (await running.ended(1)).succeeded == 1
        assert not hook.calls and len(running.alerts("automation:one")) == 1


# --- notifications ---


async def test_apprise_delivers(database: Path) -> None:
    pytest.importorskip("apprise", reason="tickdesk[notify] is not installed")
    async with serving() as hook:
        environ = {"NOTIFY": hook.url.replace("http://", "json://")}
        async with Running(database, environ=environ) as running:
            await running.put("one", {**NOTIFY, "urls": ["env:NOTIFY"], "level": "error"})
            running.signal(at_s=1)
            assert (await running.ended(1)).error == ""
            ((_, body),) = hook.calls
            assert body["title"] == "tickdesk: one" and body["message"].endswith("up it goes")
            assert body["type"] == "failure"
            hook.answers = [500]
            running.signal(at_s=2)
            assert "not delivered" in (await running.ended(2)).error
            await running.put("one", {**NOTIFY, "urls": ["nonsense"]})
            running.signal(at_s=3)
            assert "urls[0] is no address" in (await running.ended(3)).error


async def test_apprise_logs_no_address(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("apprise")
    environ = {"NOTIFY": "hunter2"}
    async with Running(database, environ=environ) as running:
        await running.put("one", {**NOTIFY, "urls": ["env:NOTIFY"]})
        running.signal()
        row = await running.ended(1)
        assert "urls[0] is no address that Apprise knows" in row.error
        assert "hunter2" not in row.error + caplog.text


async def test_without_apprise(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    async with Running(database) as running:
        await running.put("one", {**NOTIFY, "urls": ["json://localhost"]})
        running.signal()
        assert "pip install 'tickdesk[notify]'" in (await running.ended(1)).error


# --- the desk ---


async def test_an_order_passes_the_gate_and_is_filled(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "signal", "notional": 1000})
        running.signal()
        row = await running.ended(1)
        assert row.error == ""
        created = running.orders()[0]
        request = created.request
        assert request is not None and created.state is OrderState.INITIALIZED
        assert request.side.value == "buy" and 9.9 < float(request.quantity) <= 10.0
        assert request.sources == ("trend",) and request.reason == "automation:one: up it goes"
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 11.0)])
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 12.0)])
        assert running.desk.trading.ledger.quantity(SYMBOL) == request.quantity


async def test_a_limit_order_with_its_bracket(database: Path) -> None:
    levels = {"price_offset_pct": 0.5, "stop_loss_pct": 1, "take_profit_pct": 2}
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "buy", "quantity": 5, **levels})
        running.signal()
        assert (await running.ended(1)).error == ""
        entry, stop, target = (event.request for event in running.orders() if event.request is not None)
        assert entry.type.value == "limit" and entry.sources == ("trend",)
        assert float(entry.price) == pytest.approx(99.5, rel=1e-4)
        assert float(stop.stop_price) == pytest.approx(float(entry.price) * 0.99, rel=1e-4)
        assert float(target.price) == pytest.approx(float(entry.price) * 1.02, rel=1e-4)
        assert stop.parent_id == target.parent_id == entry.client_order_id
        assert running.desk.trading.ledger.quantity(SYMBOL) == 0


@pytest.mark.parametrize("size", [{"quantity": 5}, {"percent": 0.5}])
async def test_sizes(database: Path, size: dict[str, float]) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "sell", **size})
        running.signal()
        assert (await running.ended(1)).error == ""
        request = running.orders()[0].request
        assert request is not None and request.side.value == "sell"
        assert 4.9 < float(request.quantity) <= 5.0


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"side": "buy", "notional": 0.001}, "is too small"),
        ({"side": "buy", "notional": 10, "symbol": "test:NONE"}, "the desk has no test:NONE"),
    ],
)
async def test_orders_that_cannot_be_made(database: Path, step: dict[str, Any], error: str) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", **step})
        running.signal()
        assert error in (await running.ended(1)).error
        assert running.orders() == []


async def test_the_gate_denies_as_it_denies_any_order(database: Path) -> None:
    async with Running(database) as running:
        running.desk.trading.set_state(RiskState.HALTED, "test", "enough")
        await running.put("one", {"type": "order", "side": "buy", "notional": 1000})
        running.signal(at_s=1)
        row = await running.ended(1)
        assert row.failed == 1 and "order denied:NOT_ACTIVE" in row.error
        assert [event.state for event in running.orders()] == [OrderState.INITIALIZED, OrderState.DENIED]
        running.desk.trading.set_state(RiskState.ACTIVE, "test", "")
        await running.put("one", {"type": "order", "side": "buy", "percent": 500})
        running.signal(at_s=2)
        assert "order denied:" in (await running.ended(2)).error


async def test_close_flattens_even_when_halted(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "buy", "notional": 1000})
        running.signal(at_s=1)
        await running.ended(1)
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 11.0)])
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 12.0)])
        assert running.desk.trading.ledger.quantity(SYMBOL) > 0
        await running.put("one", {"type": "halt", "state": "halted"}, {"type": "order", "side": "close"})
        running.signal(at_s=2)
        assert (await running.ended(2)).error == ""
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 13.0)])
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 14.0)])
        assert running.desk.trading.flat and running.desk.trading.gate.state is RiskState.HALTED
        running.signal(at_s=3)
        assert (await running.ended(3)).error == "", "flat is what was asked for"


async def test_no_entry_beside_an_exit(database: Path) -> None:
    config = load(overrides=["risk.allow_short=false"], environ={})
    async with Running(database, config=config) as running:
        await running.put("one", {"type": "order", "side": "buy", "quantity": 5})
        running.signal(at_s=1)
        await running.ended(1)
        for at_s in (11.0, 12.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        await running.put(
            "one", {"type": "order", "side": "close"}, {"type": "order", "side": "sell", "quantity": 5}
        )
        running.signal(at_s=2)
        assert "an exit of test:BTC-USD is at work" in (await running.ended(2)).error
        for at_s in (13.0, 14.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        assert running.desk.trading.flat


async def test_an_exit_overtakes_an_entry_that_is_being_written(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "buy", "quantity": 5})
        running.signal(at_s=1)
        await running.ended(1)
        for at_s in (11.0, 12.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        await running.put("one", {"type": "order", "side": "sell", "quantity": 6})
        running.bench.hold = True
        running.signal(at_s=2)
        assert (await running.ended(2)).error == ""
        running.desk.trading.flatten()
        running.bench.hold = False
        running.bench.release()
        for at_s in (13.0, 14.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        assert running.desk.trading.flat
        assert (OrderState.CANCELED, "an exit is at work") in [
            (event.state, event.reason) for event in running.orders()
        ]


async def test_a_symbol_rests_after_an_order_that_closed_it(database: Path) -> None:
    async with Running(database) as running:
        for number, side in enumerate(("buy", "sell")):
            await running.put("one", {"type": "order", "side": side, "quantity": 5})
            running.signal(at_s=number)
            await running.ended(number + 1)
            for at_s in (11.0, 12.0):
                running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s + 2 * number)])
            left = running.desk.trading.gate.cooldown.exited_ns
            assert bool(left) is (side == "sell"), running.desk.trading.ledger.quantity(SYMBOL)


async def test_halt_only_tightens(database: Path) -> None:
    async with Running(database) as running:
        gate = running.desk.trading.gate
        await running.put("one", {"type": "halt", "state": "reducing"})
        running.signal(at_s=1)
        await running.ended(1)
        assert gate.state is RiskState.REDUCING and gate.reason == "automation:one: up it goes"
        running.desk.trading.set_state(RiskState.HALTED, "test", "enough")
        running.signal(at_s=2)
        await running.ended(2)
        assert gate.state is RiskState.HALTED and gate.reason == "enough"


async def test_a_strategy_is_switched_and_weighed(database: Path) -> None:
    async with Running(database) as running:
        strategies = running.desk.signals.strategies
        step = {"type": "strategy", "name": "breakout", "enabled": False, "weight": 2.5}
        await running.put("one", step)
        running.signal(at_s=1)
        assert (await running.ended(1)).error == ""
        assert not strategies.enabled("breakout") and strategies.settings()["breakout"]["weight"] == 2.5
        assert any("breakout off" in text for text in running.alerts("automation:one"))
        await running.put("one", {**step, "name": "nothing"})
        running.signal(at_s=2)
        assert "nothing" in (await running.ended(2)).error


@pytest.mark.parametrize("restart", [False, True])
async def test_a_strategy_is_switched_off_for_a_time(database: Path, restart: bool) -> None:
    step = {"type": "strategy", "name": "breakout", "enabled": False, "for_s": 30}
    async with Running(database) as running:
        strategies = running.desk.signals.strategies
        await running.put("one", step)
        running.signal(at_s=1)
        await running.ended(1)
        running.signal(at_s=2)
        await running.ended(2)
        assert not strategies.enabled("breakout")
        if not restart:
            running.now_ns = START_NS + 60 * NS
            await until(lambda: strategies.enabled("breakout"))
            assert running.kept[REVERTS] == {}
            return
    async with Running(database) as running:
        running.desk.take_up(running.store.settings())
        strategies = running.desk.signals.strategies
        assert not strategies.enabled("breakout")
        running.now_ns = START_NS + 60 * NS
        await until(lambda: strategies.enabled("breakout"))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield


async def test_an_entry_of_an_automation_waits_out_the_rest_after_an_exit(database: Path) -> None:
    async with Running(database) as running:
        for number, side in enumerate(("buy", "sell")):
            await running.put("one", {"type": "order", "side": side, "quantity": 5})
            running.signal(at_s=number)
            await running.ended(number + 1)
            for at_s in (11.0, 12.0):
                running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s + 2 * number)])
        await running.put("one", {"type": "order", "side": "buy", "quantity": 6})
        running.signal(at_s=3)
        assert "denied:COOLDOWN" in (await running.ended(3)).error
