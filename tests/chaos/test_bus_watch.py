"""The observer of a desk over the bus: it misses nothing, however slow it is, and finds what is missing."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator

import pytest

from engine.bus.address import client
from engine.bus.cursor import Source
from engine.bus.keys import Keys
from engine.bus.messages import Round, ShardTicks, encode
from engine.bus.publisher import Publisher
from engine.bus.reader import Reader
from engine.bus.registry import WorkerRow
from engine.bus.trim import Trimmer
from engine.events import NS
from engine.ticks import TICK
from tests.bus.conftest import Server
from tests.chaos.bus_watch import Watch
from tests.chaos.recovery import Recovery, recovery, told_by_kind
from tests.chaos.seen_rounds import LATEST, SeenRounds
from tests.chaos.sights import NOBODY, SILENT, Looking, Sight

KEYS = Keys("dfp")
ROUNDS = 2_000
_TICK = bytes(TICK.itemsize)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("redis"))
    made.start()
    yield made
    made.kill()


def _ticks(previous: int, count: int = 1) -> bytes:
    return encode(ShardTicks(previous, b"\0\0\0\0" * count, _TICK * count, 0))


def _round(previous: int, ticks: int = 1, sent_ns: int = 0) -> bytes:
    return encode(Round(previous, ticks, (0,), sent_ns))


async def _all_acknowledged_and_trimmed(server: Server) -> int:
    """A market worker, two that read everything at once, and what is trimmed then; returns how much stays."""
    streams = [KEYS.ticks(0), KEYS.rounds]
    publisher = Publisher(server.address, streams)
    sources = [Source(stream, lambda body: body, previous=None) for stream in streams]
    readers = [
        Reader(server.address, name, name, sources, lambda stream, batch: None, lambda lost: None)
        for name in ("features", "execution")
    ]
    tasks = [asyncio.create_task(one.run()) for one in (publisher, *readers)]
    await asyncio.gather(publisher.opened(), *(one.opened() for one in readers))
    for number in range(1, ROUNDS + 1):
        previous = number - 1
        publisher.put([(streams[0], number, _ticks(previous)), (streams[1], number, _round(previous))])
    await publisher.drained()
    redis = client(server.address)
    trimmer = Trimmer(redis, dict.fromkeys(streams, ("features", "execution")))
    async with asyncio.timeout(10):
        while any(cursor.read != ROUNDS for one in readers for cursor in one.cursors.values()):
            await asyncio.sleep(0.005)
        for one in readers:
            for stream in streams:
                one.ack(stream, ROUNDS)
        while await redis.xpending(streams[1], "execution") != await redis.xpending(streams[1], "features"):
            await asyncio.sleep(0.005)
        await trimmer.trim()
    left = int(await redis.xlen(streams[1]))
    for made in (publisher, *readers):
        made.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    await redis.aclose()
    return left


async def test_what_the_observer_has_not_seen_yet_is_not_trimmed(server: Server) -> None:
    watch = Watch(server.port, 1)
    with server.client() as redis:
        watch._hold(redis)
        watch.read(redis)
        assert await _all_acknowledged_and_trimmed(server) == ROUNDS  # though nobody else needs them
        while len(watch.seen.rounds()) < ROUNDS:
            watch.read(redis)
        assert watch.seen.torn() == [] and watch.seen.holes() == []


async def test_without_holding_it_would_miss_what_all_others_had(server: Server) -> None:
    """What it is held for: a look that comes late finds holes that no worker ever had."""
    assert await _all_acknowledged_and_trimmed(server) < ROUNDS
    late = Watch(server.port, 1)
    with server.client() as redis:
        for stream, ident in late._at.items():
            for number, fields in redis.xrange(stream, b"(" + ident):
                take = late.seen.take_round if stream == KEYS.rounds.encode() else late.seen.take_ticks
                take(int(number.partition(b"-")[0]), fields[b"d"])
    assert len(late.seen.rounds()) < ROUNDS and late.seen.holes()
    assert late.seen.holes()[0][0] > 0  # which `check` would have taken for one that was not told


def test_it_finds_what_is_missing() -> None:
    seen = SeenRounds()
    for number in range(1, 100):
        if number != 50:
            seen.take_ticks(number, _ticks(number - 1, 2 if number == 60 else 1))
        if number != 70:
            seen.take_round(number, _round(number - 1))
    assert seen.torn() == [(50, 0, 1), (60, 2, 1)]
    assert seen.holes() == [(70, 71)]
    assert seen.ticks_of(0, 80) == 79
    for number in range(100, 100 + LATEST):  # the ticks of the latest may still come
        seen.take_round(number, _round(number - 1))
    assert [number for number, *_ in seen.torn()] == [50, 60]


def test_it_may_be_asked_while_more_comes() -> None:
    """Other threads run in the midst of making a list of a dictionary: where a collection of garbage calls
    Python, as it does for hypothesis."""
    seen, body = SeenRounds(), _round(0)

    for number in range(1, 5_001):
        seen.take_round(number, body)

    def take() -> None:
        for number in range(5_001, 6_001):
            seen.take_round(number, body)
            time.sleep(0)

    def on_collection(*_: object) -> None:
        time.sleep(0.0001)

    taking, thresholds = threading.Thread(target=take), gc.get_threshold()
    gc.freeze()
    gc.callbacks.append(on_collection)
    gc.set_threshold(100)
    try:
        taking.start()
        while taking.is_alive():  # raises where the dictionary grows under it
            seen.torn()
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(on_collection)
        gc.unfreeze()
    assert seen.last == len(seen.rounds()) == 6_000


# --- how long it took ---


def _row(at_s: float, position: int, state: str = "running") -> WorkerRow:
    return WorkerRow(
        id="w", host="h", pid=1, stages=("execution",), epochs={"execution": 1}, state=state, detail="why",
        at_ns=round(at_s * NS), position=position,
    )  # fmt: skip


def test_how_it_stands_is_what_it_said_last_and_whether_it_goes_on() -> None:
    looking = Looking()

    def look(at_s: float, *rows: WorkerRow, sent_s: float = 0.0) -> Sight:
        return looking.at(at_s, round((at_s + 1000) * NS), rows, lambda number: round((sent_s + 1000) * NS))

    assert look(1.0, _row(1000.9, 5), sent_s=0.8) == (1.0, True, "", pytest.approx(0.8))
    assert look(2.0, _row(1001.9, 5)).why == SILENT
    assert look(2.1, _row(1002.0, 6)).well
    assert look(2.2, _row(1002.2, 6, "halted")).why == "halted: why"
    assert look(3.5, _row(1002.2, 7)).why == look(3.6).why == NOBODY


def _sights(*parts: tuple[float, str]) -> list[Sight]:
    """Ten a second from 0 on: (until when, why not; "": well)."""
    found: list[Sight] = []
    for until_s, why in parts:
        while (at_s := len(found) / 10) < until_s:
            found.append(Sight(at_s, not why, why, at_s - 0.2))
    return found


def test_it_is_back_once_it_has_played_what_was_sent_after_the_fault() -> None:
    # It never looked unwell: by what it had said before.
    assert recovery(_sights((2, "")), 0.45, 0.45) == Recovery(pytest.approx(0.25), 0.0, (), None)
    stood = _sights((1, ""), (3, "halted: shards 1, 12"), (3.5, ""), (4, "halted: 7 s"), (6, ""))
    told = ("halted: shards #", "halted: # s")
    assert recovery(stood, 0.5, 0.5) == Recovery(pytest.approx(3.5), 0.0, told, None)
    assert recovery(_sights((1, ""), (3, NOBODY)), 0.0, 0.5) is None
    # Allowed to go on, with rounds of before.
    old = [Sight(one.at_s, True, "", min(one.sent_s, 1.0)) for one in _sights((5, ""))]
    assert recovery(old, 1.5, 1.5) is None


def test_that_others_had_it_while_the_fault_was_there_is_told_apart() -> None:
    stood = _sights((1, ""), (3, "halted: x"), (10, ""), (11, "halted: y"), (14, ""))
    found = recovery(stood, 0.0, 10.0)
    assert found == Recovery(pytest.approx(1.0), 0.0, ("halted: x", "halted: y"), pytest.approx(3.0))


def test_silence_is_measured_and_what_was_told_is_in_the_table() -> None:
    found = recovery(_sights((1, ""), (2, SILENT), (8, NOBODY), (10, SILENT), (12, "")), 0.0, 0.0)
    assert found is not None and found.silent_s == pytest.approx(2.0)
    table = told_by_kind({"kill market": [found, found._replace(took_s=1.0)]}, 5.0).splitlines()
    assert table[1].split()[:7] == ["kill", "market", "2", "5.50", "10.00", "10.00", "1"]
    assert NOBODY in table[1]
