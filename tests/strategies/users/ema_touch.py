"""An example of a user's strategy: buy where a rising price comes back to its average."""

from typing import Annotated, Any, ClassVar

import pandas_ta_classic as ta
from msgspec import Meta

from engine.events import FeatureRow, Signal
from engine.feature_table import FeatureTable
from engine.strategies.base import Seconds, Strategy


class EmaTouch(Strategy):
    """BUY when the close is within ``near_pct`` of its EMA while RSI is above ``min_rsi``."""

    name: ClassVar[str] = "ema_touch"
    description: ClassVar[str] = "a strong price touches its average"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        length: Annotated[int, Meta(ge=2, le=200)] = 20
        """Bars of the average."""
        near_pct: Annotated[float, Meta(gt=0, le=10)] = 0.05
        """How near the close must be to it, percent."""
        min_rsi: Annotated[float, Meta(ge=0, le=100)] = 50.0
        ttl_s: Seconds = 20.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.params = params

    def candidates(self, table: FeatureTable) -> Any:
        return table.column("rsi") >= self.params.min_rsi

    def on_bar(self, row: FeatureRow) -> Signal | None:
        frame = self.frame(row.symbol, 3 * self.params.length)
        if len(frame) < self.params.length:
            return None
        average = ta.ema(frame["close"], length=self.params.length).iloc[-1]
        away = 100.0 * abs(row.close / average - 1.0)
        if not away <= self.params.near_pct:
            return None
        reason = f"close {row.close:.8g} is {away:.3f} % from its average {average:.8g}, RSI {row.rsi:.1f}"
        return self.signal(row.symbol, row.ns, 0.6, 0.6, reason)
