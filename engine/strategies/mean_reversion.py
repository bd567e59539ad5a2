"""Mean reversion: the price left its Bollinger bands while RSI is at an extreme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.events import NS, FeatureRow, Signal
from engine.strategies.base import Seconds, Strategy
from engine.strategies.scanned import ScannedStrategy

if TYPE_CHECKING:
    from engine.strategies.scan import Scan


class MeanReversion(ScannedStrategy):
    """BUY at the lower band when oversold, SELL at the upper band when overbought.

    With ``e`` = how far RSI is beyond its limit as a share of what is left (0 at the limit, 1 at 0 or 100)
    and ``d`` = how far the close is outside the band, in band widths, at most 1: score = 0.5 + 0.5 max(e, d),
    confidence = 0.5 + 0.25 (e + d). It speaks once per ``cooldown_s`` and side.
    """

    name: ClassVar[str] = "mean_reversion"
    description: ClassVar[str] = "outside the Bollinger bands with RSI at an extreme"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        oversold: Annotated[float, Meta(gt=0, lt=50)] = 30.0
        """BUY at or below this RSI."""
        overbought: Annotated[float, Meta(gt=50, lt=100)] = 70.0
        """SELL at or above this RSI."""
        cooldown_s: Seconds = 20.0
        """Silence after a signal for the same side."""
        ttl_s: Seconds = 10.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._oversold = params.oversold
        self._overbought = params.overbought
        self._cooldown_ns = round(params.cooldown_s * NS)
        self._spoken: dict[str, tuple[int, bool]] = {}
        """By symbol: when it last spoke, and whether it said BUY."""

    def _new_scan(self) -> Scan:
        from engine.strategies.scan import ALWAYS, Scan, mean_reversion

        limits = (self._oversold, self._overbought)
        return Scan(mean_reversion, limits, self._quiet_since, ALWAYS)

    def _quiet_since(self, symbol: str) -> tuple[int, int]:
        from engine.strategies.scan import quiet_since

        return quiet_since(self._spoken.get(symbol), self._cooldown_ns)

    def on_bar(self, row: FeatureRow) -> Signal | None:
        rsi = row.rsi
        if rsi <= self._oversold:
            if row.close <= row.bb_lower < row.bb_upper:
                return self._judge(
                    row, (self._oversold - rsi) / self._oversold, row.bb_lower - row.close, True
                )
        elif rsi >= self._overbought and row.close >= row.bb_upper > row.bb_lower:
            limit = self._overbought
            return self._judge(row, (rsi - limit) / (100.0 - limit), row.close - row.bb_upper, False)
        return None

    def _judge(self, row: FeatureRow, extremity: float, outside: float, buy: bool) -> Signal | None:
        spoken = self._spoken.get(row.symbol)
        if spoken is not None and spoken[1] is buy and row.ns - spoken[0] < self._cooldown_ns:
            return None
        self._spoken[row.symbol] = (row.ns, buy)
        extremity = min(extremity, 1.0)
        depth = min(outside / (row.bb_upper - row.bb_lower), 1.0)
        score = 0.5 + 0.5 * max(extremity, depth)
        band, edge, word, limit = (
            (row.bb_lower, "lower", "oversold", self._oversold)
            if buy
            else (row.bb_upper, "upper", "overbought", self._overbought)
        )
        reason = f"close {row.close:.8g} at the {edge} band {band:.8g}, RSI {row.rsi:.1f} ({word} {limit:g})"
        return self.signal(
            row.symbol, row.ns, score if buy else -score, 0.5 + 0.25 * (extremity + depth), reason
        )
