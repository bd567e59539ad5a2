"""Orders placed by hand at a desk of one symbol, and what became of them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.api.trading_protocol import OrderTicket
from engine.events import Fill, OrderChange, OrderRequest, Verdict
from engine.execution.order import Order
from engine.wiring.desk import Desk
from engine.wiring.tickets import Tickets
from tests.wiring.conftest import Bench
from tests.wiring.one_market import A, Market

SLOW = ("paper.entry_latency_ms=0", "paper.latency_jitter_ms=0", "paper.response_latency_ms=0")
"""Without latency an answer comes with its question."""


def requests(desk: Desk, **ticket: object) -> list[OrderRequest]:
    given = {"symbol": A, "side": "buy", **ticket}
    return Tickets(desk).requests(msgspec.convert(given, OrderTicket), "me")


def place(desk: Desk, **ticket: object) -> list[Verdict]:
    made = requests(desk, **ticket)
    if len(made) == 1:
        instrument = desk.instruments.get(A)
        assert instrument is not None
        return [desk.trading.submit(made[0], instrument)]
    return desk.trading.submit_list(made)


def the_order(market: Market, n: int = -1) -> Order:
    order = market.desk.trading.blotter.recent(100)[::-1][n]
    return order


def changes(market: Market) -> list[str]:
    return [event.kind.value for event in market.bench.journal if isinstance(event, OrderChange)]


def resting(market: Market, price: str = "99.5") -> Order:
    (verdict,) = place(market.desk, type="limit", quantity="1", price=price)
    assert verdict.approved, verdict
    market.bench.release()
    market.tick()
    market.bench.release()
    return the_order(market)


def filled(order: Order, quantity: Decimal, n: int = 0) -> Fill:
    request = order.request
    price, fee = Decimal(100), Decimal(0)
    return Fill(
        *(f"fill-{n}", order.client_order_id, request.symbol, request.side, quantity, price, fee, "taker"),
        *(request.decision_price, order.created_ns + 1),
    )


def restarted(market: Market, settings: dict[str, object] | None = None) -> Bench:
    again = Bench(market.bench.config)
    again.desk.restore(market.bench.journal, market.desk.now_ns, settings or {})
    return again
