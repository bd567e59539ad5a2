"""What the desk asks of anything that executes its orders: the paper venue or a broker."""

from __future__ import annotations

from typing import Protocol

from engine.events import Fill, OrderEvent, OrderRequest

Report = OrderEvent | Fill
"""What a gateway answers with."""


class Gateway(Protocol):
    """Orders in, reports out. Reports are in the order in which they are to be journaled and applied."""

    def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
        """Take an order whose SUBMITTED event is durable. Submitting an id again changes nothing."""

    def cancel(self, client_order_id: str, now_ns: int) -> list[Report]:
        """Cancel what is left of an order; nothing when it is unknown or done."""

    def wake_ns(self, symbol: str) -> int | None:
        """From when on the gateway wants this symbol's market data; None: it does not."""

    def on_quote(
        self,
        symbol: str,
        bid: float,
        bid_size: float,
        ask: float,
        ask_size: float,
        last: float,
        now_ns: int,
        quote_id: int,
        *,
        stale: bool = False,
    ) -> list[Report]:
        """The current quote; ``quote_id`` changes when the venue published a new one.

        ``stale``: it is too old to be believed.
        """

    def on_trade(self, symbol: str, price: float, size: float, now_ns: int) -> list[Report]:
        """A print of a symbol that has no quotes, or none to be believed."""

    def expire(self, now_ns: int) -> list[Report]:
        """End the orders whose time is over."""

    def waiting(self) -> dict[str, str]:
        """Client order id -> why the order is not done yet, one line."""
