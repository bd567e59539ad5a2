"""The bars that models are fed: the desk's own, and those of longer intervals that a model was trained on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.config import Config
from engine.events import NS
from engine.feature_table import COLUMN, FeatureTable
from engine.features.alpha158 import HISTORY, NAMES, alpha158_live
from engine.features.coarse_bars import KEPT, CoarseBars
from engine.features.engine import FeatureEngine
from engine.store.bar import Bar, Provenance
from engine.store.bars_read import Bars
from engine.symbols import name_of, round_the_clock
from engine.wiring.market_news import POLLED

log = logging.getLogger("engine.models")

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_CLOSE, _FILLED = COLUMN["close"], COLUMN["filled"]
_VWAP0 = NAMES.index("VWAP0")
_NONE = np.zeros(0, np.int64)
SEEDED = KEPT
"""Stored bars of each symbol that are worth telling."""


class Rows(NamedTuple):
    """What a model is fed at a boundary; arrays of one length."""

    indices: npt.NDArray[np.int64]
    """Of the symbols, rising."""
    rows: Floats
    """(n, 158) of Alpha158."""
    closes: Floats
    """Of the bars that closed."""
    traded: npt.NDArray[np.bool_]
    """Whether anything was traded in these, or they were filled."""


def _nobody(interval_s: int) -> None:
    """Nobody has stored bars: a tape and a replay rest on themselves."""


def no_news() -> None:
    """Nobody knows of feeds that were away."""


class ModelBars:
    """Bars of the interval that is stored are held from the start, so that a model on them can be loaded at
    any time; those of others from when a model wants them.

    Symbols that are polled have no bar at the moment when the others' close: theirs are told seconds later.
    They are not scored on longer bars than the desk's own, but where bars are played.
    """

    def __init__(self, config: Config, features: FeatureEngine) -> None:
        self._features = features
        self._symbols = config.symbols
        self._bar_s = config.features.bar_s
        self.stored_s: int = config.history.interval_s
        """The interval of the bars that are stored."""
        self._coarse: dict[int, CoarseBars] = {}
        self.wanted: tuple[int, ...] = ()
        """Intervals (s), longer than the desk's own, that models want."""
        self.on_new: Callable[[int], None] = _nobody
        """Called with an interval whose bars are held from now on: who has stored ones gives them to
        ``fill``. It must neither raise nor wait."""
        self.on_take: Callable[[], None] = no_news
        """Called before bars are taken: who knows of trades that were missed says so now (``on_gap``,
        ``on_feed``). It must neither raise nor wait."""
        self._told_vwaps: Callable[[int, Integers], Floats] | None = None
        self._left_out = POLLED
        """Whose bars make up no longer ones."""
        self.warms_up = False
        """Whether the desk's bars of a warm-up are taken, too: no store tells of them."""
        if self.stored_s * NS % round(self._bar_s * NS) == 0:
            self._hold(self.stored_s)

    def on_played_bars(self, told_vwaps: Callable[[int, Integers], Floats]) -> None:
        """The desk's bars are played, and none are stored beside them. ``told_vwaps(ns, indices)``: of those
        that end at ``ns``, NaN where none is told; models learn from what bars tell, and not from the prints
        that stand for them."""
        self._told_vwaps = told_vwaps
        self.warms_up = True
        self._left_out = ""  # a file's bars close when the others' do, whoever it is kept for
        self._coarse.pop(self.stored_s, None)
        self.stored_s = 0

    def need(self, intervals: Iterable[float]) -> None:
        """Models want these, in seconds; the bars of others are forgotten.

        Raises ValueError where the desk's bars do not make up theirs; ``load`` refuses such a model.
        """
        wanted = {round(interval_s) for interval_s in intervals if not self._is_own(interval_s)}
        for interval_s in self._coarse.keys() - wanted - {self.stored_s}:
            del self._coarse[interval_s]
        self.wanted = tuple(sorted(wanted))
        for interval_s in self.wanted:
            if interval_s in self._coarse:
                continue
            self._hold(interval_s)
            self.on_new(interval_s)

    def awaited(self, boundary_ns: int) -> bool:
        """Whether a model may be asked at this boundary: the desk's bars must be taken before. Else they can
        be when the decisions are out."""
        return any(boundary_ns % (interval_s * NS) == 0 for interval_s in self.wanted)

    def take(self, table: FeatureTable) -> None:
        """The desk's bars that closed just now, once per boundary; those of a warm-up where ``warms_up``."""
        self.on_take()
        if self._coarse:
            vwaps = self._features.last_vwaps(table.indices)
            if self._told_vwaps is not None:
                told = self._told_vwaps(table.ns, table.indices)
                vwaps = np.where(np.isnan(told), vwaps, told)
            for coarse in self._coarse.values():
                coarse.take(table, vwaps)

    def rows(self, interval_s: float, table: FeatureTable, boundary_ns: int) -> Rows | None:
        """Symbols whose bar of ``interval_s`` closed at ``boundary_ns`` and that have at least 61 of them;
        None when none did. ``table``: of that boundary."""
        if self._is_own(interval_s):
            positions = (table.bars >= HISTORY).nonzero()[0]
            if not len(positions):
                return None
            indices = table.indices[positions]
            rows, told = alpha158_live(indices, self._features.address), table.values[positions]
            if self._told_vwaps is not None:
                ratios = self._told_vwaps(boundary_ns, indices) / told[:, _CLOSE]
                rows[:, _VWAP0] = np.where(np.isnan(ratios), rows[:, _VWAP0], ratios)
            return Rows(indices, rows, told[:, _CLOSE], told[:, _FILLED] == 0.0)
        coarse = self._closing(interval_s, boundary_ns)
        indices = coarse.ready(boundary_ns) if coarse is not None else _NONE
        if coarse is None or not len(indices):
            return None
        closes, kinds = coarse.newest(indices)
        return Rows(indices, coarse.features(indices), closes, kinds != Provenance.FILLED)

    def closes(
        self, interval_s: float, table: FeatureTable, boundary_ns: int
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """Indices and closes of the symbols whose bar of ``interval_s`` closed at ``boundary_ns`` and rests
        on a trade, however many bars they have. ``table``: of that boundary."""
        if self._is_own(interval_s):
            there = table.values[:, _FILLED] == 0.0
            return table.indices[there], table.values[there, _CLOSE]
        coarse = self._closing(interval_s, boundary_ns)
        if coarse is None:
            return _NONE, np.zeros(0)
        indices = coarse.ready(boundary_ns, 1)
        closes, kinds = coarse.newest(indices)
        traded = kinds != Provenance.FILLED
        return indices[traded], closes[traded]

    # --- what the store knows ---

    def put(self, bar: Bar) -> None:
        """A bar that a venue or a service told just now, and that is stored."""
        coarse = self._coarse.get(bar.interval_s)
        if coarse is not None:
            values = bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap
            coarse.put(bar.symbol, bar.open_ns, values, bar.provenance)

    def due(self, now_ns: int) -> None:
        """Bars that ended at or before then, where nothing trades that would have closed them."""
        for coarse in self._coarse.values():
            coarse.due(now_ns)

    def fill(self, bars: Bars) -> None:
        """The newest stored bars of one symbol."""
        coarse = self._coarse.get(bars.interval_s)
        if coarse is not None:
            last = bars.part(slice(max(0, len(bars) - SEEDED), None))
            coarse.fill(last.symbol, last.open_ns, last.values, last.provenance)

    def missing(self, interval_s: int) -> dict[str, int]:
        """How many bars are missing between those that a symbol's next row rests on, by symbol; not of
        markets that close."""
        coarse = self._coarse.get(interval_s)
        return {} if coarse is None else coarse.missing()

    def on_gap(self, symbol: str, ns: int) -> None:
        """Trades of ``symbol`` were missed, up to ``ns``."""
        for coarse in self._coarse.values():
            coarse.on_gap(symbol, ns)

    def on_feed(self, venue: str, ns: int, *, up: bool) -> None:
        """Since ``ns`` all trades of ``venue`` come, or do not."""
        for coarse in self._coarse.values():
            coarse.on_feed(venue, ns, up=up)

    def _is_own(self, interval_s: float) -> bool:
        """Whether the desk's own bars are what a model is fed. Not where they are stored as well: what is
        stored of earlier runs counts then too."""
        return interval_s == self._bar_s != self.stored_s

    def _closing(self, interval_s: float, boundary_ns: int) -> CoarseBars | None:
        coarse = self._coarse.get(round(interval_s))
        return None if coarse is None or boundary_ns % (coarse.interval_s * NS) else coarse

    def _hold(self, interval_s: int) -> None:
        self._coarse[interval_s] = CoarseBars(
            interval_s,
            self._bar_s,
            without=self._left_out,
            never_closes=lambda symbol: round_the_clock(name_of(symbol, self._symbols)),
        )
