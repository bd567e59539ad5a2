"""What the market worker records, and what it tells of ticks that were not believed."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from engine.config import load
from engine.events import Gap, GridChange, MarketEvent, Quarantined, Trade
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.tape import Tape, events_of
from engine.logs import LogRing
from engine.ticks import TICK
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.recording import Recording
from engine.workers.heard import HeardSignals
from engine.workers.join import Ready
from engine.workers.player import Player
from engine.workers.rounds import Rounds
from engine.workers.tape_source import TapeSource
from tests.wiring.conftest import Bench

MS = 1_000_000
T0 = 1_700_000_000_000_000_000


def trade(symbol: str, number: int, at: int, price: float = 100.0) -> Trade:
    return Trade(symbol, number, price, 1.0, 1, T0 + at * MS, T0 + at * MS)


EVENTS = [
    trade("sim:A", 1, 0),
    trade("sim:B", 1, 1),
    trade("sim:A", 1, 2),
    Gap("sim:A", 2, 2, "lost", T0 + 3 * MS),
    GridChange("sim:A", *map(Decimal, ("0.5", "0.25", "1", "0")), "", T0 + 3 * MS),
    trade("sim:A", 3, 4, -1.0),
    trade("sim:B", 2, 5),
]
"""The third comes twice, the sixth has no price."""


async def test_everything_that_arrives_is_on_the_tape_as_it_came(tmp_path: Path) -> None:
    config = load(environ={}, overrides=["record.ticks=true"])
    rounds = Rounds(config)
    told: list[str] = []
    recording = Recording(
        config.record, tmp_path, rounds.tape, clock=lambda: T0, alert=lambda _, text: told.append(text)
    )
    rounds.events([trade("sim:Z", 1, -1)])
    rounds.cut(T0)  # before it starts: history
    recording.start()
    for event in EVENTS:
        rounds.events([event])
        if event is EVENTS[2]:
            rounds.cut(T0)
    rounds.cut(T0)
    assert recording.state == "on"
    await recording.close()
    tape = Tape(sorted((tmp_path / "tapes").iterdir()))
    found: list[MarketEvent] = []
    for batch in tape.batches():
        found += batch if isinstance(batch, list) else events_of(batch, tape.symbols)
    assert [(type(one), one.symbol) for one in found] == [(type(one), one.symbol) for one in EVENTS]
    assert not told
    assert rounds.listings()[1].tick_size == rounds.unlisted[1].tick_size == "0.5"
    assert {spec.tick_size for spec in tape.specs} != {Decimal("0.5")}


async def test_a_worker_whose_feeds_are_elsewhere_records_nothing(tmp_path: Path) -> None:
    config = load(environ={}, overrides=["record.ticks=true"])

    class Far(LiveEngine):
        said = staticmethod(HeardSignals)

    assert Far(EngineOptions(config, tmp_path), LogRing(), None).recording.state == ""


def test_what_is_not_believed_is_told_with_its_round_and_kept_once() -> None:
    rounds = Rounds(load(environ={}))
    rounds.events(EVENTS)
    cut = rounds.cut(T0)
    assert cut is not None
    assert len(cut.round.rejected) == 2
    told = cut.round.quarantined
    assert [(one.symbol, one.kind) for one in told] == [("sim:A", "trade")] * 2
    assert {one.reason for one in told} == {reason for reason, _ in cut.round.rejected}
    rounds.events([trade("sim:A", 4, 6)])
    after = rounds.cut(T0)
    assert after is not None and not after.round.quarantined
    bench = Bench()
    player = Player(bench.desk, HeardSignals(bench.desk.signals.strategies))
    for number, round_, decided in ((1, cut.round, 0), (2, cut.round, 5)):
        player.decided = decided
        whole = msgspec.structs.replace(round_, ticks=0, shards=(), news=())
        player.play(Ready(number, whole, np.zeros(0, TICK), (), ()))
    assert [one for one in bench.records if isinstance(one, Quarantined)] == list(told)


async def test_nobody_reads_on_for_a_source_that_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "long.tape"
    ticks = np.zeros(300_000, TICK)
    ticks["recv_ns"] = ticks["event_ns"] = T0 + np.arange(len(ticks))
    ticks["trade_id"] = -1
    ticks["a"] = ticks["b"] = 1.0
    with ColumnarWriter(path, ["sim:Z"]) as writer:
        writer.write(ticks)
    source = TapeSource(Tape([path]), Rounds(load(environ={})), None)
    assert source.take()
    assert any(one.name == "read-ahead" for one in threading.enumerate())
    await source.close()
    assert not any(one.name == "read-ahead" for one in threading.enumerate())
    await TapeSource(Tape([path]), Rounds(load(environ={})), None).close()
