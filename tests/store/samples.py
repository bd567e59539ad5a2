"""Events for the store's tests."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.events import (
    Blend,
    BlendInput,
    Check,
    Drop,
    Family,
    FeatureRow,
    Fill,
    JournalEvent,
    Opportunity,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    Side,
    Signal,
    Verdict,
)

SYMBOL = "binance:BTCUSDT"


def request(number: int, side: Side = Side.BUY, quantity: str = "2") -> OrderRequest:
    return OrderRequest(
        client_order_id=f"o{number}",
        symbol=SYMBOL,
        side=side,
        type=OrderType.MARKET,
        quantity=Decimal(quantity),
        purpose=Purpose.ENTRY,
        reduce_only=False,
        decision_ns=number,
        decision_price=100.0,
        opportunity_id=f"p{number}",
        reason="test",
    )


def transition(
    number: int, state: OrderState, order: OrderRequest | None = None, reason: str = ""
) -> OrderEvent:
    return OrderEvent(f"o{number}", SYMBOL, state, reason, number, order)


def fill(
    number: int, part: int = 0, side: Side = Side.BUY, quantity: str = "1", price: str = "100.1"
) -> Fill:
    return Fill(
        trade_id=f"t{number}.{part}",
        client_order_id=f"o{number}",
        symbol=SYMBOL,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal("0.1"),
        liquidity="taker",
        decision_price=100.0,
        ns=number,
    )


def order(number: int, side: Side = Side.BUY) -> list[JournalEvent]:
    """An order of 2, filled in two parts: six events."""
    return [
        transition(number, OrderState.INITIALIZED, request(number, side)),
        transition(number, OrderState.SUBMITTED),
        transition(number, OrderState.ACCEPTED),
        fill(number, 0, side),
        fill(number, 1, side, price="100.3"),
        transition(number, OrderState.FILLED),
    ]


def signal(number: int) -> Signal:
    return Signal(SYMBOL, "trend", Family.TECHNICAL, 0.5, 0.7, number, 10, "rising")


def features(number: int) -> FeatureRow:
    values = {name: float(number) for name in FeatureRow.__struct_fields__}
    values |= {"symbol": SYMBOL, "ns": number, "bar_start_ns": number, "bars": number, "sma_slow": math.nan}
    return FeatureRow(**values)


def blend(number: int) -> Blend:
    part = BlendInput("trend", Family.TECHNICAL, 0.5, 0.7, 3, 1.0, 0.5, "rising")
    return Blend(SYMBOL, number, 0.5, 0.7, 1.0, (part,), (Family.OPTIONS,))


def opportunity(number: int, merged: int = 0) -> Opportunity:
    return Opportunity(
        opportunity_id=f"p{number}",
        symbol=SYMBOL,
        side=Side.BUY,
        score=0.5,
        confidence=0.7,
        price=100.0,
        sources=("trend",),
        reason="rising",
        created_ns=number,
        expires_ns=number + 10,
        merged=merged,
        blend=blend(number),
        features=features(number),
    )


def verdict(number: int) -> Verdict:
    return Verdict(f"o{number}", SYMBOL, True, "", "", (Check("STALE_DATA", True, "0.1 s", "3 s"),), number)


def drop(number: int) -> Drop:
    return Drop("opportunities", SYMBOL, "LOW_SCORE", f"score 0.{number}", number)
