"""Which ticks are fit to trade on: finite, positive, uncrossed, seen once, in order, near the last price
(compiled).

A venue's trade ids are its order where it numbers them; one that is not above the last came before, unless
it is more than a minute younger: then the venue began to count anew; or unless it is one too many of those
that go on from before a jump: then an id was wrong. Ids that only tell trades apart are looked for among the
newest. Such trades, those without an id and all quotes are in order by the venue's own
time: a quote that is older than the one before it, and a trade by more than a second (venues that gather the
prints of several exchanges mix them by less), would set the price back, and is rejected, until five in a row,
each no older than the one before, say that it is the venue's clock that was set back. Of equal times the
later one counts. What its venue gives no time is dated by its receipt: it comes in the order in which it
comes.

A rejected tick keeps the code of its reason in ``ticks['reject']`` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import carray  # type: ignore[attr-defined]

from engine.events import NS
from engine.kernels import kernel, part, pointer, warm
from engine.ticks import BACKFILLED, TICK, TRADE

Array = npt.NDArray[Any]

REJECTS: tuple[str, ...] = (
    *("", "NOT_FINITE", "NOT_POSITIVE", "CROSSED", "DUPLICATE", "OUTLIER"),
    "OUT_OF_ORDER",
)
"""Reason codes by the number written to ``ticks['reject']``."""
NOT_FINITE, NOT_POSITIVE, CROSSED, DUPLICATE, OUTLIER, OUT_OF_ORDER = range(1, 7)

AGREEING = 5
"""So many outliers in a row that agree with each other are a move: the next one is believed."""

REMEMBERED = 64
"""Ids of a symbol's trades that are known again, where they only tell trades apart."""
_RESTART_NS = 60 * NS
_MIXED_NS = NS
"""Trades that are mixed by no more than this come in the order in which they come."""
_FAR = 20_000
"""So many ids are skipped where one is wrong, or after a long outage."""
_NEAR = 1000
"""Trades that go on from before that are no further from each other."""
_BACK = 3
"""So many of them show that it was no outage."""
_UNDATED = -(1 << 62)
"""Of ``ahead_ns``, before the first live trade."""

_STATE = np.dtype(
    [
        ("recv_ns", "<i8"),
        ("ids_rise", "<i8"),
        ("last_id", "<i8"),  # the highest, where they only tell trades apart
        ("traded_ns", "<i8"),  # the venue's time of the trade with it
        ("ahead_ns", "<i8"),  # of our clock, at most, what live ones were dated
        ("hole_first", "<i8"),  # ids that were skipped last: a backfill may still bring them
        ("hole_last", "<i8"),
        ("left_id", "<i8"),  # the last one before a jump, then those that go on; -1: there was none
        ("back", "<i8"),  # how many did
        ("price", "<f8"),
        ("outlier", "<f8"),
        ("outliers", "<i4"),
        ("outlier_pct", "<f8"),
        # by kind (trades without an id, quotes): the venue's time of the last one that was accepted, of the
        # last one that was too old for that, and how many of those agreed in a row
        ("newest_ns", "<i8", 2),
        ("late_ns", "<i8", 2),
        ("late", "<i8", 2),
        ("told", "<i8"),  # ids that were remembered so far
        ("ids", "<i8", REMEMBERED),
    ]
)


@part
def _malformed(tick: Any) -> int:
    if tick.kind == TRADE:
        if not (np.isfinite(tick.a) and np.isfinite(tick.b)):
            return NOT_FINITE
        return 0 if tick.a > 0.0 and tick.b > 0.0 else NOT_POSITIVE
    if not (np.isfinite(tick.a) and np.isfinite(tick.b)) or np.isinf(tick.c) or np.isinf(tick.d):
        return NOT_FINITE
    if tick.a <= 0.0 or tick.b <= 0.0 or tick.c < 0.0 or tick.d < 0.0:
        return NOT_POSITIVE
    return CROSSED if tick.a > tick.b else 0


@part
def _seen(s: Any, tick: Any) -> bool:
    """Ids only rise, except that a backfill may fill the hole that a cut left, and that a venue may begin to
    count anew; or they only tell trades apart."""
    if tick.kind != TRADE or tick.trade_id == -1 or tick.trade_id > s.last_id:
        return False
    if s.ids_rise == 0:
        known = False
        for place in range(REMEMBERED):
            known |= s.ids[place] == tick.trade_id
        return known
    if tick.flags & BACKFILLED:
        return not s.hole_first <= tick.trade_id <= s.hole_last
    # One that is dated wrong is so again when it is told again.
    sound = s.ahead_ns == _UNDATED or tick.event_ns - tick.recv_ns <= s.ahead_ns + _RESTART_NS
    if sound and tick.event_ns > s.traded_ns + _RESTART_NS:
        return False
    if not 0 <= s.left_id < tick.trade_id <= s.left_id + _NEAR:
        return True
    s.left_id = tick.trade_id
    s.back += 1
    return bool(s.back < _BACK)


@part
def _late(s: Any, tick: Any) -> bool:
    """Is it older, by its venue's time, than one that was accepted? Counts those that agree."""
    kind = tick.kind
    if tick.event_ns >= s.newest_ns[kind] - (_MIXED_NS if kind == TRADE else 0):
        return False
    agrees = s.late[kind] > 0 and tick.event_ns >= s.late_ns[kind]
    s.late[kind] = s.late[kind] + 1 if agrees else 1
    s.late_ns[kind] = tick.event_ns
    return bool(s.late[kind] <= AGREEING)


@part
def _far(price: float, reference: float, pct: float) -> bool:
    return abs(price / reference - 1.0) * 100.0 > pct


@part
def _outlies(s: Any, price: float, backfilled: bool) -> bool:
    """Is the price unbelievable? Counts how many agree; a backfilled one is old and counts for nothing."""
    if s.price <= 0.0 or not _far(price, s.price, s.outlier_pct):
        return False
    if backfilled:
        return True
    agrees = s.outliers > 0 and not _far(price, s.outlier, s.outlier_pct)
    if agrees and s.outliers >= AGREEING:
        return False
    s.outliers = s.outliers + 1 if agrees else 1
    s.outlier = price
    return True


@part
def _note_time(s: Any, tick: Any) -> None:
    kind = tick.kind
    if tick.event_ns > s.newest_ns[kind] or s.late[kind] > AGREEING:
        s.newest_ns[kind] = tick.event_ns
    s.late[kind] = 0


@part
def _note_id(s: Any, tick: Any) -> None:
    trade_id = tick.trade_id
    if s.ids_rise == 0:
        s.ids[s.told % REMEMBERED] = trade_id
        s.told += 1
        s.last_id = max(s.last_id, trade_id)
        return
    if trade_id <= s.last_id and tick.flags & BACKFILLED:  # from the hole
        s.hole_first = trade_id + 1
        return
    if trade_id <= s.last_id:  # counted anew
        s.hole_first = s.hole_last = s.left_id = -1
    elif s.last_id >= 0 and trade_id > s.last_id + 1:
        s.hole_first, s.hole_last = s.last_id + 1, trade_id - 1
        if trade_id - s.last_id > _FAR:
            s.left_id, s.back = s.last_id, 0
    # What is suddenly dated a minute further ahead of our clock than all before it is dated wrong: it must
    # not make all that comes after it of the past.
    ahead_ns = tick.event_ns - tick.recv_ns
    if s.ahead_ns != _UNDATED and ahead_ns > s.ahead_ns + _RESTART_NS and not tick.flags & BACKFILLED:
        ahead_ns = s.ahead_ns + _RESTART_NS
    if not tick.flags & BACKFILLED:
        s.ahead_ns = max(s.ahead_ns, ahead_ns)
    s.last_id, s.traded_ns = trade_id, tick.recv_ns + ahead_ns


@part
def rows_at(address: int, count: int) -> Any:
    """The rows of a screen's symbols there (``Screen.address``)."""
    return carray(pointer(address), count, _STATE)


@part
def check_ticks(ticks: Any, start: int, stop: int, state: Any) -> int:
    """``Screen.check``, with the rows of its symbols."""
    count = 0
    for position in range(start, stop):
        tick = ticks[position]
        if tick.symbol < 0 or tick.symbol >= len(state):
            raise IndexError("tick of a symbol that was not added")
        s = state[tick.symbol]
        backfilled = tick.flags & BACKFILLED != 0
        price = tick.a if tick.kind == TRADE else 0.5 * (tick.a + tick.b)
        code = _malformed(tick)
        if code == 0 and _seen(s, tick):
            code = DUPLICATE
        identified = tick.kind == TRADE and tick.trade_id != -1
        dated = tick.event_ns != tick.recv_ns and not (backfilled or (identified and s.ids_rise != 0))
        if code == 0 and dated and _late(s, tick):
            code = OUT_OF_ORDER
        if code == 0 and _outlies(s, price, backfilled):
            code = OUTLIER
        tick.reject = code
        if code != 0:
            count += 1
            continue
        if identified:
            _note_id(s, tick)
        if dated:
            _note_time(s, tick)
        if backfilled:
            continue
        s.price = price
        s.outliers = 0
        s.recv_ns = max(s.recv_ns, tick.recv_ns)
    return count


@kernel
def _check(ticks: Any, start: int, stop: int, state: Any) -> int:
    return check_ticks(ticks, start, stop, state)


class Screen:
    """Validates, dedupes and dates the ticks of all symbols.

    ``outlier_pct``: a price (trade, or mid of a quote) further than this from the last accepted one is not
    believed, until five in a row agree.
    """

    def __init__(self, *, outlier_pct: float = 30.0, capacity: int = 64) -> None:
        _load_kernels()
        self._outlier_pct = outlier_pct
        self._place(np.zeros(max(1, capacity), _STATE))
        self._state: Array = self._room[:0]

    def __len__(self) -> int:
        return len(self._state)

    def add_symbol(self, *, ids_rise: bool = True) -> int:
        """The next index: dense, from 0. ``ids_rise``: its trades' ids are their order; else they only tell
        them apart."""
        index = len(self._state)
        if index == len(self._room):
            room = np.zeros(2 * index, _STATE)
            room[:index] = self._room
            self._place(room)
        self._state = self._room[: index + 1]
        row = self._state[index]
        row["last_id"] = row["hole_first"] = row["hole_last"] = row["left_id"] = -1
        row["ids"] = -1
        row["ahead_ns"] = _UNDATED
        row["ids_rise"] = ids_rise
        row["outlier_pct"] = self._outlier_pct
        return index

    def _place(self, room: Array) -> None:
        self._room = room
        self.address = int(room.ctypes.data)
        """Of the symbols' rows, for kernels built upon ``check_ticks``; another one once they need room."""

    def check(self, ticks: Array, start: int, stop: int) -> int:
        """Write ``reject`` of ``ticks[start:stop]`` (TICK rows); returns how many were rejected.

        Raises IndexError for a tick of a symbol that was not added.
        """
        return int(_check(ticks, start, stop, self._state))

    def last_recv_ns(self, index: int) -> int:
        """When the last live tick was received; 0 before the first. Backfilled ticks do not count."""
        return int(self._state["recv_ns"][index])

    def recv_times(self) -> Array:
        """``last_recv_ns`` of all symbols, as a view."""
        view: Array = self._state["recv_ns"]
        return view


def compile_kernels(report: Callable[[str], None] | None = None) -> None:
    """Make the kernel ready: load it, or compile it at the first start (``report`` gets a line)."""
    warm(_exercise, "screen", report)


@cache
def _load_kernels() -> None:
    compile_kernels()


def _exercise() -> None:
    _check(np.zeros(1, TICK), 0, 0, np.zeros(1, _STATE))
