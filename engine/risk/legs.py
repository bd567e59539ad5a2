"""Orders that are sent together: what each of them sees of the others."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.events import OrderRequest, OrderType, Purpose, Side
from engine.risk.checks import Outcome, PreTradeCheck
from engine.risk.checks.check import plain
from engine.risk.limits import scopes_of
from engine.risk.price import at_work, meets_from
from engine.risk.view import RiskView

_ZERO = Decimal(0)
LEG = PreTradeCheck("BAD_LEG", lambda case: (False, None, None), plain)
"""The order fits the others of its list. Made by ``fits``."""
LIST = PreTradeCheck("LIST_DENIED", lambda case: (False, None, None), plain)
"""The others of its list were approved too."""


def exits(request: OrderRequest) -> bool:
    """Whether it is judged as an exit: all that is not an entry, and what must not open anything."""
    return request.reduce_only or request.purpose is not Purpose.ENTRY


def fits(requests: Sequence[OrderRequest], number: int) -> Outcome:
    """Whether a leg fits its list; of an exit that stands alone only that its id is its own."""
    why, leg = "", requests[number]
    earlier = requests[:number]
    if any(other.client_order_id == leg.client_order_id for other in earlier):
        why = "the id of another leg"
    elif leg.parent_id:
        parent = parent_of(requests, leg)
        if not exits(leg):
            why = "a child must be an exit"
        elif parent is not None and (exits(parent) or parent.parent_id):
            why = "its parent is no entry"
        elif parent is not None and (parent.symbol != leg.symbol or parent.gateway != leg.gateway):
            why = "another symbol or gateway than its parent"
    elif not exits(leg):
        if leg.list_id != requests[0].list_id:
            why = "of another list"
        elif any(_same(leg, other) and not _linked(leg, other) for other in earlier):
            why = "identical to another leg"
    return not why, why or "fits", "fits its list"


def seen_by(requests: Sequence[OrderRequest], views: Sequence[RiskView], number: int) -> RiskView:
    """The view of a leg, with the legs before it at work and its parent's quantity still to fill."""
    leg, view = requests[number], copy.copy(views[number])
    parent = parent_of(requests, leg)
    if parent is not None:
        view.opening = parent.quantity if parent.side is Side.BUY else -parent.quantity
        view.opened = parent.quantity
    for other, known in zip(requests[:number], views[:number], strict=True):
        _count(view, leg, other)
        if other.parent_id or other is parent or _linked(leg, other):
            continue  # held until its parent fills; what the leg reduces; of two siblings one fills
        _work(view, leg, other, known.rate)
    return view


def parent_of(requests: Sequence[OrderRequest], leg: OrderRequest) -> OrderRequest | None:
    """Of a bracket's child, when it is in the list."""
    if not leg.parent_id:
        return None
    return next((other for other in requests if other.client_order_id == leg.parent_id), None)


def _count(view: RiskView, leg: OrderRequest, other: OrderRequest) -> None:
    view.open_orders += 1
    if other.symbol == leg.symbol:
        view.symbol_orders += 1
    shared = scopes_of(other.symbol, other.sources)
    view.scopes = tuple(
        msgspec.structs.replace(use, orders=use.orders + 1) if use.scope in shared else use
        for use in view.scopes
    )


def _work(view: RiskView, leg: OrderRequest, other: OrderRequest, rate: Decimal | None) -> None:
    """The other one is sent, and counts at once."""
    sign = other.side.sign
    if other.symbol == leg.symbol:
        met = meets_from(other.type, other.side, other.price)
        if met is not None and other.side is Side.BUY:
            view.own_bid = met if view.own_bid is None else max(view.own_bid, met)
        elif met is not None:
            view.own_ask = met if view.own_ask is None else min(view.own_ask, met)
    if exits(other):
        if other.symbol == leg.symbol and other.type is OrderType.MARKET:
            view.exiting += other.quantity
        return
    notional = other.quantity * at_work(other, other.price, other.stop_price, other.trail)
    notional = notional if rate is None else notional * rate
    view.ahead += 1
    view.gross += notional
    # What works on the other side may never fill: it makes no room.
    signed = sign * notional if other.side is leg.side else _ZERO
    view.net += signed
    if other.side is leg.side and other.symbol == leg.symbol:
        view.working += sign * other.quantity
    view.budgets = tuple(
        (source, share, used + notional if source in other.sources else used)
        for source, share, used in view.budgets
    )
    shared = scopes_of(other.symbol, other.sources)
    view.scopes = tuple(
        msgspec.structs.replace(use, gross=use.gross + notional, net=use.net + signed)
        if use.scope in shared
        else use
        for use in view.scopes
    )


def _linked(leg: OrderRequest, other: OrderRequest) -> bool:
    return other.client_order_id in leg.siblings or leg.client_order_id in other.siblings


def _same(leg: OrderRequest, other: OrderRequest) -> bool:
    fields = ("symbol", "side", "type", "quantity", "purpose", "price", "stop_price", "trail")
    return all(getattr(leg, name) == getattr(other, name) for name in fields)
