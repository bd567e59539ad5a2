"""EMA cross: the fast exponential average crosses the slow one, as every platform's first example does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.events import FeatureRow, Signal
from engine.strategies.base import From0, Strategy
from engine.strategies.scanned import ScannedStrategy

if TYPE_CHECKING:
    from engine.strategies.scan import Scan

Part = Annotated[float, Meta(gt=0, le=1)]


class EmaCross(ScannedStrategy):
    """BUY when ``ema_fast`` crosses above ``ema_slow``, SELL when it crosses below, always with the same
    score and confidence: what is measured is the cross alone.

    Averages are TA-Lib's, seeded with a simple one, of ``features.ema_fast`` and ``features.ema_slow`` bars.
    A cross counts once they are ``min_gap_atr`` x ATR apart on the new side. Equal averages are no cross.
    """

    name: ClassVar[str] = "ema_cross"
    description: ClassVar[str] = "the fast exponential average crosses the slow one"
    starts_on: ClassVar[bool] = False

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        min_gap_atr: From0 = 0.0
        """How far beyond the cross the averages must be, in ATR."""
        score: Part = 0.7
        """Of a cross, towards its side."""
        confidence: Part = 0.7

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._min_gap = params.min_gap_atr
        self._score, self._confidence = params.score, params.confidence
        self._above: dict[str, bool] = {}
        """By symbol: the side that the fast average was last seen on."""

    def _new_scan(self) -> Scan:
        from engine.strategies.scan import Scan, ema_cross

        return Scan(ema_cross, (self._min_gap,), self._side, 0)

    def _side(self, symbol: str) -> tuple[int, int]:
        above = self._above.get(symbol)
        return (0 if above is None else 1 if above else -1), 0

    def on_bar(self, row: FeatureRow) -> Signal | None:
        gap = row.ema_fast - row.ema_slow
        if gap == 0.0 or gap != gap:
            return None
        above = self._above.setdefault(row.symbol, gap > 0.0)
        if above is (gap > 0.0) or (self._min_gap > 0.0 and not abs(gap) >= self._min_gap * row.atr):
            return None
        self._above[row.symbol] = not above
        side = -1.0 if above else 1.0
        reason = f"EMA {row.ema_fast:.8g} crossed {'below' if above else 'above'} EMA {row.ema_slow:.8g}"
        return self.signal(row.symbol, row.ns, side * self._score, self._confidence, reason)
