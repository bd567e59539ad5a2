"""Trend following: averages apart, MACD and momentum agreeing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from engine.events import NS, FeatureRow, Signal
from engine.strategies.base import Above0, Seconds, Strategy
from engine.strategies.scanned import ScannedStrategy

if TYPE_CHECKING:
    from engine.strategies.scan import Scan


class Trend(ScannedStrategy):
    """BUY in an up-trend, SELL in a down-trend.

    A trend is: ``|ema_fast - ema_slow| >= min_gap_atr`` x ATR, the MACD histogram on the same side, and
    momentum on the same side by at least ``min_momentum_atr`` x ATR. It speaks when a trend begins and again
    every ``cooldown_s`` while it lasts. With ``g`` = gap in ATR over ``min_gap_atr`` and ``m`` = momentum in
    ATR over ``min_momentum_atr`` (both 1 at their threshold): score = 1 - 0.5 ** g, confidence = 1 - 0.5 **
    sqrt(g m).
    """

    name: ClassVar[str] = "trend"
    description: ClassVar[str] = "averages apart, MACD and momentum agreeing"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        min_gap_atr: Above0 = 1.0
        """How far the averages must be apart, in ATR."""
        min_momentum_atr: Above0 = 2.0
        """How far the price must have come over the momentum bars, in ATR."""
        cooldown_s: Seconds = 30.0
        """Silence after a signal for the same side."""
        ttl_s: Seconds = 15.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._min_gap = params.min_gap_atr
        self._min_momentum = params.min_momentum_atr
        self._cooldown_ns = round(params.cooldown_s * NS)
        self._spoken: dict[str, tuple[int, bool]] = {}
        """By symbol: when it last spoke, and whether of an up-trend."""

    def _new_scan(self) -> Scan:
        from engine.strategies.scan import ALWAYS, Scan, trend

        return Scan(trend, (self._min_gap, self._min_momentum), self._quiet_since, ALWAYS)

    def _quiet_since(self, symbol: str) -> tuple[int, int]:
        from engine.strategies.scan import quiet_since

        return quiet_since(self._spoken.get(symbol), self._cooldown_ns)

    def on_bar(self, row: FeatureRow) -> Signal | None:
        gap = row.ema_fast - row.ema_slow
        atr = row.atr
        least = self._min_gap * atr
        if gap >= least:
            if row.macd_hist > 0.0 and row.momentum >= self._min_momentum * atr > 0.0:
                return self._judge(row, gap, True)
        elif -gap >= least and row.macd_hist < 0.0 and -row.momentum >= self._min_momentum * atr > 0.0:
            return self._judge(row, gap, False)
        return None

    def _judge(self, row: FeatureRow, gap: float, up: bool) -> Signal | None:
        spoken = self._spoken.get(row.symbol)
        if spoken is not None and spoken[1] is up and row.ns - spoken[0] < self._cooldown_ns:
            return None
        self._spoken[row.symbol] = (row.ns, up)
        gap_atr, momentum_atr = gap / row.atr, row.momentum / row.atr
        g, m = abs(gap_atr) / self._min_gap, abs(momentum_atr) / self._min_momentum
        score = 1.0 - 0.5**g
        confidence = 1.0 - 0.5 ** ((g * m) ** 0.5)
        reason = (
            f"averages {gap_atr:+.2f} ATR apart (min {self._min_gap:g}), "
            f"MACD histogram {row.macd_hist:+.4g}, "
            f"momentum {momentum_atr:+.2f} ATR (min {self._min_momentum:g})"
        )
        return self.signal(row.symbol, row.ns, score if up else -score, confidence, reason)
