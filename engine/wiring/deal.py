"""A round's ticks screened, given the clock, and dealt to their shards, as one compiled call.

A tick's receipt becomes what the clock of one process would have shown at it: the latest receipt so far. A
shard sees only its own ticks, and its clock must not be behind for that. Where the clock enters another bar
there is a mark, since bars of all shards close there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import carray  # type: ignore[attr-defined]
from numpy.typing import NDArray

from engine.features.memory import ticks_at
from engine.kernels import kernel, pointer, warm
from engine.market.screen import Screen, check_ticks, rows_at
from engine.ticks import BACKFILLED, TICK

Ticks = NDArray[np.void]

_COUNT, _SHARDS, _NEWS, _CLOCK, _EDGE, _BAR = range(6)
_ACCEPTED, _MARKS = 6, 7
_SHARD_OF, _STARTS, _CURSORS, _NEWS_AT, _MARKS_AT, _PLACES, _TICKS = range(8, 15)
_HEAD = 15
_WORDS = TICK.itemsize // 8


@kernel
def deal(ticks: int, screen: int, symbols: int, plan: int) -> int:
    """Screen what ``plan`` (``_HEAD`` words: numbers, then addresses) says of ``ticks`` and deal it; returns
    how many were rejected, which stay marked in ``ticks``.

    News come in as raw places and go out as (place among the accepted, clock there).
    """
    head = carray(pointer(plan), _HEAD, np.int64)
    count, shards, news = head[_COUNT], head[_SHARDS], head[_NEWS]
    packed = ticks_at(ticks, count)
    rejected = check_ticks(packed, 0, count, rows_at(screen, symbols))
    shard_of = carray(pointer(head[_SHARD_OF]), symbols, np.int32)
    starts = carray(pointer(head[_STARTS]), shards + 1, np.int64)
    cursors = carray(pointer(head[_CURSORS]), shards, np.int64)
    starts[:] = 0
    for at in range(count):
        if packed[at].reject == 0:
            starts[shard_of[packed[at].symbol] + 1] += 1
    for shard in range(shards):
        cursors[shard] = starts[shard]
        starts[shard + 1] += starts[shard]
    told = carray(pointer(head[_NEWS_AT]), 2 * news, np.int64)
    marks = carray(pointer(head[_MARKS_AT]), 2 * count, np.int64)
    places = carray(pointer(head[_PLACES]), count, np.uint32)
    source = carray(pointer(ticks), count * _WORDS, np.int64)
    out = carray(pointer(head[_TICKS]), count * _WORDS, np.int64)
    clock, edge, bar = head[_CLOCK], head[_EDGE], head[_BAR]
    accepted = marked = heard = 0
    for at in range(count):
        while heard < news and told[2 * heard] <= at:
            told[2 * heard], told[2 * heard + 1] = accepted, clock
            heard += 1
        tick = packed[at]
        if tick.reject != 0:
            continue
        if tick.flags & BACKFILLED == 0 and tick.recv_ns > clock:
            clock = tick.recv_ns
            if clock >= edge:
                marks[2 * marked], marks[2 * marked + 1] = accepted, clock
                marked += 1
                edge = (clock // bar + 1) * bar
        shard = shard_of[tick.symbol]
        place = cursors[shard]
        cursors[shard] = place + 1
        places[place] = accepted
        for word in range(_WORDS):
            out[place * _WORDS + word] = source[at * _WORDS + word]
        out[place * _WORDS] = max(clock, tick.recv_ns)
        accepted += 1
    while heard < news:
        told[2 * heard], told[2 * heard + 1] = accepted, clock
        heard += 1
    head[_CLOCK], head[_EDGE], head[_ACCEPTED], head[_MARKS] = clock, edge, accepted, marked
    return rejected


assert TICK.fields is not None and TICK.fields["recv_ns"][1] == 0


class Dealt(NamedTuple):
    """A round's ticks by shard. Everything is a copy."""

    accepted: int
    rejected: int
    parts: dict[int, tuple[bytes, bytes]]
    """By shard that has any: places, ticks."""
    marks: tuple[tuple[int, int], ...]
    news: list[tuple[int, int]]
    """(place, clock) of each."""


class Dealer:
    """Keeps the clock, the shards of the symbols and the room that dealing needs.

    ``bar_ns``: every so often bars close.
    """

    def __init__(self, shards: int, bar_ns: int) -> None:
        _load()
        self._plan = np.zeros(_HEAD, np.int64)
        self._words = self._plan.data
        self._address = int(self._plan.ctypes.data)
        self._starts = np.zeros(shards + 1, np.int64)
        self._cursors = np.zeros(shards, np.int64)
        self._shard_of = np.zeros(64, np.int32)
        self._symbols = 0
        self._rows = self._told = 0
        self._plan[[_SHARDS, _BAR]] = shards, bar_ns
        self._point(_STARTS, self._starts)
        self._point(_CURSORS, self._cursors)
        self._point(_SHARD_OF, self._shard_of)
        self._make_room(1024, 64)

    @property
    def clock_ns(self) -> int:
        """The latest receipt so far, or what ``advance`` was given; never goes back."""
        return self._words[_CLOCK]

    def add_symbol(self, shard: int) -> None:
        """The next index is of this shard."""
        if self._symbols == len(self._shard_of):
            self._shard_of = np.resize(self._shard_of, 2 * self._symbols)
            self._point(_SHARD_OF, self._shard_of)
        self._shard_of[self._symbols] = shard
        self._symbols += 1

    def advance(self, now_ns: int) -> bool:
        """Move the clock; True when it enters another bar."""
        words = self._words
        if now_ns <= words[_CLOCK]:
            return False
        words[_CLOCK] = now_ns
        if now_ns < words[_EDGE]:
            return False
        words[_EDGE] = (now_ns // words[_BAR] + 1) * words[_BAR]
        return True

    def deal(self, address: int, count: int, screen: Screen, news: Sequence[int]) -> Dealt:
        """Deal ``count`` ticks at ``address`` (TICK rows, whose ``reject`` is written). ``news``: how many of
        them came before each."""
        if count > self._rows or len(news) > self._told:
            self._make_room(max(count, 2 * self._rows), max(len(news), 2 * self._told))
        words = self._words
        words[_COUNT], words[_NEWS] = count, len(news)
        for at, place in enumerate(news):
            self._news[2 * at] = place
        rejected = deal(address, screen.address, len(screen), self._address)
        return Dealt(
            words[_ACCEPTED],
            rejected,
            dict(self._parts()),
            tuple(_pairs(self._marks, words[_MARKS])),
            _pairs(self._news, len(news)),
        )

    def _parts(self) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
        places, ticks, size = self._placed, self._dealt, TICK.itemsize
        bounds = self._starts.tolist()
        for shard, (start, stop) in enumerate(pairwise(bounds)):
            if stop > start:
                yield shard, (bytes(places[start:stop]), bytes(ticks[start * size : stop * size]))

    def _make_room(self, rows: int, news: int) -> None:
        self._rows, self._told = rows, news
        self._places = np.zeros(rows, np.dtype("<u4"))
        self._ticks = np.zeros(rows * TICK.itemsize, np.uint8)
        self._placed, self._dealt = self._places.data, self._ticks.data
        self._marks, self._news = np.zeros(2 * rows, np.int64), np.zeros(2 * news, np.int64)
        self._point(_PLACES, self._places)
        self._point(_TICKS, self._ticks)
        self._point(_MARKS_AT, self._marks)
        self._point(_NEWS_AT, self._news)

    def _point(self, word: int, array: NDArray[Any]) -> None:
        self._plan[word] = array.ctypes.data


def _pairs(array: NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    if not count:  # of most rounds
        return []
    flat = iter(array[: 2 * count].tolist())
    return list(zip(flat, flat, strict=True))


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""

    def exercise() -> None:
        plan = np.zeros(_HEAD, np.int64)
        room, screen = np.zeros(8, np.int64), Screen()
        plan[[_BAR, _SHARD_OF, _STARTS, _CURSORS, _NEWS_AT, _MARKS_AT, _PLACES, _TICKS]] = (
            1,
            *[room.ctypes.data] * 7,
        )
        deal(room.ctypes.data, screen.address, 0, plan.ctypes.data)

    warm(exercise, "deal", report)


_loaded = False


def _load() -> None:
    global _loaded
    if not _loaded:
        compile_kernels()
        _loaded = True
