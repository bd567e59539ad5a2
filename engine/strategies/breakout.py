"""Breakout: the close left the range of the bars before it, on volume (Donchian's channel)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.events import NS, FeatureRow, Signal
from engine.strategies.base import BAR_COLUMNS, Above0, From0, Seconds, Strategy
from engine.strategies.scanned import ScannedStrategy

if TYPE_CHECKING:
    from engine.strategies.scan import ChannelScan

_HIGH, _LOW = BAR_COLUMNS.index("high"), BAR_COLUMNS.index("low")


class Breakout(ScannedStrategy):
    """BUY when the close leaves the range of the last ``channel_bars`` bars upwards, SELL downwards.

    The range is from the lowest low to the highest high of the bars before this one, filled ones too. It is
    left when the close is more than ``min_margin_atr`` x ATR outside of it, in a bar whose volume is at least
    ``min_volume_ratio`` x the average volume. With ``d`` = how far outside, in ATR, and ``v`` = volume ratio
    over ``min_volume_ratio`` (1 at the threshold): score = 0.5 + 0.5 d / (d + 1), confidence = 1 - 0.5 **
    sqrt(v (1 + d)). It speaks once per ``cooldown_s`` and side: a market that runs on breaks its range anew
    in every bar. It is silent while trades are missing in the bar or in those of the average volume: too low
    an average makes every volume large.
    """

    name: ClassVar[str] = "breakout"
    description: ClassVar[str] = "the close leaves its recent range, on volume"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        channel_bars: Annotated[int, Meta(ge=2, le=500)] = 60
        """Bars that make the range."""
        min_margin_atr: From0 = 0.25
        """How far outside the range the close must be, in ATR."""
        min_volume_ratio: Above0 = 1.5
        """The bar's volume against its average."""
        cooldown_s: Seconds = 30.0
        """Silence after a signal for the same side."""
        ttl_s: Seconds = 15.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._channel_bars = params.channel_bars
        self._min_margin = params.min_margin_atr
        self._min_ratio = params.min_volume_ratio
        self._cooldown_ns = round(params.cooldown_s * NS)
        self._spoken: dict[str, tuple[int, bool]] = {}
        """By symbol: when it last spoke, and whether it said BUY."""

    def _new_scan(self) -> ChannelScan:
        from engine.strategies.scan import ChannelScan

        limits = (self._min_margin, self._min_ratio)
        return ChannelScan(self._channel_bars, limits, self._quiet_since)

    def _quiet_since(self, symbol: str) -> tuple[int, int]:
        from engine.strategies.scan import quiet_since

        return quiet_since(self._spoken.get(symbol), self._cooldown_ns)

    def on_bar(self, row: FeatureRow) -> Signal | None:
        if not (row.volume >= self._min_ratio * row.volume_ma > 0.0 and row.atr > 0.0):
            return None
        if row.volume_gapped == 1.0:
            return None
        before = self.bars(row.symbol, self._channel_bars + 1)[:-1]
        if len(before) < self._channel_bars:
            return None
        high, low = float(before[:, _HIGH].max()), float(before[:, _LOW].min())
        margin = self._min_margin * row.atr
        if row.close - high > margin:
            return self._judge(row, row.close - high, high, True)
        if low - row.close > margin:
            return self._judge(row, low - row.close, low, False)
        return None

    def _judge(self, row: FeatureRow, outside: float, edge: float, up: bool) -> Signal | None:
        spoken = self._spoken.get(row.symbol)
        if spoken is not None and spoken[1] is up and row.ns - spoken[0] < self._cooldown_ns:
            return None
        self._spoken[row.symbol] = (row.ns, up)
        depth, ratio = outside / row.atr, row.volume / row.volume_ma
        score = 1.0 - 0.5 / (depth + 1.0)
        # Bounded, because 0.5 to a power of millions is an underflow, and 1 long before.
        confidence = 1.0 - 0.5 ** min((ratio / self._min_ratio * (1.0 + depth)) ** 0.5, 1e3)
        reason = (
            f"close {row.close:.8g} is {depth:.2f} ATR {'above the high' if up else 'below the low'} "
            f"{edge:.8g} of {self._channel_bars} bars (min {self._min_margin:g}), "
            f"volume {ratio:.2f} x its average (min {self._min_ratio:g})"
        )
        return self.signal(row.symbol, row.ns, score if up else -score, confidence, reason)
