"""Rounds beside a worker of an earlier version, which knows fewer kinds of news."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.bus.messages import Round, encode, round_of
from engine.bus.registry import WorkerRow
from engine.config import load
from engine.events import BookStatus, Candle, Depth, FeedStatus, Gap, GridChange, Malformed, Trade
from engine.workers.earlier import Earlier
from engine.workers.rounds import Rounds

T0 = 1_700_000_000_000_000_000
GAP = Gap("sim:A", 2, 2, "lost", T0)
CHANGE = GridChange("sim:A", *map(Decimal, ("0.5", "0.25", "1", "0")), "USD", T0)


class _PlacedBefore(msgspec.Struct, frozen=True, array_like=True):
    place: int
    event: Depth | BookStatus | Candle | Gap | FeedStatus | Malformed


class _RoundBefore(Round, frozen=True, array_like=True):
    news: tuple[_PlacedBefore, ...] = ()  # type: ignore[assignment]


_read_before = msgspec.msgpack.Decoder(_RoundBefore).decode


class _Workers:
    def __init__(self, *protocols: int) -> None:
        self.protocols = protocols

    async def rows(self) -> list[WorkerRow]:
        return [
            WorkerRow(id=f"w{at}", host="h", pid=1, stages=("execution",), protocol=one)
            for at, one in enumerate(self.protocols)
        ]


async def test_a_grid_that_changes_is_told_as_an_earlier_execution_can_read_it() -> None:
    workers = _Workers(2, 1)
    agreed = 1

    async def protocol() -> int:
        return agreed

    earlier, rounds = Earlier(workers, protocol), Rounds(load(environ={}))  # type: ignore[arg-type]
    rounds.events([Trade("sim:A", 1, 100.0, 1.0, 1, T0, T0), GAP, CHANGE])
    cut = rounds.cut(T0)
    assert cut is not None
    await earlier.look()
    read = _read_before(encode(earlier.legible(cut.round, rounds)))
    assert [placed.event for placed in read.news] == [GAP]
    assert [(one.symbol, one.tick_size, one.lot_size) for one in read.listed] == [("sim:A", "0.5", "0.25")]
    assert read.ticks == 1

    workers.protocols = (2,)  # it is started again: its rounds wait for it
    await earlier.look()
    read = _read_before(encode(earlier.legible(cut.round, rounds)))
    assert [placed.event for placed in read.news] == [GAP]

    agreed = 2  # a later version took its place
    await earlier.look()
    assert earlier.legible(cut.round, rounds) == round_of(encode(cut.round)) == cut.round
    assert [placed.event for placed in cut.round.news] == [GAP, CHANGE]


def test_what_says_nothing_of_its_protocol_is_of_the_first() -> None:
    row = WorkerRow(id="w", host="h", pid=1, stages=("market",), protocol=2)
    said = msgspec.json.decode(msgspec.json.encode(row))
    del said["protocol"]
    assert msgspec.convert(said, WorkerRow).protocol == 1
