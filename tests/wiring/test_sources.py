"""A feed outlives its bugs, learns its grids late, and ends only when the configuration is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.config import (
    CollectionConfig,
    Config,
    ExitsConfig,
    FeedConfig,
    RiskConfig,
    SimulatedConfig,
    SymbolExits,
)
from engine.errors import ConfigError, FeedError
from engine.events import NS, Alert, FeedState, GridChange, MarketEvent, Trade
from engine.feeds.base import FeedStats, InstrumentSpec, Sink, UnknownSymbolsError, UnreachableError
from engine.feeds.rest import RefusedError
from engine.wiring import sources
from engine.wiring.restore import tell_unfed
from engine.wiring.sources import live_feeds, run_feed
from tests.wiring.conftest import START_NS, Bench
from tests.wiring.sent_orders import sent

A = "kraken:A/B"
SPEC = InstrumentSpec(A, Decimal("0.25"), Decimal("0.5"), Decimal(7), "B")
TRADE = Trade(A, 1, 100.0, 1.0, 1, START_NS, START_NS)


class FakeFeed:
    """``answers`` and ``runs`` are played one after the other, the last one for ever: an error is raised."""

    venue = "kraken"

    def __init__(self, answers: list[Exception | None], runs: list[Exception | None]) -> None:
        self.stats = FeedStats()
        self.answers, self.runs = answers, runs
        self.asked = self.started = 0
        self.running = False
        self.left_out: list[str] = []

    def leave_out(self, natives: Collection[str]) -> None:
        assert not self.running
        self.left_out += natives

    def take_back(self) -> None:
        assert not self.running
        self.left_out.clear()

    async def instruments(self) -> list[InstrumentSpec]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        await asyncio.sleep(0)
        if answer is not None:
            raise answer
        return [SPEC]

    async def run(self, sink: Sink) -> None:
        run = self.runs[min(self.started, len(self.runs) - 1)]
        self.started += 1
        self.stats.state, self.stats.detail = FeedState.UP, "streaming"
        self.running = True
        try:
            sink([TRADE])
            await asyncio.sleep(0)
            if run is not None:
                raise ExceptionGroup("of its tasks", [run])
            await asyncio.Event().wait()
        finally:
            self.running = False


def away() -> UnreachableError:
    return UnreachableError("kraken does not answer")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "RETRY_S", 0.001)
    monkeypatch.setattr(sources, "REFUSED_S", 0.001)
    monkeypatch.setattr(sources, "FIRST_PAUSE_S", 0.001)


async def run_until(work: Coroutine[Any, Any, None], condition: Callable[[], object]) -> None:
    """Run ``work`` until ``condition`` holds or it ends; then cancel it."""
    task = asyncio.create_task(work)
    async with asyncio.timeout(5):
        while not task.done() and not condition():
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()


async def test_a_feed_with_a_bug_runs_again_and_its_state_does_not_lie(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    feed = FakeFeed([None], [KeyError("a bug"), KeyError("a bug"), None])
    states: list[tuple[FeedState, str]] = []

    def running() -> bool:
        states.append((feed.stats.state, feed.stats.detail))
        return feed.started == 3 and feed.running

    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), running)
    failed = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.name for record in failed] == ["engine.feeds.kraken"] * 2
    assert all(record.exc_info and "KeyError" in record.getMessage() for record in failed)
    assert [record.getMessage().rpartition(" in ")[2] for record in failed] == ["0.001 s", "0.002 s"]
    assert any(state is FeedState.DOWN and "starts again" in detail for state, detail in states)
    assert bench.journal == []  # no alert, and no risk state: the desk trades on


async def test_the_pause_doubles_up_to_its_most(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A run longer than the most begins anew, and a busy machine makes one of some milliseconds.
    monkeypatch.setattr(sources, "MAX_PAUSE_S", 0.1)
    feed = FakeFeed([None], [RuntimeError("a bug")])
    desk = Bench().desk
    await run_until(run_feed(desk, feed, desk.on_events), lambda: feed.started > 9)
    failed = [record.getMessage() for record in caplog.records if record.name == "engine.feeds.kraken"]
    pauses = [float(message.rpartition(" in ")[2].split()[0]) for message in failed]
    assert pauses[:9] == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.1, 0.1]


@pytest.mark.parametrize("wrong", [FeedError("no such symbol: correct it"), ConfigError("a bad key")])
@pytest.mark.parametrize("at", ["start", "run"])
async def test_a_wrong_configuration_ends_it_in_one_error(wrong: Exception, at: str) -> None:
    bench = Bench()
    feed = FakeFeed([wrong if at == "start" else None], [wrong])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: False)
    (alert,) = bench.kinds(Alert)
    assert isinstance(alert, Alert) and (alert.level, alert.text) == ("error", str(wrong))
    assert (feed.stats.state, feed.stats.detail) == (FeedState.DOWN, str(wrong))
    assert feed.started == (0 if at == "start" else 1)


async def test_a_grid_that_was_not_to_be_had_at_the_start_is_adopted_when_the_venue_answers() -> None:
    bench = Bench()
    feed = FakeFeed([away(), away(), away(), None], [None])
    seen: list[tuple[Decimal, bool]] = []

    def sink(events: list[MarketEvent]) -> None:
        bench.desk.on_events(events)
        instrument = bench.desk.instruments.get(A)
        assert instrument is not None
        seen.append((instrument.tick_size, instrument.assumed))

    def learned() -> bool:
        instrument = bench.desk.instruments.get(A)
        return instrument is not None and not instrument.assumed

    await run_until(run_feed(bench.desk, feed, sink), learned)
    assert seen[0][1]  # its data came before its grid did
    instrument = bench.desk.instruments.get(A)
    assert instrument is not None and not instrument.assumed
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.25"), Decimal("0.5"))
    assert feed.asked == 4 and feed.started == 1 and bench.journal == []


def unknown(*known: InstrumentSpec) -> UnknownSymbolsError:
    return UnknownSymbolsError("kraken does not know the symbol C/D: correct it", ["C/D"], known)


async def test_a_symbol_found_unknown_late_is_told_and_the_feed_goes_on() -> None:
    bench = Bench()
    feed = FakeFeed([away(), away(), unknown(SPEC)], [None])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: bench.kinds(Alert))
    assert feed.started == 1 and feed.stats.state is FeedState.UP and not feed.left_out
    (alert,) = bench.kinds(Alert)
    assert isinstance(alert, Alert) and "does not know the symbol C/D" in alert.text
    instrument = bench.desk.instruments.get(A)
    assert instrument is not None and not instrument.assumed


async def test_a_symbol_unknown_at_the_start_is_left_out_unless_no_other_is_there() -> None:
    bench = Bench()
    feed = FakeFeed([unknown(SPEC)], [None])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: feed.running)
    assert feed.left_out == ["C/D"] and feed.started == 1
    (alert,) = bench.kinds(Alert)
    assert isinstance(alert, Alert) and alert.level == "error" and "goes on without" in alert.text
    feed = FakeFeed([unknown()], [None])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: False)
    assert feed.started == 0 and feed.stats.state is FeedState.DOWN


async def test_a_venue_that_refuses_to_tell_its_instruments_is_asked_again_and_told_of_once() -> None:
    bench = Bench()
    refused = RefusedError("kraken answered HTTP 403: check it")
    feed = FakeFeed([refused, refused, None], [None])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: feed.asked == 3)
    assert feed.started == 1 and feed.stats.state is FeedState.UP
    (alert,) = bench.kinds(Alert)
    assert isinstance(alert, Alert) and "HTTP 403" in alert.text and "asked again" in alert.text


def test_what_feeds_a_configuration_asks_for() -> None:
    def venues(**feeds: FeedConfig) -> list[str]:
        return [feed.venue for feed in live_feeds(Config(feeds=feeds), lambda: 0, {})]

    assert venues() == ["sim"]
    on = FeedConfig(symbols=("A",))
    assert venues(kraken=on, binance=on, coinbase=FeedConfig(enabled=False)) == ["kraken", "binance"]
    with pytest.raises(
        ConfigError, match=r"feeds\.nyse: no such venue; .*that ccxt knows as ccxt-<id>, such as"
    ):
        venues(nyse=on)
    with pytest.raises(ConfigError, match=r"feeds\.kraken\.symbols"):
        venues(kraken=FeedConfig())
    with pytest.raises(ConfigError, match=r"feeds\.kraken\.ws_url"):
        venues(kraken=FeedConfig(symbols=("A",), ws_url="ws://[::1"))
    with pytest.raises(ConfigError, match="no feed is enabled"):
        live_feeds(Config(simulated=SimulatedConfig(enabled=False)), lambda: 0, {})
    polled = CollectionConfig(symbols=("AAPL",))
    assert (
        live_feeds(Config(simulated=SimulatedConfig(enabled=False), collection=polled), lambda: 0, {}) == []
    )


def test_symbols_of_the_configuration_that_no_feed_brings_are_told(caplog: pytest.LogCaptureFixture) -> None:
    own = {"max_position_pct": 5.0}
    config = Config(
        simulated=SimulatedConfig(symbols=("A-USD",)),
        collection=CollectionConfig(symbols=("AAPL",)),
        risk=RiskConfig(symbols={"sim:A-USD": own, "sim:B-USD": own, "poll:AAPL": own}),
        exits=ExitsConfig(symbols={"kraken:X/Y": SymbolExits(stop_loss_pct=1.0)}),
    )
    bench = Bench(config)
    tell_unfed(bench.desk, live_feeds(config, lambda: START_NS, {}))
    (alert,) = [event for event in bench.journal if isinstance(event, Alert)]
    assert "poll:AAPL" not in alert.text, "a polling source brings it"
    text = "no feed brings the symbol of risk.symbols.sim:B-USD, exits.symbols.kraken:X/Y: it limits nothing"
    assert (alert.level, alert.text) == ("warning", text) and text in caplog.text
    brought = Config(
        simulated=SimulatedConfig(symbols=("A-USD",)), risk=RiskConfig(symbols={"sim:A-USD": own})
    )
    quiet = Bench(brought)
    tell_unfed(quiet.desk, live_feeds(brought, lambda: START_NS, {}))
    assert quiet.journal == []


def test_a_position_whose_symbol_was_taken_out_of_its_feed_is_told() -> None:
    """Its venue is there, and brings others: nobody would see that its stops are not watched."""
    journal = sent("paper", "2", filled=True)
    for symbols, told in ((("BTC-USD", "ETH-USD"), []), (("ETH-USD",), ["error"])):
        config = Config(simulated=SimulatedConfig(symbols=symbols))
        bench = Bench(config)
        bench.desk.restore(journal, START_NS + NS)
        tell_unfed(bench.desk, live_feeds(config, lambda: START_NS, {}))
        alerts = [one for one in bench.journal if isinstance(one, Alert) and one.source == "positions"]
        assert [one.level for one in alerts] == told
        assert all("no feed brings sim:BTC-USD: neither priced nor closed" in one.text for one in alerts)


async def test_a_grid_that_changes_while_the_feed_runs_goes_the_way_of_its_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever records it, or decides elsewhere, has it at its place; a venue that is away changes nothing."""
    monkeypatch.setattr(sources, "ANEW_S", 0.001)
    monkeypatch.setattr(sources, "ANEW_FAILED_S", 0.001)
    bench, sunk = Bench(), list[MarketEvent]()
    feed = FakeFeed([None, None, away(), RefusedError("no"), None], [None])
    coarse = msgspec.structs.replace(SPEC, tick_size=Decimal("0.5"))
    specs = iter([SPEC, SPEC, coarse])
    asked = feed.instruments

    async def answer() -> list[InstrumentSpec]:
        await asked()
        return [next(specs, coarse)]

    monkeypatch.setattr(feed, "instruments", answer)

    def sink(events: list[MarketEvent]) -> None:
        sunk.extend(events)
        bench.desk.on_events(events)

    await run_until(run_feed(bench.desk, feed, sink), lambda: feed.asked > 8)
    (change,) = (event for event in sunk if isinstance(event, GridChange))
    assert change == GridChange(A, Decimal("0.5"), Decimal("0.5"), Decimal(7), Decimal(0), "B", START_NS)
    found = bench.desk.instruments.get(A)
    assert found is not None and found.tick_size == Decimal("0.5")
    (told,) = bench.kinds(Alert)
    assert (told.level, told.source) == ("warning", A) and "tick 0.25 to 0.5;" in told.text


async def test_a_symbol_that_is_listed_later_joins_without_a_new_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "ANEW_S", 0.001)
    bench = Bench()
    feed = FakeFeed([UnknownSymbolsError("kraken does not know the symbol C/D", ["C/D"], [SPEC])], [None])
    later = msgspec.structs.replace(SPEC, symbol="kraken:C/D")
    asked = feed.instruments

    async def answer() -> list[InstrumentSpec]:
        if feed.asked >= 4:
            feed.asked += 1
            return [SPEC, later]
        return await asked()

    monkeypatch.setattr(feed, "instruments", answer)
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: feed.started == 2)
    assert not feed.left_out and bench.desk.instruments.get("kraken:C/D") is not None
    unknown, listed = (alert.text for alert in bench.kinds(Alert))
    assert unknown.endswith("; the feed goes on without")
    assert listed == "it lists C/D now: the feed starts anew with it"


@pytest.mark.parametrize(
    "wrong",
    [
        FeedError("kraken: PermissionDenied; correct feeds.kraken"),
        UnknownSymbolsError("kraken does not know the symbol A/B", ["A/B"], []),
        KeyError("a bug"),
    ],
)
async def test_no_answer_to_a_later_question_ends_a_feed_whose_grids_are_known(
    wrong: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would bring no more data for as long as the desk runs; neither does it when it starts again."""
    monkeypatch.setattr(sources, "ANEW_S", 0.001)
    monkeypatch.setattr(sources, "ANEW_FAILED_S", 0.001)
    bench, feed = Bench(), FakeFeed([None, wrong, wrong, wrong], [None])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: feed.asked > 4)
    assert (feed.started, feed.stats.state) == (1, FeedState.UP) and not feed.left_out
    feed = FakeFeed([None, wrong], [KeyError("a bug"), None])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: feed.started > 1)
    assert (feed.started, feed.stats.state) == (2, FeedState.UP) and not feed.left_out


async def test_a_symbol_that_a_start_over_left_out_is_soon_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Positions may be open in it, and the answer may only have been cut short."""
    monkeypatch.setattr(sources, "ANEW_FAILED_S", 0.001)
    other = msgspec.structs.replace(SPEC, symbol="kraken:C/D")
    short = UnknownSymbolsError("kraken does not know the symbol A/B", ["A/B"], [other])
    bench, feed = Bench(), FakeFeed([None, short, None], [KeyError("a bug"), None])
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: feed.started > 2)
    assert feed.started == 3 and not feed.left_out


@pytest.mark.parametrize("field", ["tick_size", "lot_size", "min_notional", "max_quantity"])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1"])
async def test_a_grid_that_cannot_be_is_not_taken(
    field: str, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is soon asked for again, also where none is known yet."""
    monkeypatch.setattr(sources, "ANEW_FAILED_S", 0.001)
    bench, feed = Bench(), FakeFeed([None], [None])
    wrong = msgspec.structs.replace(SPEC, **{field: Decimal(number)})
    asked, specs = feed.instruments, iter([wrong, SPEC, wrong])

    async def answer() -> list[InstrumentSpec]:
        await asked()
        if feed.asked == 2:
            monkeypatch.setattr(sources, "ANEW_S", 0.001)
        return [next(specs, SPEC)]

    monkeypatch.setattr(feed, "instruments", answer)
    await run_until(run_feed(bench.desk, feed, bench.desk.on_events), lambda: feed.asked > 4)
    found = bench.desk.instruments.get(A)
    assert found is not None and found.tick_size == SPEC.tick_size and not found.assumed
    assert (found.lot_size, found.min_notional, found.max_quantity) == (Decimal("0.5"), 7, 0)
    assert feed.started == 1 and not bench.kinds(Alert)
