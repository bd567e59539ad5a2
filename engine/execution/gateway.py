"""What the desk asks of anything that executes its orders: the paper venue or a broker."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from engine.events import Amendment, Fill, Funding, OrderChange, OrderEvent, OrderRequest, OrderState, Side

Report = OrderEvent | OrderChange | Fill | Funding
"""What a gateway answers with."""


class Gateway(Protocol):
    """Orders in, reports out. Reports are in the order in which they are to be journaled and applied.

    A gateway that answers later returns [] and hands its reports to the wiring when they come.
    """

    @property
    def name(self) -> str:
        """As ``OrderRequest.gateway`` says it."""

    @property
    def clamps(self) -> bool:
        """Whether it shrinks or cancels reduce-only orders by itself, so that none turns a position."""

    def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
        """Take an order whose SUBMITTED event is durable. Submitting an id again changes nothing."""

    def submit_list(self, requests: Sequence[OrderRequest], now_ns: int) -> list[Report]:
        """Take orders that belong together: a parent and its HELD children, or siblings.

        The gateway releases children as their parent fills, and shrinks or cancels siblings, by itself:
        nobody could do it between two of its fills.
        """

    def amend(self, client_order_id: str, amendment: Amendment, now_ns: int) -> list[Report]:
        """Change a working order whose UPDATE_ASKED is durable: UPDATED or UPDATE_REFUSED follows."""

    def cancel(self, client_order_id: str, now_ns: int) -> list[Report]:
        """Cancel what is left of an order: CANCELED or CANCEL_REFUSED follows; [] when it is unknown."""

    def waiting(self) -> dict[str, str]:
        """Client order id -> why the order is not done yet, one line."""

    def trailing(self) -> dict[str, Decimal]:
        """Client order id -> where its trailing stop would be set off now, where that is known."""


class VenueOrder(msgspec.Struct, frozen=True):
    """An order as a gateway knows it."""

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    state: OrderState


class VenueFee(msgspec.Struct, frozen=True):
    """A fee that is told apart from the fills."""

    fee_id: str
    amount: Decimal
    """Above zero when paid."""
    currency: str


class VenueAccount(msgspec.Struct, frozen=True):
    """What a gateway says it has, to be compared with what the desk believes."""

    ns: int
    orders: tuple[VenueOrder, ...]
    """All open ones, and those that ended lately."""
    fills: tuple[Fill, ...]
    """Lately; with the trade ids that its reports carry."""
    positions: dict[str, Decimal]
    """Signed quantity by symbol; flat ones may be left out."""
    cash: dict[str, Decimal]
    """By currency."""
    fees: tuple[VenueFee, ...] = ()
    """Those since the first contact that the fills do not hold."""
    since_ns: int = 0
    """``fills``, and ``orders`` that ended, reach back so far."""
    blocked: str = ""
    """What keeps it from taking any order, in its own words; "" where it takes them."""
