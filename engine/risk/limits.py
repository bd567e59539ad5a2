"""The limits of the desk, made exact once from the configuration."""

from __future__ import annotations

from decimal import Decimal

from engine.config import AccountConfig, RiskConfig
from engine.events import NS


class Limits:
    """Percentages as exact shares, seconds as nanoseconds."""

    def __init__(self, config: RiskConfig, account: AccountConfig) -> None:
        self.order_share = _share(config.max_order_notional_pct)
        self.position_share = _share(config.max_position_pct)
        self.gross_share = _share(config.max_gross_pct)
        self.net_share = _share(config.max_net_pct)
        self.symbol_orders = config.max_open_orders_per_symbol
        self.open_orders = config.max_open_orders
        self.collar_pct = config.price_collar_pct
        self.orders_per_s = config.max_orders_per_s
        self.burst = config.order_burst
        self.repeats = config.repeat_limit
        self.repeat_ns = int(config.repeat_window_s * NS)
        self.duplicate_ns = int(config.duplicate_window_s * NS)
        self.stale_ns = int(config.stale_data_s * NS)
        self.skew_ns = int(config.clock_skew_s * NS)
        self.reduce_pct = Decimal(repr(config.daily_loss_reduce_pct))
        self.halt_pct = Decimal(repr(config.daily_loss_halt_pct))
        self.drawdown_pct = config.max_drawdown_pct
        self.allow_short = config.allow_short
        self.currencies = frozenset(account.pegged)


def _share(percent: float) -> Decimal:
    return Decimal(repr(percent)) / 100
