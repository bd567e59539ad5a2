"""What the live engine shows: never a frame from before what was journaled."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from engine import slices
from engine.api.health_protocol import BusHealth
from engine.api.http import error_response
from engine.api.protocol import StateFrame, StrategyPatch
from engine.api.trading_protocol import AmendPatch, LimitPatch
from engine.config import load
from engine.errors import ConfigError, StoreError, UnknownNameError
from engine.events import NS, Alert, Family, FeedState, Signal
from engine.feeds.base import FeedStats
from engine.feeds.simulation.venue import SimulatedVenue
from engine.logs import LogRing
from engine.signal_exchange import Candle, SignalsRequest
from engine.slices import Work
from engine.store.read import Reader
from engine.wiring import port
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.port import LivePort
from engine.wiring.sources import adopt


def test_a_frame_is_shared_until_something_is_journaled(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(port, "MAX_FRAME_AGE_S", 3600.0)
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    shown = LivePort(engine)
    first = shown.state()
    assert shown.state() is first
    engine.hub.publish(1, Alert("info", "me", "news", time.time_ns()))
    second = shown.state()
    assert second is not first and second.last_seq == 1
    assert shown.state() is second


async def test_what_is_journaled_while_a_frame_is_made_is_in_all_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "MAX_FRAME_AGE_S", 3600.0)
    monkeypatch.setattr(slices, "SLICE_NS", 1)
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    shown, made, news = LivePort(engine), [], 1
    making = engine.view.making

    def watched(*arguments: Any, **more: Any) -> Work[StateFrame]:
        work = making(*arguments, **more)
        yield next(work)
        made.append(engine.hub.last_seq)
        if len(made) <= news:
            engine.hub.publish(engine.hub.last_seq + 1, Alert("info", "me", "news", time.time_ns()))
        return (yield from work)

    monkeypatch.setattr(engine.view, "making", watched)
    await asyncio.gather(shown.prepare(), shown.prepare())
    assert made == [0, 1], "once more, for all that ask"
    assert shown.state() is shown.state() and shown.state().last_seq == 1 and len(made) == 2

    made, news = [], 10**9
    engine.hub.publish(2, Alert("info", "me", "news", time.time_ns()))
    await shown.prepare()
    assert len(made) == port.MOST_TRIES, "and no longer"


async def test_the_store_is_read_beside_the_desk_for_an_explanation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have to wait there, for a stream that resumes far back."""
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    engine.store.start()
    threads: list[threading.Thread] = []
    read = Reader._rows

    def watched(reader: Reader, *query: Any) -> Any:
        threads.append(threading.current_thread())
        return read(reader, *query)

    monkeypatch.setattr(Reader, "_rows", watched)
    try:
        assert await LivePort(engine).explain("nosuch") is None
    finally:
        engine.store.close()
    assert threads and threading.main_thread() not in threads


@pytest.mark.parametrize("spelled", ["sim:BTC-USD", "BTC-USD", "BTC/USD"])
def test_signals_that_are_asked_for_are_of_the_symbol_whatever_its_spelling(
    tmp_path: Path, spelled: str
) -> None:
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    now_ns = time.time_ns()
    adopt(engine.desk, SimulatedVenue(("BTC-USD",), seed=3, start_ns=now_ns).instruments())
    said = Signal("sim:BTC-USD", "options", Family.OPTIONS, 0.5, 1.0, now_ns, 3600 * NS, "calls")
    engine.desk.signals.on_context([said], trading=False)
    candles = tuple(Candle(60_000 * number, 1.0, 1.0, 1.0, 1.0, 1.0) for number in range(3))
    reply = LivePort(engine).answer(SignalsRequest(spelled, candles, 0)).signals
    assert isinstance(reply.options, float) and reply.options > 0.4 and reply.combined is not None
    engine.desk.block("sim:BTC-USD", "no", now_ns + 3600 * NS)
    assert LivePort(engine).answer(SignalsRequest(spelled, candles, 0)).signals.combined == "block"
    assert LivePort(engine).answer(SignalsRequest("NOPE", candles, 0)).signals.options is None


class Watched(NamedTuple):
    """A feed, as its health is shown."""

    venue: str
    stats: FeedStats


def watched(venue: str, state: FeedState) -> Any:
    return Watched(venue, FeedStats(state=state))


@pytest.mark.parametrize(
    ("feeds", "beside", "well"),
    [
        ({"binance": FeedState.UP, "okx": FeedState.POLLING}, {"source:yahoo": FeedState.DOWN}, True),
        ({"binance": FeedState.UP, "okx": FeedState.STALE}, {}, False),
        ({"binance": FeedState.CONNECTING}, {"poll": FeedState.UP}, False),
        ({}, {"poll": FeedState.DOWN, "source:yahoo": FeedState.UP}, False),
        ({}, {"poll": FeedState.UP, "source:polygon": FeedState.DOWN}, True),
    ],
)
def test_a_desk_is_well_while_all_that_brings_prices_delivers(
    tmp_path: Path, feeds: dict[str, FeedState], beside: dict[str, FeedState], well: bool
) -> None:
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    engine.feeds = [watched(venue, state) for venue, state in feeds.items()]
    engine.beside.collected = [watched(venue, state) for venue, state in beside.items()]
    assert LivePort(engine).health().ok is well


def test_a_desk_whose_bus_is_not_well_is_not_well_nor_does_it_trade_while_entries_are_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    engine.feeds, engine.phase = [watched("binance", FeedState.UP)], "running"
    assert (LivePort(engine).health().ok, LivePort(engine).untraded()) == (True, "")
    engine.desk.block("", "no round comes", engine.desk.now_ns + 1)
    assert LivePort(engine).untraded() == "entries are blocked: no round comes"
    monkeypatch.setattr(engine, "bus_health", lambda: BusHealth(False, "away", None, None))
    health = LivePort(engine).health()
    assert not (health.ok or health.ready.ok or health.trading.ok)
    assert health.ready.detail == "the bus is not well: away"


@pytest.mark.parametrize(
    "ask",
    [
        lambda shown: shown.trading.cancel("td-none", "me"),
        lambda shown: shown.trading.amend("td-none", AmendPatch(quantity="1"), "me"),
        lambda shown: shown.trading.preview_amendment("td-none", AmendPatch(quantity="1")),
        lambda shown: shown.set_strategy("none", StrategyPatch(enabled=True), "me"),
        lambda shown: shown.set_automation("none", True, "me"),
        lambda shown: shown.remove_automation("none", "me"),
        lambda shown: shown.alerts.switch("a9", True, "me"),
        lambda shown: shown.alerts.remove("a9", "me"),
    ],
)
async def test_what_there_is_none_of_is_answered_with_404(
    ask: Callable[[LivePort], Any], tmp_path: Path
) -> None:
    """As when it is looked at: 409 would say that it is there, and stands against what was asked."""
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    engine.phase = "running"
    with pytest.raises(UnknownNameError) as raised:
        answer = ask(LivePort(engine))
        if inspect.isawaitable(answer):
            await answer
    response = error_response(raised.value)
    assert (response.status, json.loads(str(response.text))["code"]) == (404, "NOT_FOUND")


async def test_a_limit_of_a_strategy_that_there_is_none_of_is_refused_with_409(tmp_path: Path) -> None:
    """What stands in its body is no address: that of the limits is there."""
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    engine.phase = "running"
    with pytest.raises(ConfigError, match="unknown strategy none") as raised:
        await LivePort(engine).trading.set_limit(LimitPatch("strategy:none", "max_net_pct", 5.0), "me")
    assert error_response(raised.value).status == 409


async def test_a_limit_that_the_store_does_not_take_is_not_told_as_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    engine.writing.start(asyncio.get_running_loop())
    engine.phase = "running"

    def refuse(*_: object) -> NoReturn:
        raise StoreError("the disk is full")

    monkeypatch.setattr(engine.store, "commit", refuse)
    with pytest.raises(StoreError, match=r"nothing trades.*the disk is full"):
        await LivePort(engine).trading.set_limit(LimitPatch("desk", "max_net_pct", 5.0), "me")
