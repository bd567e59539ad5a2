"""Orders of an earlier run, as its journal has them."""

from __future__ import annotations

from decimal import Decimal

from engine.events import Fill, JournalEvent, OrderEvent, OrderState, Side
from tests.execution.alpaca_desk import BTC, ask
from tests.wiring.conftest import START_NS


def sent(
    gateway: str, quantity: str, *, filled: bool, name: str = "", ns: int = START_NS
) -> list[JournalEvent]:
    """An order of BTC at a gateway, of a signed quantity."""
    signed = Decimal(quantity)
    name, side = name or f"td-{gateway}-{quantity}", Side.BUY if signed > 0 else Side.SELL
    request = ask(name, gateway=gateway, side=side, quantity=abs(signed))
    events: list[JournalEvent] = [
        OrderEvent(name, BTC, OrderState.INITIALIZED, "", ns, request),
        OrderEvent(name, BTC, OrderState.SUBMITTED, "", ns),
        OrderEvent(name, BTC, OrderState.ACCEPTED, "", ns),
    ]
    if filled:
        size, price, fee = abs(signed), Decimal(100), Decimal(0)
        events.append(Fill(f"tx-{name}", name, BTC, side, size, price, fee, "taker", 100.0, ns, "USD"))
    return events
