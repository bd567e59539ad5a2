"""Golden cross and death cross: the fast simple moving average crosses the slow one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from engine.events import FeatureRow, Signal
from engine.strategies.base import From0, Seconds, Strategy
from engine.strategies.scanned import ScannedStrategy

if TYPE_CHECKING:
    from engine.strategies.scan import Scan


class GoldenCross(ScannedStrategy):
    """BUY when ``sma_fast`` crosses above ``sma_slow`` (golden cross), SELL when below (death cross).

    A cross counts once the averages are ``min_gap_atr`` x ATR apart on the new side, which keeps it from
    chattering while they run together. A cross during bars without trades counts at the next trade.

    With ``v`` = how fast they move apart, in ATR per bar: score = 0.5 + 0.5 v / (v + 0.5), confidence =
    0.4 + 0.6 v / (v + 0.5). Trading BTCUSDT in 1 s bars, v is 0.5 to 1 at a cross.
    """

    name: ClassVar[str] = "golden_cross"
    description: ClassVar[str] = "the fast average crosses the slow one"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        min_gap_atr: From0 = 0.05
        """How far beyond the cross the averages must be, in ATR."""
        ttl_s: Seconds = 30.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._min_gap = params.min_gap_atr
        self._above: dict[str, bool] = {}
        """By symbol: the side that the fast average was last seen on."""

    def _new_scan(self) -> Scan:
        from engine.strategies.scan import Scan, golden_cross

        return Scan(golden_cross, (self._min_gap,), self._side, 0)

    def _side(self, symbol: str) -> tuple[int, int]:
        above = self._above.get(symbol)
        return (0 if above is None else 1 if above else -1), 0

    def on_bar(self, row: FeatureRow) -> Signal | None:
        gap = row.sma_fast - row.sma_slow
        if gap != gap:
            # The averages are not warm, or started over: an old side says nothing about the new ones.
            self._above.pop(row.symbol, None)
            return None
        above = self._above.get(row.symbol)
        if above is None:
            before = row.sma_fast_prev - row.sma_slow_prev
            above = self._above[row.symbol] = (before or gap) > 0.0 if before == before else gap > 0.0
        if (gap >= 0.0 if above else gap <= 0.0) or not abs(gap) >= self._min_gap * row.atr:
            return None
        self._above[row.symbol] = not above
        return self._crossed(row, gap)

    def _crossed(self, row: FeatureRow, gap: float) -> Signal | None:
        pace = abs(gap - (row.sma_fast_prev - row.sma_slow_prev)) / row.atr if row.atr > 0.0 else 0.0
        share = 1.0 - 0.5 / (pace + 0.5) if pace == pace else 0.0
        score = 0.5 + 0.5 * share
        reason = (
            f"{'golden' if gap > 0.0 else 'death'} cross: fast {row.sma_fast:.8g} against slow "
            f"{row.sma_slow:.8g}, {gap:+.4g} apart (min {self._min_gap * row.atr:.4g})"
        )
        return self.signal(row.symbol, row.ns, score if gap > 0.0 else -score, 0.4 + 0.6 * share, reason)
