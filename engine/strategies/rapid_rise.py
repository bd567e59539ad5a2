"""Rapid rise: the price moved far within the rolling window, on real volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.events import NS, FeatureRow, Signal
from engine.strategies.base import Above0, From0, Seconds, Strategy

if TYPE_CHECKING:
    from engine.feature_table import FeatureTable
    from engine.strategies.base import Mask


# On the way from a tick to an order: % takes three quarters of an f-string's time.
_REASON = "%+.2f %% in the window on volume %.4g in %.0f trades (min %g %%, %.4g)"


class RapidRise(Strategy):
    """BUY when the window's change reaches ``min_change_pct`` on enough volume; optionally SELL on a fall.

    With ``s = |change| / min_change_pct`` (1 at the threshold): score = s / (1 + s), confidence = 1 - 0.5 **
    s. Both are 0.5 at the threshold and rise smoothly towards 1. While the condition holds it speaks again
    after ``cooldown_s``, or at once when the move has grown by ``regrow`` times. It is silent while trades
    are missing in the window: neither its change nor its volume is then what it was.
    """

    name: ClassVar[str] = "rapid_rise"
    description: ClassVar[str] = "a fast rise inside the rolling window, on volume"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        min_change_pct: Above0 = 2.0
        """Last trade against the oldest one in the window, percent."""
        min_volume: From0 = 0.0
        """Window volume in base units; 0 leaves it to ``min_notional``, which fits all symbols."""
        min_notional: From0 = 100.0
        """Window volume x VWAP, in the quote currency."""
        min_trades: Annotated[int, Meta(ge=2)] = 3
        """Least trades in the window."""
        falls: bool = False
        """Also SELL on a fall of the same size (seen at bar closes)."""
        cooldown_s: Seconds = 5.0
        """Silence while the same move goes on."""
        regrow: Annotated[float, Meta(ge=1)] = 1.25
        """A move that has grown by so many times speaks again before that."""
        ttl_s: Seconds = 10.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._params = params
        self._min_change = params.min_change_pct
        self._falls = params.falls
        self._cooldown_ns = round(params.cooldown_s * NS)
        self._spoken: dict[str, tuple[int, float]] = {}
        """By symbol: when it last spoke, and the change it spoke of."""

    def candidates(self, table: FeatureTable) -> Mask:
        change = table.column("window_change_pct")
        large = change >= self._min_change
        return large | (change <= -self._min_change) if self._falls else large

    def on_bar(self, row: FeatureRow) -> Signal | None:
        change = row.window_change_pct
        if change >= self._min_change or (self._falls and change <= -self._min_change):
            return self._judge(row, change)
        return None

    def on_rise(self, row: FeatureRow) -> Signal | None:
        return self.on_bar(row)

    def _judge(self, row: FeatureRow, change: float) -> Signal | None:
        params = self._params
        volume = row.window_volume
        enough = (
            row.window_gapped != 1.0
            and volume >= params.min_volume
            and volume * row.window_vwap >= params.min_notional
            and row.window_count >= params.min_trades
        )
        if not enough or not self._is_news(row.symbol, row.ns, change):
            return None
        self._spoken[row.symbol] = (row.ns, change)
        strength = abs(change) / self._min_change
        least = max(params.min_volume, params.min_notional / row.window_vwap)
        reason = _REASON % (change, volume, row.window_count, self._min_change, least)
        score = 1.0 - 1.0 / (1.0 + strength)
        return self.signal(row.symbol, row.ns, score if change > 0 else -score, 1.0 - 0.5**strength, reason)

    def _is_news(self, symbol: str, ns: int, change: float) -> bool:
        spoken = self._spoken.get(symbol)
        if spoken is None:
            return True
        when, before = spoken
        return (
            ns - when >= self._cooldown_ns
            or change * before < 0
            or abs(change) >= abs(before) * self._params.regrow
        )
