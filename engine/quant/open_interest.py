"""Open interest: is a move of the price carried by new positions, or by old ones being closed?

For each horizon h (5, 15 and 60 minutes) that is warm:

    z_oi, z_p = ln(now / before) / (s x sqrt(h)) of open interest and of the mark price
    score_h   = tanh(z_p) x build(z_oi);  build(z) = tanh(z) for z >= 0, else 0.25 tanh(-z)

So rising open interest with a rising price (fresh longs) is positive, with a falling price (fresh shorts)
negative; with falling open interest the price still counts, but weakly: positions are being closed. s is
the series' own standard deviation per square root of a second, from its steps with exponential weights of
mean age 1 hour: every asset is measured by how much it usually moves.

score = weighted mean of score_h (weights 0.4, 0.4, 0.2). confidence = warm share of the weights
x n / (n + 10) for n steps x (0.5 + 0.5 |sum| / sum of |score_h|): horizons that contradict each other halve
it. Absent before 6 steps, without any warm horizon, or while one of the series does not move at all.
"""

from __future__ import annotations

import math
from collections import deque

from engine.events import NS, ContextEvent, Family, OpenInterest
from engine.quant.opinion import Opinion

HORIZONS_S = (300, 900, 3600)
WEIGHTS = (0.4, 0.4, 0.2)
LEAST_STEPS = 6
HALF_STEPS = 10.0
"""So many steps give half the confidence."""
CLOSING = 0.25
"""How much of a move counts that closes positions."""
MEAN_AGE_S = 3600.0
KEPT_S = 5400
MAX_SAMPLES = 4000
STALE_NS = 900 * NS
"""A series that ended longer ago says nothing."""


class OpenInterestModule:
    name = "open_interest"
    family = Family.OPEN_INTEREST
    ttl_ns = 300 * NS

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}

    def on_event(self, event: ContextEvent) -> bool:
        if not isinstance(event, OpenInterest):
            return False
        series = self._series.setdefault(event.underlying, _Series())
        return series.add(event) and not event.backfilled

    def opinion(self, underlying: str, now_ns: int) -> Opinion | None:
        series = self._series.get(underlying)
        return None if series is None else series.opinion(now_ns)


class _Series:
    """Samples of one underlying in order of the venue's time."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, float, float]] = deque(maxlen=MAX_SAMPLES)
        """(event_ns, ln of open interest, ln of price)."""
        self._steps = 0
        self._recv_ns = 0
        self._weight = 0.0
        self._oi_square = 0.0
        self._price_square = 0.0
        """Exponentially weighted sums of squared steps per second."""

    def add(self, event: OpenInterest) -> bool:
        """Take a sample that is newer than all others. False for one that is not, or makes no sense."""
        if not (0.0 < event.open_interest < math.inf and 0.0 < event.price < math.inf):
            return False
        oi, price = math.log(event.open_interest), math.log(event.price)
        if self._samples:
            before_ns, before_oi, before_price = self._samples[-1]
            seconds = (event.event_ns - before_ns) / NS
            if seconds <= 0.0:
                return False
            if seconds > KEPT_S:
                self._samples.clear()
            else:
                keep = math.exp(-seconds / MEAN_AGE_S)
                self._weight = self._weight * keep + (1.0 - keep)
                self._oi_square = self._oi_square * keep + (1.0 - keep) * (oi - before_oi) ** 2 / seconds
                self._price_square = (
                    self._price_square * keep + (1.0 - keep) * (price - before_price) ** 2 / seconds
                )
                self._steps += 1
        self._samples.append((event.event_ns, oi, price))
        self._recv_ns = event.recv_ns
        while event.event_ns - self._samples[0][0] > KEPT_S * NS:
            self._samples.popleft()
        return True

    def opinion(self, now_ns: int) -> Opinion | None:
        if self._steps < LEAST_STEPS or now_ns - self._recv_ns > STALE_NS or not self._weight > 0.0:
            return None
        oi_unit = math.sqrt(self._oi_square / self._weight)
        price_unit = math.sqrt(self._price_square / self._weight)
        if not (oi_unit > 0.0 and price_unit > 0.0):
            return None
        last_ns, oi, price = self._samples[-1]
        total = size = warm = 0.0
        told = []
        for seconds, weight in zip(HORIZONS_S, WEIGHTS, strict=True):
            before = self._before(last_ns - seconds * NS, seconds)
            if before is None:
                continue
            oi_change, price_change = oi - before[1], price - before[2]
            root = math.sqrt(seconds)
            built = oi_change / (oi_unit * root)
            build = math.tanh(built) if built >= 0.0 else CLOSING * math.tanh(-built)
            score = weight * math.tanh(price_change / (price_unit * root)) * build
            total += score
            size += abs(score)
            warm += weight
            told.append(
                f"{seconds // 60}m OI {100 * math.expm1(oi_change):+.2f} % price"
                f" {100 * math.expm1(price_change):+.2f} %"
            )
        if not warm:
            return None
        agreement = abs(total) / size if size > 0.0 else 0.0
        confidence = warm * self._steps / (self._steps + HALF_STEPS) * (0.5 + 0.5 * agreement)
        kind = _kind(oi - self._first(last_ns)[1], price - self._first(last_ns)[2])
        return Opinion(total / warm, min(confidence, 1.0), f"{kind}: {', '.join(told)}")

    def _before(self, at_ns: int, horizon_s: int) -> tuple[int, float, float] | None:
        """The sample nearest to ``at_ns``, when it is within a quarter of the horizon."""
        nearest = min(self._samples, key=lambda sample: abs(sample[0] - at_ns))
        return nearest if abs(nearest[0] - at_ns) * 4 <= horizon_s * NS else None

    def _first(self, last_ns: int) -> tuple[int, float, float]:
        """What the shortest warm horizon compares with."""
        for seconds in HORIZONS_S:
            before = self._before(last_ns - seconds * NS, seconds)
            if before is not None:
                return before
        return self._samples[0]


def _kind(oi_change: float, price_change: float) -> str:
    if oi_change > 0.0:
        return "fresh longs" if price_change > 0.0 else "fresh shorts"
    return "shorts closing" if price_change > 0.0 else "longs closing"
