"""The life of an automation: changed, stored, started once by each match, over with its engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.config import AutomationsConfig, Config
from engine.errors import AutomationError, StoreError, UnknownAutomationError
from engine.events import NS
from engine.store import automations as stored
from engine.store.automations import AutomationRun, StoredAutomation
from engine.store.store import Store
from tests.wiring.conftest import START_NS, calm
from tests.wiring.hook import serving, until
from tests.wiring.running_automations import NOTIFY, SYMBOL, Running


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


async def test_more_than_may_run_at_once_run_one_after_the_other(
    database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(automations=AutomationsConfig(max_running=2))
    async with Running(database, config=config) as running:
        for number in range(5):
            await running.put(f"a{number}", NOTIFY)
        running.signal()
        await until(lambda: [row.succeeded for row in running.automations.rows()] == [1] * 5)
        (statistics,) = running.automations.statistics()
        assert (statistics.matched, statistics.started, statistics.skipped) == (5, 5, 0)
    assert caplog.text.count("3 runs wait until others end: automations.max_running is 2") == 1
