"""Lists of orders that are sent together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.errors import OrderError
from engine.events import OrderRequest, OrderType, TimeInForce
from engine.execution.ids import list_id
from engine.execution.ticket import Ticket, TicketView, order_requests

LONGEST = 100
"""Tickets in a list."""


def order_list(tickets: Sequence[tuple[Ticket, TicketView]]) -> list[OrderRequest]:
    """The orders of many tickets, brackets among them, as one list.

    Raises OrderError when one of them is wrong or two have the same token: none is sent without the others.
    """
    if not 1 <= len(tickets) <= LONGEST:
        raise OrderError(f"a list has 1 to {LONGEST} tickets, not {len(tickets)}: divide it")
    requests = [
        request
        for number, (ticket, view) in enumerate(tickets)
        for request in order_requests(ticket, view, str(number))
    ]
    return _listed(requests)


def one_cancels_other(tickets: Sequence[tuple[Ticket, TicketView]]) -> list[OrderRequest]:
    """Two orders of one symbol and size of which one cancels the other: together they fill that size once.

    Raises OrderError when they are not such a pair, or one of them is wrong.
    """
    if len(tickets) != 2:
        raise OrderError(f"one-cancels-other takes two tickets, not {len(tickets)}")
    for ticket, _ in tickets:
        if ticket.bracketed:
            raise OrderError("one-cancels-other takes no brackets: leave stop_loss and take_profit out")
        if ticket.type is OrderType.MARKET or ticket.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            raise OrderError("both orders of one-cancels-other have to wait: no market, ioc or fok order")
    first, second = order_list(tickets)
    for name in ("symbol", "quantity", "reduce_only", "gateway"):
        if getattr(first, name) != getattr(second, name):
            raise OrderError(
                f"the orders of one-cancels-other differ in {name} "
                f"({getattr(first, name)}, {getattr(second, name)}): make it the same"
            )
    return [
        msgspec.structs.replace(first, siblings=(second.client_order_id,)),
        msgspec.structs.replace(second, siblings=(first.client_order_id,)),
    ]


def _listed(requests: list[OrderRequest]) -> list[OrderRequest]:
    ids = tuple(request.client_order_id for request in requests)
    if len(set(ids)) != len(ids):
        raise OrderError("two tickets of the list have the same token: give each its own")
    of_list = list_id(ids)
    return [msgspec.structs.replace(request, list_id=of_list) for request in requests]
