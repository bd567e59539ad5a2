"""How long each stage of the desk takes: stamped per order, per bar or per frame, never per tick."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable

from engine.api.market_protocol import LatencyRow
from engine.events import OrderRequest, Purpose
from engine.histogram import Histogram
from engine.slices import Work

BOUNDS_US = (*(step * 10.0**power for power in range(7) for step in (1, 2, 5)), 1e7)
"""1 µs to 10 s, three to a decade."""
_ASKED_FOR = frozenset({Purpose.ENTRY, Purpose.FLATTEN, Purpose.REBALANCE})
"""Purposes of orders that need no opportunity behind them."""
BOUNDS_S = tuple(round(bound) / 1e6 for bound in BOUNDS_US)


class LatencyWindow:
    """The newest ``capacity`` latencies, in ns."""

    def __init__(self, capacity: int = 1024) -> None:
        self._values: deque[int] = deque(maxlen=capacity)
        self._ordered: list[int] | None = []
        """None: to be put in order again."""
        self.count = 0
        """Since start."""
        self.histogram = Histogram(BOUNDS_S)
        """Since start."""

    def add(self, ns: int) -> None:
        self._values.append(ns)
        self._ordered = None
        self.count += 1
        self.histogram.add(ns)

    def since(self, count: int) -> list[int]:
        """The latencies, ns, that came when there had been ``count`` and are still held."""
        newer = min(self.count - count, len(self._values))
        return [self._values[index] for index in range(-newer, 0)]

    def percentile_us(self, share: float) -> float | None:
        """The value below which ``share`` (0 to 1) of the latencies lie, in µs; None when there are none."""
        return _at(self._in_order(), share)

    def row(self, stage: str, about: str) -> LatencyRow:
        """Percentiles and histogram of what is held."""
        ordered = self._in_order()
        counts = [0] * (len(BOUNDS_US) + 1)
        for ns in ordered:
            counts[bisect_left(BOUNDS_US, ns / 1_000)] += 1
        return LatencyRow(
            stage,
            about,
            self.count,
            _at(ordered, 0.5),
            _at(ordered, 0.9),
            _at(ordered, 0.99),
            _at(ordered, 1.0),
            BOUNDS_US,
            tuple(counts),
        )

    def _in_order(self) -> list[int]:
        if self._ordered is None:
            self._ordered = sorted(self._values)
        return self._ordered


class Stages:
    """The windows of all stages. Those of decisions count from when the desk was given what one read of a
    socket held, decoded, or from when the clock moved it."""

    def __init__(self) -> None:
        self.decided, self.approved, self.journaled = LatencyWindow(), LatencyWindow(), LatencyWindow()
        self.submitted, self.acknowledged, self.filled = LatencyWindow(), LatencyWindow(), LatencyWindow()
        self.bars, self.batch, self.scored = LatencyWindow(), LatencyWindow(), LatencyWindow()
        self.frame, self.market, self.sent = LatencyWindow(), LatencyWindow(), LatencyWindow()

    def making(self) -> Work[tuple[LatencyRow, ...]]:
        """Rows in the order of the flow."""
        rows: list[LatencyRow] = []
        for name, stage, about in _ABOUT:
            rows.append(getattr(self, name).row(stage, about))
            yield
        return tuple(rows)

    def histograms(self) -> list[tuple[str, Histogram]]:
        """By stage, in the order of the flow."""
        return [(stage, getattr(self, name).histogram) for name, stage, _ in _ABOUT]


class Stopwatch:
    """Times the decisions of one desk, by ``timer`` (ns); None: nothing is timed."""

    def __init__(self, stages: Stages, timer: Callable[[], int] | None) -> None:
        self._stages = stages
        self._timer = timer
        self._began = self._bars_began = 0
        self.boundary_ns = 0
        """Of the bars that closed last."""

    def begin(self) -> None:
        """The desk is given something, or the time."""
        if self._timer is not None:
            self._began = self._timer()

    def begin_bars(self, *, timed: bool) -> None:
        self._bars_began = self._timer() if timed and self._timer is not None else 0

    def end_bars(self) -> None:
        if self._timer is not None and self._bars_began:
            self._stages.bars.add(self._timer() - self._bars_began)

    def batch(self, ns: int) -> None:
        """The model's predictions of the boundary ``ns`` were heard."""
        if self._timer is not None and self._bars_began and ns == self.boundary_ns:
            self._stages.batch.add(self._timer() - self._bars_began)

    def now(self) -> int:
        """What ``decided`` is to be told once nothing waits any more."""
        return 0 if self._timer is None else self._timer()

    def decided(self, ns: int) -> None:
        """An opportunity was made at ``ns``."""
        if self._timer is not None:
            self._stages.decided.add(ns - self._began)

    def approved(self, request: OrderRequest) -> None:
        # What a person, an automation or the portfolio asks for follows from no tick.
        if self._timer is not None and (request.opportunity_id or request.purpose not in _ASKED_FOR):
            self._stages.approved.add(self._timer() - self._began)


_ABOUT = (
    ("decided", "decision", "ticks received, decoded → opportunity made of them"),
    ("approved", "approval", "ticks received, decoded → the desk's order approved by risk"),
    ("journaled", "journal", "journal events handed to the writer → on disk, the desk told"),
    ("submitted", "submission", "order approved → on disk and handed to its gateway"),
    ("acknowledged", "acknowledged", "order handed to its gateway → accepted, and that on disk"),
    ("filled", "first fill", "order handed to its gateway → first fill, and that on disk"),
    ("bars", "bar close", "bars closed → strategies and quant heard, all decided"),
    ("scored", "model", "feature rows handed to the model → its predictions"),
    ("batch", "bar to batch", "bars closed → the model's predictions of them heard"),
    ("frame", "frame", "every row of the desk made into a frame, once for all consoles"),
    ("market", "market frame", "what is new of a watched symbol made into a frame"),
    ("sent", "frame sent", "a console's frame encoded → taken by its socket"),
)


def _at(ordered: list[int], share: float) -> float | None:
    """µs."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1_000
