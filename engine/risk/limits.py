"""The limits in force, made exact from the configuration and what was changed live."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal

from engine.config import AccountConfig, RiskConfig
from engine.events import NS, OrderRequest

STRATEGY, SYMBOL = "strategy:", "symbol:"
DESK = "desk"
"""Scopes: the whole desk, ``strategy:<name>``, ``symbol:<symbol>``."""

OwnLimits = Mapping[str, Mapping[str, float]]
"""By scope, the limits that a strategy or a symbol has of its own, named as in the configuration."""

_TIGHTER = {
    "max_order_notional_pct": "order_share",
    "max_position_pct": "position_share",
    "max_order_quantity": "order_quantity",
    "price_collar_pct": "collar_pct",
}
"""Limits of a single order or of its symbol's position: the smallest applies. The others are compared with
what their scope uses."""

Shares = tuple[Decimal, Decimal, Decimal, Decimal]
"""Most of one order, of a symbol's position, gross and net, in the account's currency."""


class Limits:
    """Percentages as exact shares, seconds as nanoseconds. One object for as long as the desk runs."""

    def __init__(self, config: RiskConfig, account: AccountConfig) -> None:
        self.currencies = frozenset((account.currency, *account.pegged))
        self.converts = bool(account.rates)
        """Orders in other currencies are judged by their rates."""
        self.scopes: Mapping[str, str] = {}
        """Of resolved limits: which scope a limit is of, where it is not the desk's."""
        self.own: dict[str, Own] = {}
        """By scope."""
        self._resolved: dict[tuple[str, tuple[str, ...]], Limits] = {}
        self.take(config, {})

    def take(self, config: RiskConfig, own: OwnLimits) -> None:
        """These are in force from now on."""
        self.order_share = _share(config.max_order_notional_pct)
        self.order_quantity = _quantity(config.max_order_quantity)
        self.position_share = _share(config.max_position_pct)
        self.gross_share = _share(config.max_gross_pct)
        self.net_share = _share(config.max_net_pct)
        self.symbol_orders = config.max_open_orders_per_symbol
        self.open_orders = config.max_open_orders
        self.collar_pct = Decimal(repr(float(config.price_collar_pct)))
        self.protection_pct = config.market_protection_pct
        self.protection_share = _share(config.market_protection_pct)
        self.orders_per_s = config.max_orders_per_s
        self.burst = float(config.order_burst)
        self.repeats = config.repeat_limit
        self.repeat_ns = int(config.repeat_window_s * NS)
        self.duplicate_ns = int(config.duplicate_window_s * NS)
        self.stale_ns = int(config.stale_data_s * NS)
        self.skew_ns = int(config.clock_skew_s * NS)
        self.reduce_pct = Decimal(repr(config.daily_loss_reduce_pct))
        self.halt_pct = Decimal(repr(config.daily_loss_halt_pct))
        self.drawdown_pct = config.max_drawdown_pct
        self.model_age_ns = int(config.max_model_age_s * NS)
        """0: no limit."""
        self.allow_short = config.allow_short
        self.own = {scope: Own(limits) for scope, limits in own.items() if limits}
        self._resolved = {}
        self._shared: tuple[Decimal, Shares] | None = None
        self.asks_more = bool(self.own or self.converts)
        """Whether an entry's view must hold more than what every check of a plain one looks at: beside the
        model's age, where a model is behind it."""

    def of(self, request: OrderRequest) -> Limits:
        """The limits of an entry: the tightest of the desk's, its strategies' and its symbol's."""
        if not self.own:
            return self
        key = request.symbol, request.sources
        resolved = self._resolved.get(key)
        if resolved is None:
            resolved = self._resolved[key] = self._resolve(scopes_of(*key))
        return resolved

    def shares(self, equity: Decimal) -> Shares:
        """What the limits come to at this equity, which changes more seldom than orders are judged."""
        shared = self._shared
        if shared is not None and shared[0] is equity:
            return shared[1]
        found = (
            equity * self.order_share,
            equity * self.position_share,
            equity * self.gross_share,
            equity * self.net_share,
        )
        self._shared = equity, found
        return found

    def bound(self, symbol: str, sources: tuple[str, ...]) -> list[str]:
        """Which scopes of such an entry have limits of their own."""
        return [scope for scope in scopes_of(symbol, sources) if scope in self.own] if self.own else []

    def _resolve(self, scopes: list[str]) -> Limits:
        resolved = copy.copy(self)
        resolved._shared = None
        resolved.own = {scope: self.own[scope] for scope in scopes if scope in self.own}
        found: dict[str, str] = {}
        for scope, own in resolved.own.items():
            for name, attribute in _TIGHTER.items():
                value, least = getattr(own, attribute), getattr(resolved, attribute)
                if value is not None and (least is None or value < least):
                    setattr(resolved, attribute, value)
                    found[name] = scope
        resolved.scopes = found
        return resolved


class Own:
    """What a strategy or a symbol has of its own; None where it has none."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        def share(name: str) -> Decimal | None:
            return _share(limits[name]) if name in limits else None

        self.order_share = share("max_order_notional_pct")
        self.order_quantity = _quantity(limits.get("max_order_quantity", 0.0))
        self.position_share = share("max_position_pct")
        self.gross_share = share("max_gross_pct")
        self.net_share = share("max_net_pct")
        self.open_orders = int(limits["max_open_orders"]) if "max_open_orders" in limits else None
        self.orders_per_s = limits.get("max_orders_per_s")
        collar = limits.get("price_collar_pct")
        self.collar_pct = None if collar is None else Decimal(repr(float(collar)))


def scopes_of(symbol: str, sources: tuple[str, ...]) -> list[str]:
    """Of an entry of the symbol that these strategies are behind."""
    return [*[STRATEGY + source for source in sources], SYMBOL + symbol]


def _share(percent: float) -> Decimal:
    return Decimal(repr(float(percent))) / 100


def _quantity(units: float) -> Decimal | None:
    """None: no limit."""
    return Decimal(repr(float(units))) if units else None
