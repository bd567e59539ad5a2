"""Short bars made into long ones, of all symbols at once: the one way for bars that are stored and for those
that a model is fed, so that what is trained on is what runs."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.events import NS
from engine.feature_table import FeatureTable
from engine.instruments import venue_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NO_BAR = -1
_NEVER = (1 << 63) - 1


class Provenance(IntEnum):
    """What a bar rests on; the higher is believed."""

    FILLED = 0
    """On no trade: made flat from the close before it."""
    PARTIAL = 1
    """On a part of its trades: the desk was not there, or not connected, for all of it."""
    SERVICE = 2
    """On a data service's word."""
    VENUE = 3
    """On the word of the symbol's own venue, by REST or by socket."""
    LIVE = 4
    """On the trades that the desk itself saw, without a gap: what it decided on."""


class Merged(NamedTuple):
    """The bars of one interval; arrays of one length."""

    start_ns: int
    indices: Integers
    """Of the symbols, rising."""
    values: Floats
    """(n, 6): open, high, low, close, volume, vwap."""
    trades: Integers
    provenance: npt.NDArray[np.int8]


class BarMerge:
    """Bars of ``interval_s`` from closed bars of ``bar_s`` seconds. Symbols are told apart by their index.

    A bar in which the symbol was not watched from its first moment to its last, or in which trades were
    missed, is marked as partial; one without any trade as filled, and left out where the market may be
    closed.
    """

    def __init__(
        self,
        interval_s: int,
        bar_s: float,
        *,
        without: str = "",
        never_closes: Callable[[str], bool] = lambda symbol: True,
    ) -> None:
        """``without``: a venue whose symbols are left out. ``never_closes``: whether a symbol's market is
        open at every hour of the week. Raises ValueError where bars of ``bar_s`` do not make up those of
        ``interval_s``."""
        from engine.bar_merge_kernel import merge_bars  # only who merges waits for the compiler's import

        self._merge_bars = merge_bars
        self._without = without
        self._never_closes = never_closes
        self._step_ns = round(bar_s * NS)
        self.interval_ns = interval_s * NS
        if self._step_ns <= 0 or self.interval_ns <= 0 or self.interval_ns % self._step_ns:
            raise ValueError(f"bars of {bar_s:g} s do not make up bars of {interval_s} s")
        self.names: list[str] = []
        """The symbols by index; "" where none was seen yet."""
        self._index: dict[str, int] = {}
        """The same, by symbol."""
        self._start_ns = _NO_BAR
        """Where the bars that are being made begin."""
        self._down: set[str] = set()
        self._values = np.zeros((0, 7))
        """open, high, low, close, volume, volume x vwap, trades."""
        self._vwaps = np.zeros(0)
        """Of those that one short bar alone has filled, its very vwap; NaN: more than one has a volume."""
        self._known_ns = np.zeros(0, np.int64)
        """Since when each symbol is watched without a gap; 0: it was not seen yet."""
        self._count = np.zeros(0, np.int64)
        """Short bars taken."""
        self._fills, self._wanted = np.zeros(0, np.bool_), np.zeros(0, np.bool_)

    def take(self, table: FeatureTable, vwaps: Floats) -> list[Merged]:
        """The symbols' bars that closed at ``table.ns``; ``vwaps`` in the same order. Returns the long ones
        that are complete by it."""
        start_ns = table.ns - self._step_ns
        done = self.due(start_ns)
        if self._start_ns == _NO_BAR:
            self._start_ns = start_ns // self.interval_ns * self.interval_ns
        if len(table):
            self._merge(table, vwaps, start_ns)
        return done + self.due(table.ns)

    def due(self, now_ns: int) -> list[Merged]:
        """The bars that ended at or before ``now_ns``: called by the clock too, since nothing may trade."""
        if self._start_ns == _NO_BAR or now_ns < self._start_ns + self.interval_ns:
            return []
        values, trades = self._values, self._values[:, 6]
        traded = (trades > 0.0) | (values[:, 4] > 0.0)
        found = ((self._count > 0) & self._wanted & (self._fills | traded)).nonzero()[0]
        done = []
        if len(found):
            seen = np.where(self._known_ns[found] <= self._start_ns, Provenance.LIVE, Provenance.PARTIAL)
            kinds = np.where(traded[found], seen, Provenance.FILLED).astype(np.int8)
            bars = values[found, :6]
            bars[:, 5] = self._vwap(found)
            done.append(Merged(self._start_ns, found, bars, trades[found].astype(np.int64), kinds))
        self._count[:] = 0
        self._start_ns = _NO_BAR
        return done

    def on_gap(self, symbol: str, ns: int) -> None:
        """Trades of ``symbol`` were missed, up to ``ns``."""
        index = self._index.get(symbol)
        if index is not None:
            self._known_ns[index] = max(self._known_ns[index], ns)

    def on_feed(self, venue: str, ns: int, *, up: bool) -> None:
        """Since ``ns`` all trades of ``venue`` come, or do not."""
        (self._down.discard if up else self._down.add)(venue)
        for index, name in enumerate(self.names):
            if venue_of(name) == venue:
                self._known_ns[index] = ns if up else _NEVER

    # --- inside ---

    def _merge(self, table: FeatureTable, vwaps: Floats, start_ns: int) -> None:
        indices, told = table.indices, table.values
        while not self._merge_bars(
            indices, told, vwaps, self._values, self._vwaps, self._count, self._known_ns
        ):
            self._name(table, start_ns)

    def _grow(self, count: int) -> None:
        more = count - len(self.names)
        self.names += [""] * more
        self._values = np.concatenate((self._values, np.zeros((more, 7))))
        self._vwaps = np.append(self._vwaps, np.zeros(more))
        self._known_ns = np.append(self._known_ns, np.zeros(more, np.int64))
        self._count = np.append(self._count, np.zeros(more, np.int64))
        self._fills = np.append(self._fills, np.ones(more, np.bool_))
        self._wanted = np.append(self._wanted, np.ones(more, np.bool_))

    def _name(self, table: FeatureTable, start_ns: int) -> None:
        """Learn the symbols that are new in ``table``."""
        highest = int(table.indices.max())
        if highest >= len(self.names):
            self._grow(highest + 1)
        for position in (self._known_ns[table.indices] == 0).nonzero()[0].tolist():
            index, name = int(table.indices[position]), table.symbol(position)
            self.names[index], self._index[name] = name, index
            self._fills[index] = self._never_closes(name)
            self._wanted[index] = venue_of(name) != self._without
            # Its first trade came somewhere in this bar: what came before it is not known.
            self._known_ns[index] = _NEVER if venue_of(name) in self._down else start_ns + 1

    def _vwap(self, indices: Integers) -> Floats:
        """As the features saw it, where one short bar makes the long one."""
        close, volume, value = self._values[indices, 3], self._values[indices, 4], self._values[indices, 5]
        told = self._vwaps[indices]
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.where(volume > 0.0, np.where(np.isnan(told), value / volume, told), close)
        return found


def merged_series(open_ns: Integers, values: Floats, interval_ns: int) -> tuple[Integers, Floats]:
    """One symbol's bars, rising and none longer than ``interval_ns``, as longer ones by the rules of
    ``BarMerge``: when they begin, and (n, 6). What has no volume counts as not traded; one whose volume is
    NaN, as told by who knows none, as traded, and its long bar has none either.
    """
    if not len(open_ns):
        return open_ns, values
    starts = open_ns // interval_ns * interval_ns
    traded = ~(values[:, 4] == 0.0)
    # Where anything traded, only what traded makes the price.
    firsts = np.flatnonzero(np.append(True, starts[1:] != starts[:-1]))
    any_traded = np.logical_or.reduceat(traded, firsts)
    sizes = np.diff(np.append(firsts, len(starts)))
    counts = traded | ~np.repeat(any_traded, sizes)
    kept, begins = values[counts], starts[counts]
    firsts = np.flatnonzero(np.append(True, begins[1:] != begins[:-1]))
    ends = np.append(firsts[1:], len(begins))
    volumes = kept[:, 4]
    made = np.empty((len(firsts), 6))
    made[:, 0], made[:, 3] = kept[firsts, 0], kept[ends - 1, 3]
    made[:, 1] = np.maximum.reduceat(kept[:, 1], firsts)
    made[:, 2] = np.minimum.reduceat(kept[:, 2], firsts)
    made[:, 4] = np.add.reduceat(volumes, firsts)
    money = np.add.reduceat(np.where(volumes == 0.0, 0.0, kept[:, 5] * volumes), firsts)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(made[:, 4] == 0.0, made[:, 3], money / made[:, 4])
    # Of one bar alone its very vwap.
    made[:, 5] = np.where((ends - firsts == 1) & any_traded, kept[firsts, 5], mean)
    return begins[firsts], made
