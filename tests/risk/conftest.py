"""Builders of requests and of what risk knows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.config import AccountConfig, RiskConfig
from engine.events import NS, OrderRequest, OrderType, Purpose, Side
from engine.instruments import Instrument
from engine.risk.gate import RiskGate
from engine.risk.view import RiskView

SYMBOL = "sim:BTC-USD"
T0 = 1_700_000_000 * NS
INSTRUMENT = Instrument(0, SYMBOL, "USD", Decimal("0.01"), Decimal("0.001"), Decimal(10))
GRIDLESS = Instrument(0, SYMBOL, "", Decimal("0.01"), Decimal("0.001"))


def gate(**limits: Any) -> RiskGate:
    return RiskGate(RiskConfig(**limits), AccountConfig())


def entry(**changes: Any) -> OrderRequest:
    """Buys 10 at 100: 1 % of equity."""
    fields: dict[str, Any] = {
        "client_order_id": "td-1",
        "symbol": SYMBOL,
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "quantity": Decimal(10),
        "purpose": Purpose.ENTRY,
        "reduce_only": False,
        "decision_ns": T0,
        "decision_price": 100.0,
    }
    return OrderRequest(**(fields | changes))


def exit_(**changes: Any) -> OrderRequest:
    """Sells 10, to close a long of 10."""
    return entry(**({"side": Side.SELL, "purpose": Purpose.STOP_LOSS, "reduce_only": True} | changes))


def view(**changes: Any) -> RiskView:
    """A healthy desk without positions."""
    fields: dict[str, Any] = {
        "now_ns": T0,
        "instrument": INSTRUMENT,
        "equity": Decimal(100_000),
        "day_pnl": Decimal(0),
        "drawdown_pct": 0.0,
        "bid": 99.99,
        "ask": 100.01,
        "last": 100.0,
        "data_age_ns": 0,
        "clock_skew_ns": 0,
        "position": Decimal(0),
        "symbol_orders": 0,
        "open_orders": 0,
        "gross": Decimal(0),
        "net": Decimal(0),
        "model_age_ns": 0,
    }
    return RiskView(**(fields | changes))


def codes(desk: RiskGate, request: OrderRequest, seen: RiskView) -> list[str]:
    """All codes that fail."""
    return [check.code for check in desk.check(request, seen).checks if not check.passed]
