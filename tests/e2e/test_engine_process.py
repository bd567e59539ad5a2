"""The engine as an operator meets it: start, signals, status, stop, a second one, kill -9."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from console.link import EngineLink
from engine.api.address import socket_path
from engine.api.market_protocol import LatencyDetail, MarketFrame, Watch
from engine.api.protocol import EventFrame, Explanation, Health, Reply, StrategyPatch, StreamMessage
from engine.errors import LinkError
from engine.store.lock import FILE
from tests.e2e.engine import RunningEngine, options, refused, run
from widgets.market.detail import MarketDetail

FAST = options(simulated__history_s=60)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """One engine for the tests that only talk to it."""
    with RunningEngine(tmp_path_factory.mktemp("shared") / "state", *FAST) as running:
        yield running


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_status_and_stop(state_dir: Path) -> None:
    with RunningEngine(state_dir, *FAST) as engine:
        engine.wait_for(lambda health: health.status.ticks > 100)
        socket = socket_path(state_dir)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700
        plain = run("status", "--state-dir", str(state_dir))
        assert plain.returncode == 0, plain.stderr
        assert "PAPER ACTIVE" in plain.stdout
        told = run("status", "--json", "--state-dir", str(state_dir))
        assert msgspec.json.decode(told.stdout, type=Health).pid == engine.process.pid  # type: ignore[union-attr]
        stopped = run("stop", "--state-dir", str(state_dir))
        assert stopped.returncode == 0, stopped.stderr
        assert engine.wait() == 0
        assert not socket.exists()
    gone = run("status", "--state-dir", str(state_dir))
    assert gone.returncode == 4
    assert gone.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_cleanly(state_dir: Path, number: signal.Signals) -> None:
    with RunningEngine(state_dir, *FAST) as engine:
        engine.signal(signal.SIGHUP)
        engine.wait_for(lambda health: health.status.ticks > 100)
        engine.signal(number)
        assert engine.wait() == 0
    log = engine.stderr.read_text()
    assert "SIGHUP" in log
    assert "stopped" in log
    assert "Traceback" not in log


def test_second_engine_is_refused_in_one_line(state_dir: Path) -> None:
    with RunningEngine(state_dir, *FAST):
        assert "attach" in refused("--no-ui", "--state-dir", str(state_dir), code=3)


def test_kill_9_and_start_again_keeps_every_fill(state_dir: Path) -> None:
    with RunningEngine(state_dir, *FAST) as engine:
        engine.wait_for(lambda health: health.status.funnel["fills"] > 0)
        before = engine.state()
        engine.signal(signal.SIGKILL)
        engine.wait()
    acknowledged = {row.id: row.filled for row in before.orders if row.filled != "0"}
    assert acknowledged
    assert (state_dir / FILE).exists()
    with sqlite3.connect(state_dir / "tickdesk.db") as database:
        seqs = [seq for (seq,) in database.execute("SELECT seq FROM journal ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= before.last_seq
    with RunningEngine(state_dir, *FAST) as engine:
        after = {row.id: row for row in engine.state().orders}
        for identity, filled in acknowledged.items():
            assert float(after[identity].filled) >= float(filled)
        engine.signal(signal.SIGTERM)
        assert engine.wait() == 0


def test_first_start_shows_an_opportunity_within_ten_seconds(state_dir: Path) -> None:
    with RunningEngine(state_dir) as engine:
        health = engine.wait_for(lambda h: h.status.funnel["opportunities"] > 0, timeout=30)
        age_s = (health.status.engine_ns - health.status.started_ns) / 1e9
        # Ten seconds is the promise on an idle machine; the slack is for a busy one.
        assert age_s < 20


def test_what_a_person_set_outlives_the_engine(state_dir: Path) -> None:
    """Strategy switches and HALT are latched; flatten's receipt says that the desk is flat."""
    with RunningEngine(state_dir, *FAST) as engine:
        engine.wait_for(lambda health: health.status.funnel["fills"] > 0)
        first = asyncio.run(
            command(state_dir, lambda link: link.set_strategy("trend", StrategyPatch(enabled=False)))
        )
        assert first.ok and first.text == "trend off, weight 1"
        asyncio.run(
            command(state_dir, lambda link: link.set_strategy("mean_reversion", StrategyPatch(weight=2.5)))
        )
        reply = asyncio.run(command(state_dir, lambda link: link.set_risk("halted", "lunch \x1b[31mtime")))
        assert reply.text.endswith("→ HALTED")
        added = run("alerts", "add", "drawdown", "99", "--state-dir", str(state_dir))
        assert added.stdout == "alert a1: drawdown above 99 %\n", added.stderr
        engine.signal(signal.SIGKILL)
        engine.wait()
    with RunningEngine(state_dir, *FAST) as engine:
        kept = run("alerts", "--state-dir", str(state_dir))
        assert "a1  on  drawdown above 99 %" in kept.stdout
        state = engine.state()
        assert (state.status.risk_state, state.status.risk_reason) == ("halted", "lunch [31mtime")
        rows = {row.name: row for row in state.strategies}
        assert not rows["trend"].enabled and rows["mean_reversion"].weight == 2.5
        told = run("status", "--state-dir", str(state_dir))
        assert "HALTED (lunch [31mtime)" in told.stdout

        # Exits that a person asks for go through a halted desk.
        held = [row for row in state.positions if row.quantity != "0"]
        assert held
        receipt = asyncio.run(command(state_dir, lambda link: link.flatten()))
        assert receipt.ok and "verified flat" in receipt.text, receipt.text
        state = engine.state()
        assert all(row.quantity == "0" for row in state.positions)
        assert state.status.risk_state == "halted"
        assert {row.purpose for row in state.orders if row.created_ns > state.status.started_ns} == {
            "flatten"
        }

        again = asyncio.run(command(state_dir, lambda link: link.set_risk("halted", "")))
        assert again.text == "already HALTED"
        resumed = asyncio.run(command(state_dir, lambda link: link.set_risk("active", "back")))
        assert resumed.text == "HALTED → ACTIVE"
        orders = engine.health().status.funnel["orders"]
        engine.wait_for(lambda health: health.status.funnel["orders"] > orders)
        engine.signal(signal.SIGTERM)
        assert engine.wait() == 0


async def command(state_dir: Path, ask: Callable[[EngineLink], Awaitable[Reply]]) -> Reply:
    link = EngineLink(socket_path(state_dir))
    try:
        return await ask(link)
    finally:
        await link.close()


def test_commands_that_cannot_be_are_one_line(engine: RunningEngine) -> None:
    for ask_for, says in (
        (lambda link: link.set_strategy("nosuch", StrategyPatch(enabled=True)), "nosuch"),
        (lambda link: link.set_strategy("trend", StrategyPatch(weight=-1.0)), "weight"),
        (lambda link: link.explain("nosuch"), "nothing is known of nosuch"),
    ):
        with pytest.raises(LinkError, match=says) as caught:
            asyncio.run(command(engine.state_dir, ask_for))
        assert str(caught.value).isprintable()
    assert engine.wait_for(lambda health: health.ok)


def test_every_event_reaches_a_client_that_comes_and_goes(engine: RunningEngine) -> None:
    """Across reconnects, and against the journal."""
    seqs = asyncio.run(_come_and_go(engine.state_dir))
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    with sqlite3.connect(engine.state_dir / "tickdesk.db") as database:
        (last,) = database.execute("SELECT MAX(seq) FROM journal").fetchone()
    assert len(seqs) >= 12 and seqs[-1] <= last


async def _come_and_go(state_dir: Path) -> list[int]:
    link, seqs = EngineLink(socket_path(state_dir)), list[int]()

    def take(message: StreamMessage) -> None:
        if isinstance(message, EventFrame):
            seqs.append(message.seq)

    for on in (False, True, False, True):
        stream = asyncio.create_task(link.run(take, lambda *_: None))
        for enabled in (on, not on, on):
            await command(
                state_dir,
                lambda other, e=enabled: other.set_strategy("golden_cross", StrategyPatch(enabled=e)),
            )  # type: ignore[misc]
        seen = len(seqs)
        for _ in range(100):
            await asyncio.sleep(0.02)
            if len(seqs) > seen or seen >= 3:
                break
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
        await command(
            state_dir, lambda other, e=on: other.set_strategy("golden_cross", StrategyPatch(enabled=e))
        )  # type: ignore[misc]
    return seqs


def test_explanations_of_orders_and_opportunities(engine: RunningEngine) -> None:
    engine.wait_for(lambda health: health.status.funnel["fills"] > 0)
    state = engine.state()
    order = next(row for row in state.orders if row.filled != "0")

    async def explain(identity: str) -> Explanation:
        link = EngineLink(socket_path(engine.state_dir))
        try:
            return await link.explain(identity)
        finally:
            await link.close()

    told = asyncio.run(explain(order.id))
    assert (told.id, told.symbol) == (order.id, order.symbol)
    assert told.verdict is not None and told.verdict.approved and told.fills and told.order_events
    assert told.opportunity is not None and told.blend is not None and told.features is not None
    assert sum(one.contribution for one in told.blend.inputs) == pytest.approx(told.blend.score)
    chain = asyncio.run(explain(told.opportunity.id))
    assert chain.opportunity is not None and chain.opportunity.id == told.opportunity.id
    assert [fill.trade_id for fill in chain.fills] == [fill.trade_id for fill in told.fills]


def test_the_market_of_a_traded_symbol_is_watched_with_our_fills_and_latencies(engine: RunningEngine) -> None:
    engine.wait_for(lambda health: health.status.funnel["fills"] > 0)
    symbol = next(row.symbol for row in engine.state().orders if row.filled != "0")
    detail, latency = asyncio.run(_watch(engine.state_dir, Watch(symbol, 5)))
    assert (detail.symbol, detail.interval_s) == (symbol, 5)
    assert detail.frame is not None and detail.frame.depth and detail.frame.bids and detail.frame.asks
    assert detail.fills and len(detail.trades) > 10
    bars = list(detail.bars.values())
    assert len(bars) > 10 and not bars[-1].closed and len(bars[-1].indicators) == len(detail.frame.indicators)
    stages = {row.stage: row for row in latency.stages}
    for stage in ("decision", "approval", "journal", "submission", "first fill", "bar close", "frame sent"):
        assert stages[stage].count and stages[stage].p50_us, stage


async def _watch(state_dir: Path, watch: Watch) -> tuple[MarketDetail, LatencyDetail]:
    """Until a second frame has come."""
    link, detail, frames = EngineLink(socket_path(state_dir)), MarketDetail(), asyncio.Semaphore(0)

    def take(message: StreamMessage) -> None:
        if isinstance(message, MarketFrame):
            detail.merge(message)
            frames.release()

    await link.watch(watch)
    stream = asyncio.create_task(link.run(take, lambda *_: None))
    try:
        async with asyncio.timeout(10):
            await frames.acquire()
            await frames.acquire()
        return detail, await link.latency()
    finally:
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
