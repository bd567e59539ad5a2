"""The bars of one symbol at one interval, with the desk's indicators; the open one as it grows.

At the desk's own interval the indicators are those that strategies were shown at each close. Bars of longer
intervals are merged from stored bars and the desk's own (``merged_series``), and their indicators are made by
the same code from those bars alone: their VWAP begins with the first bar that is held. Work is done only when
somebody looks, and then only on what is new.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import numpy as np

from engine.api.market_port import Bars
from engine.api.market_protocol import MOST_BARS, CandleRow
from engine.bar_merge import Floats, Integers, merged_series
from engine.config import FeaturesConfig
from engine.events import NS
from engine.feature_table import COLUMN
from engine.features.candles import Candles
from engine.features.look_back import LookBack
from engine.features.state import BARS_KEPT, SHOWN
from engine.slices import Work

HELD = 2 * MOST_BARS
"""Bars of a chart: beside those that are shown, those that the first ones' indicators rest on."""
MOST_INTERVAL_S = 7 * 86_400
_SHOWN = [COLUMN[name] for name in SHOWN]
_SAME = 1e-9
"""Relative: the same trades summed up in another order."""
_generations = count(1)


class Stored(NamedTuple):
    """Stored bars of one symbol; ``last(n)`` gives when they begin, and (n, 6), oldest first."""

    interval_ns: int
    last: Callable[[int], tuple[Integers, Floats]]


class Series(NamedTuple):
    """Arrays of one length, oldest first."""

    open_ns: Integers
    values: Floats
    shown: Floats

    def part(self, rows: slice) -> Series:
        return Series(self.open_ns[rows], self.values[rows], self.shown[rows])

    def then(self, later: Series) -> Series:
        return Series(*(np.concatenate(pair) for pair in zip(self, later, strict=True)))


NOTHING = Series(np.zeros(0, np.int64), np.zeros((0, 6)), np.zeros((0, len(SHOWN))))


def names(config: FeaturesConfig) -> tuple[str, ...]:
    """Of ``SHOWN``, for a person."""
    averages = f"EMA {config.ema_fast}", f"EMA {config.ema_slow}"
    return *averages, "VWAP", "BB upper", "BB middle", "BB lower", f"RSI {config.rsi_period}"


def own_interval_s(bar_ns: int) -> int:
    """The shortest interval of whole seconds that the desk's bars make up; 0: none within a week."""
    found = bar_ns // math.gcd(bar_ns, NS)
    return found if found <= MOST_INTERVAL_S else 0


def interval_of(wanted_s: int, bar_ns: int) -> int:
    """Seconds: ``wanted_s`` where the desk's bars make it up, else the shortest that they do."""
    own = own_interval_s(bar_ns)
    return wanted_s if own and 0 < wanted_s <= MOST_INTERVAL_S and wanted_s % own == 0 else own


class Chart:
    """Brought up to date by ``looking``. ``stored``: None where no bars are."""

    def __init__(
        self, back: LookBack, index: int, interval_s: int, config: FeaturesConfig, stored: Stored | None
    ) -> None:
        self._back, self._index, self._config = back, index, config
        self._interval_s, self._interval_ns = interval_s, interval_s * NS
        self._bar_ns = round(config.bar_s * NS)
        self._stored = stored if stored is not None and self._goes_with(stored.interval_ns) else None
        self._names = names(config)
        self._own = NOTHING
        """The desk's own bars, as far as others are still made of them."""
        self._seen = 0
        """Of the desk's own bars."""
        self._stamp: tuple[int, ...] = ()
        self._closed = NOTHING
        self._revised = np.zeros(0, np.int64)
        """By closed bar, the revision in which it changed last."""
        self._closed_revision = 0
        """The newest of them."""
        self._open: CandleRow | None = None
        self._open_revised = 0
        self._candles = Candles(config)
        """Has taken all closed bars; of longer intervals."""
        self.generation = next(_generations)
        self._revision = 0

    def bars(self, generation: int, after: int) -> Bars:
        """Those that changed after revision ``after``, all where ``generation`` is another."""
        after = after if generation == self.generation else 0
        rows = self._closed_rows(after) if self._closed_revision > after else []
        if self._open is not None and self._open_revised > after:
            rows.append(self._open)
        return Bars(self._interval_s, self._names, self.generation, self._revision, tuple(rows))

    def _closed_rows(self, after: int) -> list[CandleRow]:
        most = MOST_BARS - (self._open is not None)
        changed = np.flatnonzero(self._revised[-most:] > after) + max(0, len(self._revised) - most)
        closed = self._closed
        return [
            _row(*each, closed=True)
            for each in zip(
                closed.open_ns[changed].tolist(),
                closed.values[changed].tolist(),
                closed.shown[changed].tolist(),
                strict=True,
            )
        ]

    def looking(self) -> Work[None]:
        """Bring it up to date."""
        while self._back.bar_count(self._index) != self._seen:
            self._take_own()
            yield  # another bar may close meanwhile
        if self._interval_ns == self._bar_ns:
            opened = self._back.open_bar(self._index)
            self._set_open(None if opened is None else Series(*opened))
        else:
            # What ended where the desk's open bar begins is closed.
            self._merge(self._back.now_ns // self._bar_ns * self._bar_ns)

    def _goes_with(self, stored_ns: int) -> bool:
        """Whether stored bars can stand beside the desk's own in this chart."""
        if self._interval_ns == self._bar_ns:
            return stored_ns == self._bar_ns
        return stored_ns % self._bar_ns == 0 and self._interval_ns % stored_ns == 0

    # --- the desk's own interval ---

    def _take_own(self) -> None:
        done = self._back.bar_count(self._index)
        first, new = self._seen == 0, Series(*self._back.bars(self._index, done - self._seen))
        self._seen = done
        if self._interval_ns != self._bar_ns:
            self._own = self._own.then(new)
            return
        if first and self._stored is not None:
            opens, values = self._stored.last(HELD)
            older = slice(0, int(np.searchsorted(opens, new.open_ns[0])))
            shown = Candles(self._config).add(values[older])[:, _SHOWN]
            new = Series(opens[older], values[older], shown).then(new)
        self._append(new)

    # --- longer ones ---

    def _merge(self, begin_ns: int) -> None:
        open_ns = begin_ns // self._interval_ns * self._interval_ns
        stamp = open_ns, *self._stored_stamp()
        if stamp != self._stamp:
            self._stamp = stamp
            self._close(open_ns)
        opened = self._parts(open_ns)
        growing = self._back.open_bar(self._index)
        if growing is not None and growing.open_ns[0] >= open_ns:
            opened = (
                np.concatenate((opened[0], growing.open_ns)),
                np.concatenate((opened[1], growing.values)),
            )
        opens, values = merged_series(*opened, self._interval_ns)
        if len(opens):
            self._set_open(Series(opens, values, self._candles.peek(values)[:, _SHOWN]).part(slice(-1, None)))
        else:
            self._set_open(None)

    def _stored_stamp(self) -> tuple[int, ...]:
        if self._stored is None:
            return ()
        opens, _ = self._stored.last(HELD * self._interval_ns // self._stored.interval_ns)
        return (len(opens), int(opens[0]), int(opens[-1])) if len(opens) else ()

    def _parts(self, since_ns: int) -> tuple[Integers, Floats]:
        """What bars from ``since_ns`` on are made of: stored ones, and the desk's own where none are."""
        own = self._own.part(slice(int(np.searchsorted(self._own.open_ns, since_ns)), None))
        if self._stored is None:
            return own.open_ns, own.values
        opens, values = self._stored.last(HELD * self._interval_ns // self._stored.interval_ns)
        first = int(np.searchsorted(opens, since_ns))
        opens, values = opens[first:], values[first:]
        if not len(opens):
            return own.open_ns, own.values
        before = int(np.searchsorted(own.open_ns, opens[0]))
        after = int(np.searchsorted(own.open_ns, opens[-1] + self._stored.interval_ns))
        return (
            np.concatenate((own.open_ns[:before], opens, own.open_ns[after:])),
            np.concatenate((own.values[:before], values, own.values[after:])),
        )

    def _close(self, open_ns: int) -> None:
        """Take what ended at ``open_ns`` or before."""
        parts_ns, parts = self._parts(0)
        ended = int(np.searchsorted(parts_ns, open_ns))
        opens, values = merged_series(parts_ns[:ended], parts[:ended], self._interval_ns)
        if len(opens) and parts_ns[0] > opens[0] and self._is_known_better(int(opens[0])):
            opens, values = opens[1:], values[1:]
        self._follow(opens[-HELD:], values[-HELD:])
        self._own = self._own.part(slice(max(0, len(self._own.open_ns) - BARS_KEPT), None))
        if self._stored is None:  # then nothing else tells of what is closed, and that is kept
            self._own = self._own.part(slice(int(np.searchsorted(self._own.open_ns, open_ns)), None))

    def _is_known_better(self, open_ns: int) -> bool:
        """Of the first bar that can be made its own beginning may be held no more."""
        held = self._closed.open_ns
        if len(held):
            return bool(open_ns <= held[-1])
        return not self._open and (self._seen > BARS_KEPT or self._stored is not None)

    def _follow(self, opens: Integers, values: Floats) -> None:
        """Append what is new of the closed bars; where older ones changed, measure all of them anew."""
        if not len(opens):
            return
        held = self._closed
        at = int(np.searchsorted(held.open_ns, opens[0]))
        known = len(held.open_ns) - at
        if np.array_equal(held.open_ns[at:], opens[:known]) and np.allclose(
            held.values[at:], values[:known], rtol=_SAME, atol=0.0, equal_nan=True
        ):
            new = values[known:]
            self._append(Series(opens[known:], new, self._candles.add(new)[:, _SHOWN]))
            return
        self._candles = Candles(self._config)
        values = np.concatenate((held.values[:at], values))
        opens = np.concatenate((held.open_ns[:at], opens))
        before, revised = self._closed, self._revised
        self._closed, self._revised = NOTHING, np.zeros(0, np.int64)
        self._append(Series(opens, values, self._candles.add(values)[:, _SHOWN]))
        if len(np.setdiff1d(before.open_ns, self._closed.open_ns)):
            self.generation = next(_generations)
        else:
            self._keep(before, revised)

    def _keep(self, before: Series, revised: Integers) -> None:
        """Bars that are as they were need not be told again."""
        now = self._closed
        at = np.searchsorted(now.open_ns, before.open_ns)
        same = np.isclose(now.values[at], before.values, rtol=_SAME, atol=0.0, equal_nan=True).all(axis=1)
        same &= np.isclose(now.shown[at], before.shown, rtol=_SAME, atol=0.0, equal_nan=True).all(axis=1)
        now.values[at[same]], now.shown[at[same]] = before.values[same], before.shown[same]
        self._revised[at[same]] = revised[same]

    # --- both ---

    def _append(self, new: Series) -> None:
        if len(new.open_ns):
            self._revision += 1
            kept = slice(-HELD, None)
            self._closed = self._closed.then(new).part(kept)
            self._revised = np.append(self._revised, np.full(len(new.open_ns), self._revision))[kept]
            self._closed_revision = self._revision

    def _set_open(self, opened: Series | None) -> None:
        row = None
        if opened is not None:
            row = _row(*(part[0].tolist() for part in opened), closed=False)
        if row != self._open:
            self._open = row
            if row is not None:
                self._revision += 1
                self._open_revised = self._revision


def _row(open_ns: int, values: list[float], shown: list[float], *, closed: bool) -> CandleRow:
    opened, high, low, close, volume, _ = values
    told = tuple([value if math.isfinite(value) else None for value in shown])
    return CandleRow(open_ns, opened, high, low, close, _known(volume), closed, told)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
