"""A broker that says nothing by itself, and a desk that routes to it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from engine.events import Amendment, OrderRequest
from engine.execution.gateway import Report
from tests.wiring.one_market import A, Market


class Broker:
    """A gateway that answers nothing by itself; ``asked`` keeps what it was asked."""

    name = "broker"
    clamps = False

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
        self.asked.append(("submit", request.client_order_id))
        return []

    def submit_list(self, requests: Sequence[OrderRequest], now_ns: int) -> list[Report]:
        self.asked += [("submit", request.client_order_id) for request in requests]
        return []

    def amend(self, client_order_id: str, amendment: Amendment, now_ns: int) -> list[Report]:
        self.asked.append(("amend", client_order_id))
        return []

    def cancel(self, client_order_id: str, now_ns: int) -> list[Report]:
        self.asked.append(("cancel", client_order_id))
        return []

    def trailing(self) -> dict[str, Decimal]:
        return {}

    def waiting(self) -> dict[str, str]:
        return {}


def routed() -> tuple[Market, Broker]:
    market, broker = Market(), Broker()
    market.desk.trading.add_gateway(broker, [A])
    return market, broker
