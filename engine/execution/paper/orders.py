"""Orders at the venue: what each has become, and all that are not done, by id and by symbol."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.events import OrderEvent, OrderRequest, OrderState
from engine.execution.paper.queue import Place

ZERO = Decimal(0)


class Phase(StrEnum):
    HELD = "held"
    """A bracket's child whose parent has not filled."""
    TRAVELLING = "travelling"
    ARRIVED = "arrived"
    """At the venue, or triggered just now; the next quote or print decides what it meets."""
    WATCHING = "watching"
    """Waits for its trigger."""
    TAKING = "taking"
    """Takes whatever is displayed: a market order, or a stop that was set off."""
    RESTING = "resting"
    DONE = "done"


class Working(msgspec.Struct, gc=False):
    """An order at the venue, or on its way there; its remaining quantity is the venue's."""

    request: OrderRequest
    sequence: int
    """In order of submission."""
    quantity: Decimal
    """The whole one, as amended, shrunk or grown."""
    price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    arrival_ns: int
    """When its place in time began; an amendment that loses the place sets it anew."""
    fresh_ns: int
    """When it last arrived, was set off or filled: the time to live counts from here."""
    phase: Phase = Phase.TRAVELLING
    accepted: bool = False
    triggered: bool = False
    filled: Decimal = ZERO
    fills: int = 0
    lost: Decimal = ZERO
    """What its siblings filled."""
    after_print: int = 0
    """Only later prints fill it: the one that set it off came before it."""
    place: Place | None = None
    best: Decimal | None = None
    """Of a trailing stop: the best price seen."""
    note: str = ""
    """Why the newest data did not fill it."""

    @property
    def id(self) -> str:
        return self.request.client_order_id

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def leaves(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def buying(self) -> bool:
        return self.request.side.sign > 0

    @property
    def watches(self) -> bool:
        """It has a trigger that was not set off yet."""
        return self.request.type.triggered and not self.triggered

    @property
    def limit(self) -> Decimal | None:
        """Worst price it may fill at; None: any."""
        return self.price if self.request.type.limited else None

    @property
    def working(self) -> bool:
        """It has arrived and is not done."""
        return self.phase not in (Phase.HELD, Phase.TRAVELLING, Phase.DONE)

    def requeue(self, now_ns: int) -> None:
        """It gives its place up, and meets the market anew."""
        if self.phase in (Phase.RESTING, Phase.TAKING, Phase.WATCHING):
            self.phase, self.place, self.arrival_ns = Phase.ARRIVED, None, now_ns

    def event(self, state: OrderState, reason: str, ns: int) -> OrderEvent:
        request = self.request
        return OrderEvent(request.client_order_id, request.symbol, state, reason, ns)


class Ended(msgspec.Struct, frozen=True, gc=False):
    """How an order ended, and with how much filled."""

    state: OrderState
    filled: Decimal
    symbol: str


class OpenOrders:
    """Orders that are not done, in order of submission; and how the others ended."""

    def __init__(self) -> None:
        self._by_id: dict[str, Working] = {}
        self.by_symbol: dict[str, list[Working]] = {}
        """Only to be read."""
        self.ended: dict[str, Ended] = {}
        self.sequence = 0
        """The newest number given: orders, and messages about them, are numbered as they are sent."""

    def __iter__(self) -> Iterator[Working]:
        return iter(self._by_id.values())

    def get(self, client_order_id: str) -> Working | None:
        return self._by_id.get(client_order_id)

    def filled(self, client_order_id: str) -> Decimal:
        """Zero for an order that was never here."""
        order = self._by_id.get(client_order_id)
        if order is not None:
            return order.filled
        ended = self.ended.get(client_order_id)
        return ZERO if ended is None else ended.filled

    def symbol_of(self, client_order_id: str) -> str | None:
        """Of an order, done or not; None for one that was never here."""
        order = self._by_id.get(client_order_id) or self.ended.get(client_order_id)
        return None if order is None else order.symbol

    def any(self, symbol: str) -> bool:
        return symbol in self.by_symbol

    def known(self, client_order_id: str) -> bool:
        return client_order_id in self._by_id or client_order_id in self.ended

    def of(self, symbol: str) -> list[Working]:
        """A copy: orders may end, and children come to life, while it is gone through."""
        return list(self.by_symbol.get(symbol, ()))

    def at(self, symbol: str) -> Sequence[Working]:
        """The same without a copy, for who changes none while it is gone through."""
        return self.by_symbol.get(symbol, ())

    def symbols(self) -> Collection[str]:
        return self.by_symbol.keys()

    def begin(self, request: OrderRequest, arrival_ns: int) -> Working:
        """Add an order that was sent now and arrives then."""
        self.sequence += 1
        order = Working(
            request=request,
            sequence=self.sequence,
            quantity=request.quantity,
            price=request.price,
            stop_price=request.stop_price,
            trail=request.trail,
            arrival_ns=arrival_ns,
            fresh_ns=arrival_ns,
            lost=sum(map(self.filled, request.siblings), ZERO) if request.siblings else ZERO,
        )
        self.add(order)
        return order

    def add(self, order: Working) -> None:
        request = order.request
        self._by_id[request.client_order_id] = order
        self.by_symbol.setdefault(request.symbol, []).append(order)

    def remove(self, order: Working, state: OrderState) -> None:
        order.phase, request = Phase.DONE, order.request
        identity, symbol = request.client_order_id, request.symbol
        self.ended[identity] = Ended(state, order.filled, symbol)
        del self._by_id[identity]
        orders = self.by_symbol[symbol]
        if len(orders) == 1:
            del self.by_symbol[symbol]
        else:
            orders.remove(order)

    def children(self, parent: Working) -> list[Working]:
        return [order for order in self.at(parent.symbol) if order.request.parent_id == parent.id]

    def siblings(self, order: Working) -> list[Working]:
        """Those that lose what it fills, whichever of them names the other."""
        named, own = set(order.request.siblings), order.id
        return [
            other
            for other in self.at(order.symbol)
            if other is not order and (other.id in named or own in other.request.siblings)
        ]
