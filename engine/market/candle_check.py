"""Which bars are believed: whole, possible, in their place, seen once, near the one before.

How far a close may be from the one before is given for a day, and scaled to the time between the two by its
fourth root: 30 % a day are 13.6 % an hour and 4.9 % a minute. A random walk would say the square root (0.8 %
a minute), but large moves are sudden: most of a bad day is often one minute of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.events import NS, Candle

REASONS: tuple[str, ...] = (
    "NOT_FINITE",
    "NOT_POSITIVE",
    "RANGE",
    "VOLUME",
    "UNALIGNED",
    "FUTURE",
    "UNCLOSED",
    "SERIES",
    "DUPLICATE",
    "OUT_OF_ORDER",
    "OUTLIER",
)
"""All that ``check`` answers beside "": RANGE is an open or close outside of low to high, SERIES a bar of
another symbol or interval than the one before."""

AGREEING = 5
"""So many outliers in a row that agree with each other are a move: the next one is believed."""

CLOCK_NS = 5 * NS
"""A venue's clock may be ahead of ours by this much before its bars are of the future."""

_DAY_S = 86_400
_SESSION_S = 900
"""Sessions begin at quarters of an hour, and bars that are longer begin with their session."""


class Split(NamedTuple):
    """One share became ``ratio`` shares (0.1: ten became one) before the first trade at or after ``ns``."""

    ns: int
    ratio: float


class Aside(NamedTuple):
    """A bar that is not believed, and why."""

    candle: Candle
    reason: str


class Sifted(NamedTuple):
    kept: list[Candle]
    aside: list[Aside]


def malformed(candle: Candle) -> str:
    """The reason why the bar cannot be, whatever came before it; "" when it can."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    if not all(map(math.isfinite, prices)):
        return "NOT_FINITE"
    if min(prices) <= 0.0:
        return "NOT_POSITIVE"
    low, high = candle.low, candle.high
    if not (low <= candle.open <= high and low <= candle.close <= high):
        return "RANGE"
    if candle.volume < 0.0 or math.isinf(candle.volume):
        return "VOLUME"
    if candle.interval_s <= 0 or candle.open_ns <= 0:
        return "UNALIGNED"
    return "" if candle.open_ns % (math.gcd(candle.interval_s, _SESSION_S) * NS) == 0 else "UNALIGNED"


def early(candle: Candle, now_ns: int, *, closed: bool) -> str:
    """FUTURE for a bar that begins, or is said to have closed, later than ``now_ns``; UNCLOSED for one that
    is still open when ``closed`` ones are wanted.

    A day may close before 24 hours are over: an exchange's session does.
    """
    if candle.open_ns > now_ns + CLOCK_NS:
        return "FUTURE"
    if not candle.closed:
        return "UNCLOSED" if closed else ""
    end_ns = candle.open_ns + candle.interval_s * NS
    return "FUTURE" if candle.interval_s < _DAY_S and end_ns > now_ns + CLOCK_NS else ""


def limit_pct(daily_return_pct: float, seconds: float) -> float:
    """How far two closes may be apart that lie ``seconds`` apart, percent of the earlier one."""
    return daily_return_pct * math.sqrt(math.sqrt(max(seconds, 1.0) / _DAY_S))


def _step(price: float, reference: float) -> float:
    """Logarithmic: as far down as up again. Not of the quotient, which can be 0 or infinite."""
    return abs(math.log(price) - math.log(reference))


def _most(pct: float) -> float:
    return math.log1p(pct / 100.0)


class CandleCheck:
    """One series of bars (a symbol, an interval, a source), oldest first.

    ``daily_return_pct``: see the module. ``splits`` excuse a jump by their ratio between the bars on both
    sides of them. ``before``: the newest bar that is kept already.
    """

    def __init__(
        self, daily_return_pct: float = 30.0, *, splits: Iterable[Split] = (), before: Candle | None = None
    ) -> None:
        self._daily_pct = daily_return_pct
        self._splits = tuple(split for split in splits if 0.0 < split.ratio < math.inf)
        self.before = before
        """The newest closed bar that was believed."""
        self._outlier: Candle | None = None
        self._outliers = 0

    def check(self, candle: Candle, now_ns: int, *, closed: bool = True) -> str:
        """Why the bar is not to be believed (one of ``REASONS``), or "".

        A believed one is what the next is compared with, once it is closed. ``closed``: only closed bars are
        wanted. ``now_ns``: our clock when the bar came.
        """
        reason = malformed(candle) or early(candle, now_ns, closed=closed) or self._misplaced(candle)
        if not reason and self._outlies(candle):
            reason = "OUTLIER"
        if not reason and candle.closed:
            self.before, self._outlier, self._outliers = candle, None, 0
        return reason

    def sift(self, candles: Sequence[Candle], now_ns: int) -> Sifted:
        """``check`` of a page of closed bars, oldest first.

        Outliers that the rest of the page proves to have been a move are kept with it, in their places.
        """
        kept: list[Candle] = []
        aside: list[Aside] = []
        doubted: list[Aside] = []
        for candle in candles:
            believed_next = self._outliers >= AGREEING
            reason = self.check(candle, now_ns)
            if candle is self._outlier:
                if self._outliers == 1:  # it does not agree with those before it
                    aside += doubted
                    doubted = []
                doubted.append(Aside(candle, reason))
            elif reason:
                aside.append(Aside(candle, reason))
            else:
                if believed_next and doubted:
                    kept += (old.candle for old in doubted)
                else:
                    aside += doubted
                doubted = []
                kept.append(candle)
        return Sifted(kept, aside + doubted)

    def _misplaced(self, candle: Candle) -> str:
        before = self.before
        if before is None:
            return ""
        if candle.symbol != before.symbol or candle.interval_s != before.interval_s:
            return "SERIES"
        if candle.open_ns == before.open_ns:
            return "DUPLICATE"
        return "OUT_OF_ORDER" if candle.open_ns < before.open_ns else ""

    def _outlies(self, candle: Candle) -> bool:
        """Is the bar unbelievable? Counts how many agree, closed ones only."""
        if self._spikes(candle):
            return True
        before = self.before
        if before is None or not self._strays(candle, before):
            return False
        outlier = self._outlier
        if not candle.closed or (outlier is not None and candle.open_ns <= outlier.open_ns):
            return True
        agrees = outlier is not None and not self._strays(candle, outlier)
        if agrees and self._outliers >= AGREEING:
            return False
        self._outliers = self._outliers + 1 if agrees else 1
        self._outlier = candle
        return True

    def _strays(self, candle: Candle, before: Candle) -> bool:
        pct = limit_pct(self._daily_pct, (candle.open_ns - before.open_ns) / NS)
        if _step(candle.close, before.close) <= _most(pct):
            return False
        ratio = 1.0
        end_ns = candle.open_ns + candle.interval_s * NS
        for split in self._splits:
            if before.open_ns < split.ns < end_ns:
                ratio *= split.ratio
        moved = math.log(candle.close) + math.log(ratio) - math.log(before.close)
        return abs(moved) > _most(pct)

    def _spikes(self, candle: Candle) -> bool:
        """Is its high or low further from its close than a day allows? No later bar can confirm that."""
        end_ns = candle.open_ns + candle.interval_s * NS
        if any(candle.open_ns < split.ns < end_ns for split in self._splits):
            return False
        edge = max(_step(candle.high, candle.close), _step(candle.low, candle.close))
        return edge > _most(limit_pct(self._daily_pct, max(_DAY_S, candle.interval_s)))
