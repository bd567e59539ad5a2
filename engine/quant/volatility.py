"""Volatility: is the market waking up, and which way is it going while it does."""

from __future__ import annotations

import math

from engine.events import NS, Family, FeatureRow, Signal

TTL_NS = 5 * NS


class Volatility:
    """score = expansion x direction, in (-1, 1); 0 while volatility is not above its own long-run level.

    With x = max(0, std over 20 bars / std over 120 bars - 1): expansion = x / (0.5 + x), so volatility at 1.5
    times its long-run level gives one half. direction = tanh(momentum / (2 ATR)). confidence = 0.5 + 0.5
    expansion: that the market is calm is known less firmly than that it moves. Absent until 120 bars, or when
    nothing moves.
    """

    name = "volatility"

    def on_bar(self, row: FeatureRow) -> Signal | None:
        atr = row.atr
        long = row.return_std_long
        if not (long > 0.0 and atr > 0.0) or row.filled == 1.0:
            return None
        x = row.return_std / long - 1.0
        direction = math.tanh(row.momentum / (2.0 * atr))
        if x != x or direction != direction:
            return None
        expansion = x / (0.5 + x) if 0.0 < x < 1e300 else 0.0 if x <= 0.0 else 1.0
        return Signal(
            row.symbol,
            "volatility",
            Family.VOLATILITY,
            expansion * direction,
            0.5 + 0.5 * expansion,
            row.ns,
            TTL_NS,
            "",
        )
