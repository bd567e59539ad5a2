"""The journal that the committing process writes: each event follows from its number alone.

So whatever happened to the process, what it left behind can be compared with what it must be.
"""

from __future__ import annotations

from decimal import Decimal

from engine.events import (
    Check,
    Fill,
    JournalEvent,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    Side,
    Verdict,
)

_PARTS = 5
"""Events of an order: begun, submitted, accepted, two fills."""
_SYMBOLS = 7


def event_at(seq: int) -> JournalEvent:
    """Event number ``seq``, from 1. A symbol's orders open and close its position in turn."""
    number, part = divmod(seq - 1, _PARTS)
    symbol = f"sim:S{number % _SYMBOLS}-USD"
    closes = (number // _SYMBOLS) % 2 == 1
    side = Side.SELL if closes else Side.BUY
    identity = f"c{number:08x}"
    if part == 0:
        request = OrderRequest(
            client_order_id=identity,
            symbol=symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=Decimal("2"),
            purpose=Purpose.STOP_LOSS if closes else Purpose.ENTRY,
            reduce_only=closes,
            decision_ns=seq,
            decision_price=100.0,
            sources=("trend",),
        )
        return OrderEvent(identity, symbol, OrderState.INITIALIZED, "", seq, request)
    if part == 1:
        checks = tuple(Check(f"CHECK_{n}", True, "0.42", "5") for n in range(12))
        verdict = Verdict(identity, symbol, True, "", "", checks, seq)
        return OrderEvent(identity, symbol, OrderState.SUBMITTED, "", seq, verdict=verdict)
    if part == 2:
        return OrderEvent(identity, symbol, OrderState.ACCEPTED, "", seq)
    price = Decimal(10_000 + (seq * 37) % 500) / 100
    return Fill(
        *(f"{identity}.{part}", identity, symbol, side, Decimal(1), price),
        *(Decimal("0.1"), "taker", 100.0, seq, "USD"),
    )


def commit_at(seq: int) -> list[JournalEvent]:
    """The events of the commit that begins with event ``seq``: an order is begun and sent in one."""
    if (seq - 1) % _PARTS == 0:
        return [event_at(seq), event_at(seq + 1)]
    return [event_at(seq)]


def ends_commit(seq: int) -> bool:
    """Whether a commit ends with event ``seq``."""
    return (seq - 1) % _PARTS != 0
