"""Rapid rise: the price moved far within the rolling window, on real volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.events import NS, Family, FeatureRow, Signal
from engine.strategies.base import Above0, From0, Seconds, Strategy
from engine.strategies.scanned import ScannedStrategy

if TYPE_CHECKING:
    from engine.strategies.scan import Scan


_TECHNICAL = Family.TECHNICAL


class RapidRise(ScannedStrategy):
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
        # On the way from a tick to an order: each number that is put into words takes long.
        self._reason = (
            f"%+.2f %% in the window on volume %.4g in %d trades (min {params.min_change_pct:g} %%, %.4g)"
        )
        self._spoken: dict[str, tuple[int, float]] = {}
        """By symbol: when it last spoke, and the change it spoke of."""

    def _new_scan(self) -> Scan:
        from engine.strategies.scan import Scan, rapid_rise

        return Scan(rapid_rise, (self._min_change, self._falls), lambda symbol: (0, 0), 0)

    def on_bar(self, row: FeatureRow) -> Signal | None:
        change = row.window_change_pct
        if change >= self._min_change or (self._falls and change <= -self._min_change):
            return self._judge(row, change)
        return None

    def on_rise(self, row: FeatureRow) -> Signal | None:
        change = row.window_change_pct
        if change >= self._min_change or (self._falls and change <= -self._min_change):
            return self._judge(row, change)
        return None

    def _judge(self, row: FeatureRow, change: float) -> Signal | None:
        params, symbol, ns = self._params, row.symbol, row.ns
        volume, vwap, count = row.window_volume, row.window_vwap, row.window_count
        enough = (
            row.window_gapped != 1.0
            and volume >= params.min_volume
            and volume * vwap >= params.min_notional
            and count >= params.min_trades
        )
        spoken = self._spoken.get(symbol)
        if not enough or (spoken is not None and not self._is_news(*spoken, ns, change)):
            return None
        self._spoken[symbol] = ns, change
        strength = abs(change) / self._min_change
        reason = self._reason % (change, volume, count, max(params.min_volume, params.min_notional / vwap))
        score, confidence = 1.0 - 1.0 / (1.0 + strength), 1.0 - 0.5**strength
        if change < 0.0:
            score = -score
        return Signal(symbol, self.name, _TECHNICAL, score, confidence, ns, self._ttl_ns, reason)

    def _is_news(self, when: int, before: float, ns: int, change: float) -> bool:
        """After it spoke at ``when`` of a change ``before``."""
        return (
            ns - when >= self._cooldown_ns
            or change * before < 0
            or abs(change) >= abs(before) * self._params.regrow
        )
