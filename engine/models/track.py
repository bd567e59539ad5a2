"""How a model does on the desk: its predictions against what came of them, and paper weights after costs.

A prediction is scored when its horizon has passed, by the closes of its own bars: the correlation across
symbols of predictions and forward returns (IC), and of their ranks. A symbol without a close at either end
is left out. The paper weights of a prediction are taken up symbol by symbol, each at the close of the first
bar with a trade after that prediction: its own close was known to it, and nobody can trade there any more.
They are held until those of the next one are.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from engine.models.correlation import correlation, rank_correlation
from engine.models.overlap import independent, mean_interval
from engine.models.usable import usable

Floats = npt.NDArray[np.float64]
Weights = Mapping[str, Fraction]

LATENCIES = 500
"""Newest batches that the latency figures are over."""
MAX_PENDING = 512
"""Batches that wait for their horizon at once; of a longer horizon only every second, third, … is scored."""
_LEFT = 5
"""After so many intervals without a prediction the paper weights count as left."""

Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class Figures(msgspec.Struct, frozen=True):
    """What is known of a run. Without ``steps`` the three after it are None."""

    since_ns: int
    predictions: int
    steps: int
    ic: float | None
    rank_ic: float | None
    hit_rate: float | None
    turnover: float | None
    pnl_pct: float | None
    latency_p50_ms: float | None
    latency_max_ms: float | None
    independent: float = 0.0
    """About how many steps without an overlap would say as much as those that the ICs are over."""
    rank_ic_low: float | None = None
    """95 % interval of ``rank_ic``; None: of too few independent steps."""
    rank_ic_high: float | None = None


class Tally(msgspec.Struct):
    """Sums of a run; as it is kept between runs of the desk."""

    since_ns: Count = 0
    predictions: Count = 0
    steps: Count = 0
    ics: list[Finite] = []
    """Newest ``live_ic_steps``, oldest first."""
    rank_ics: list[Finite] = []
    hits: Count = 0
    moved: Count = 0
    turnover: Finite = 0.0
    turns: Count = 0
    pnl: Finite = 0.0
    latencies: list[Finite] = []

    def scored(self, ic: float, rank_ic: float, hits: int, moved: int, keep: int) -> None:
        """A step: its ICs, and how many of its ``moved`` paper positions went their way."""
        self.steps += 1
        self.hits += hits
        self.moved += moved
        for values, value in ((self.ics, ic), (self.rank_ics, rank_ic)):
            values.append(value)
            del values[:-keep]

    def predicted(self, ns: int, took_ms: float | None) -> None:
        """At ``ns``, the close of a bar; ``took_ms``: None where that was not measured."""
        self.since_ns = self.since_ns or ns
        self.predictions += 1
        if took_ms is not None:
            self.latencies.append(took_ms)
            del self.latencies[:-LATENCIES]

    def turned(self, turnover: float) -> None:
        """From the weights of one prediction to those of the next one."""
        self.turnover += turnover
        self.turns += 1

    def figures(self, overlap: int = 1) -> Figures:
        """``overlap``: steps that a label reaches over."""
        slowest = sorted(self.latencies)
        found = mean_interval(self.rank_ics, overlap)
        # a correlation's does not leave [-1, 1]
        low, high = (None, None) if found is None else (max(-1.0, found[0]), min(1.0, found[1]))
        return Figures(
            self.since_ns,
            self.predictions,
            self.steps,
            mean(self.ics),
            mean(self.rank_ics),
            self.hits / self.moved if self.moved else None,
            self.turnover / self.turns if self.turns else None,
            100.0 * self.pnl if self.predictions else None,
            slowest[len(slowest) // 2] if slowest else None,
            slowest[-1] if slowest else None,
            independent(len(self.rank_ics), overlap),
            low,
            high,
        )


class _Pending(NamedTuple):
    due_ns: int
    symbols: tuple[str, ...]
    predictions: Floats
    closes: Floats
    weights: Weights


class Waiting(msgspec.Struct, frozen=True):
    """A prediction that waits for its horizon, as it is kept between runs of the desk."""

    due_ns: Count
    symbols: str
    """One a line."""
    predictions: bytes
    """Little-endian float64; thousands of numbers as text would hold up who keeps them."""
    closes: bytes
    longs: list[str]
    shorts: list[str]


class Kept(msgspec.Struct, frozen=True):
    """A track as a setting."""

    version: Annotated[str, Meta(max_length=64)]
    tally: Tally
    judged: Count = 0
    waiting: list[Waiting] = []
    """Newest first."""


class Track:
    """Of one version."""

    def __init__(
        self,
        version: str,
        *,
        interval_s: float,
        horizon_ns: int,
        every_ns: int,
        cost_pct: float,
        keep_steps: int,
    ) -> None:
        """``interval_s``: of its bars; ``horizon_ns``: of its labels; ``every_ns``: between two predictions;
        ``cost_pct``: of the paper weights, percent per unit of turnover; ``keep_steps``: that the IC's mean
        is over."""
        self.version = version
        self.interval_s = interval_s
        self.tally = Tally()
        self.judged = 0
        """Steps scored since it was put to work."""
        self._horizon_ns = horizon_ns
        self._every_ns = every_ns
        self._cost = cost_pct / 100.0
        self._keep = keep_steps
        self._stride = stride(horizon_ns, every_ns)
        self._pending: deque[_Pending] = deque()
        self.weights: Weights = {}
        """Of the newest prediction."""
        self._weighed_ns = 0
        self._held: dict[str, tuple[float, float]] = {}
        """(weight, price that its gain counts from) by symbol."""
        self._wanted: dict[str, float] = {}
        """Weights that wait for the next price of their symbol."""

    @property
    def due_ns(self) -> int:
        """From when on closes are wanted; 0: none are."""
        due_ns = self._pending[0].due_ns if self._pending else 0
        if not self._wanted:
            return due_ns
        return min(due_ns, self._weighed_ns + 1) if due_ns else self._weighed_ns + 1

    def put_to_work(self) -> None:
        """Judge it by what comes from now on."""
        self.judged = 0

    def figures(self) -> Figures:
        return self.tally.figures(overlapping(self._horizon_ns, self._every_ns))

    def on_batch(
        self,
        ns: int,
        symbols: tuple[str, ...],
        predictions: Floats,
        closes: Floats,
        traded: npt.NDArray[np.bool_],
        weights: Weights,
        took_ms: float | None,
    ) -> None:
        """A prediction at a bar close, finite, and the paper weights that follow from it.

        ``traded``: the bars in which something was; no label begins or ends at another, as in training.
        """
        self.tally.predicted(ns, took_ms)
        self._weigh(ns, weights)
        if ns // self._every_ns % self._stride == 0:
            known = np.where(traded, closes, np.nan)
            self._pending.append(_Pending(ns + self._horizon_ns, symbols, predictions, known, weights))

    def _weigh(self, ns: int, weights: Weights) -> None:
        """These are wanted from the next prices on."""
        if ns - self._weighed_ns > _LEFT * self._every_ns:
            self.weights = {}
            self._held.clear()
        if self.weights:
            self.tally.turned(turnover(self.weights, weights))
        self._wanted = {symbol: float(weights.get(symbol, 0)) for symbol in (*self._held, *weights)}
        self.weights, self._weighed_ns = weights, ns

    def _take_up(self, symbol: str, weight: float, price: float) -> None:
        """What the old weight earned, and what it costs to have the new one."""
        held, since = self._held.pop(symbol, (0.0, price))
        gain = held * (price / since - 1.0) - self._cost * abs(weight - held) / 2.0
        if math.isfinite(gain):
            self.tally.pnl += gain
        if weight:
            self._held[symbol] = weight, price

    def on_closes(self, ns: int, closes: Mapping[str, float]) -> None:
        """The closes of the bars with trades that closed at ``ns``: what is due is scored, what was due
        before is given up. Weights that were wanted before ``ns`` are taken up."""
        while self._pending and self._pending[0].due_ns <= ns:
            one = self._pending.popleft()
            if one.due_ns == ns:
                self._score(one, closes)
        if ns > self._weighed_ns:
            for symbol in [symbol for symbol in self._wanted if closes.get(symbol, 0.0) > 0.0]:
                self._take_up(symbol, self._wanted.pop(symbol), closes[symbol])

    def _score(self, one: _Pending, closes: Mapping[str, float]) -> None:
        now = np.array([closes.get(symbol, math.nan) for symbol in one.symbols])
        with np.errstate(invalid="ignore", divide="ignore"):
            returns = now / one.closes - 1.0
        known = np.isfinite(returns) & (one.closes > 0.0) & (now > 0.0)
        if known.sum() < 2:
            return
        predicted, came = one.predictions[known], returns[known]
        ic, rank_ic = correlation(predicted, came), rank_correlation(predicted, came)
        if not (math.isfinite(ic) and math.isfinite(rank_ic)):
            return
        went = [
            float(one.weights[symbol]) * change
            for symbol, change, there in zip(one.symbols, returns.tolist(), known.tolist(), strict=True)
            if there and symbol in one.weights
        ]
        hits, moved = sum(each > 0.0 for each in went), sum(each != 0.0 for each in went)
        self.judged += 1
        self.tally.scored(ic, rank_ic, hits, moved, self._keep)

    def live_rank_ic(self) -> float | None:
        """Mean of the steps scored since it was put to work, the newest ``keep_steps``."""
        count = min(self.judged, self._keep)
        return mean(self.tally.rank_ics[-count:]) if count else None

    # --- between runs of the desk ---

    def kept(self, cells: int) -> Kept:
        """``cells``: most predictions of a symbol that are kept of what waits for its horizon."""
        waiting = []
        for one in reversed(self._pending):
            cells -= len(one.symbols)
            if cells < 0:
                break
            waiting.append(_packed(one))
        return Kept(self.version, self.tally, self.judged, waiting)

    def take_up(self, kept: Kept) -> None:
        """Go on from what an earlier run kept of the same version."""
        self.tally, self.judged = kept.tally, kept.judged
        for values in (self.tally.ics, self.tally.rank_ics):
            del values[: -self._keep]
        del self.tally.latencies[:-LATENCIES]
        for one in reversed(kept.waiting[:MAX_PENDING]):
            found = _unpacked(one)
            if found is not None:
                self._pending.append(found)


def _packed(one: _Pending) -> Waiting:
    known = np.isfinite(one.closes).nonzero()[0].tolist()
    return Waiting(
        one.due_ns,
        "\n".join([one.symbols[at] for at in known]),
        one.predictions[known].astype("<f8").tobytes(),
        one.closes[known].astype("<f8").tobytes(),
        [symbol for symbol, weight in one.weights.items() if weight > 0],
        [symbol for symbol, weight in one.weights.items() if weight < 0],
    )


def _unpacked(one: Waiting) -> _Pending | None:
    """None: it makes no sense."""
    symbols = tuple(one.symbols.split("\n")) if one.symbols else ()
    if not len(one.predictions) == len(one.closes) == 8 * len(symbols):
        return None
    predictions, closes = (
        np.frombuffer(each, "<f8").astype(np.float64) for each in (one.predictions, one.closes)
    )
    if not (usable(predictions) and usable(closes)):
        return None
    weights = {symbol: Fraction(1, len(one.longs)) for symbol in one.longs}
    weights |= {symbol: Fraction(-1, len(one.shorts)) for symbol in one.shorts}
    return _Pending(one.due_ns, symbols, predictions, closes, weights)


def stride(horizon_ns: int, every_ns: int) -> int:
    """Of so many predictions one is scored."""
    return max(1, math.ceil(horizon_ns / every_ns / MAX_PENDING))


def overlapping(horizon_ns: int, every_ns: int) -> int:
    """Steps that a label reaches over."""
    return max(1, math.ceil(horizon_ns / (every_ns * stride(horizon_ns, every_ns))))


def turnover(before: Weights, after: Weights) -> float:
    """What is traded between two sets of weights: 0 nothing, 1 all of one side is exchanged."""
    held, wanted = before.values(), after.values()
    # in whole parts: fractions take ten times as long, and come to the same
    parts = math.lcm(*{weight.denominator for weight in (*held, *wanted)})
    kept = {symbol: _parts(weight, parts) for symbol, weight in before.items()}
    traded = sum(abs(_parts(weight, parts) - kept.pop(symbol, 0)) for symbol, weight in after.items())
    return (traded + sum(map(abs, kept.values()))) / (2 * parts)


def _parts(weight: Fraction, parts: int) -> int:
    """``weight`` in ``parts``-ths, exactly."""
    return weight.numerator * (parts // weight.denominator)


def overlap(one: Weights, other: Weights) -> float | None:
    """Share of the weights that both hold on the same side; None when one of them is without an opinion."""
    if not one or not other:
        return None
    both = sum(
        min(abs(weight), abs(other[symbol]))
        for symbol, weight in one.items()
        if symbol in other and other[symbol] * weight > 0
    )
    return float(both / max(sum(map(abs, one.values())), sum(map(abs, other.values()))))


def mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
