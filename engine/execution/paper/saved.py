"""What the venue keeps over a restart, and how an order is taken up when that was lost."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from decimal import Decimal

import msgspec

from engine.errors import OrderError
from engine.events import ChangeKind, Funding, OrderChange, OrderState, OrderType
from engine.execution.order import Order
from engine.execution.paper.clock import Command
from engine.execution.paper.display import Display
from engine.execution.paper.orders import Ended, Phase, Working
from engine.execution.paper.outbox import Outbox, Parcel, Report

_ON_THE_WAY = (OrderState.INITIALIZED, OrderState.SUBMITTED)


class SavedVenue(msgspec.Struct):
    """Everything beside the journal's orders and the ledger's positions."""

    sequence: int = 0
    orders: list[Working] = []
    commands: list[Command] = []
    outbox: dict[str, list[Parcel]] = {}
    displays: dict[str, Display] = {}
    funded: dict[str, int] = {}
    cash: dict[str, Decimal] = {}


class Revived(msgspec.Struct):
    """The venue's orders after a restart."""

    orders: list[Working]
    ended: dict[str, Ended]
    """Done at the venue: in the journal, or by reports still on their way."""
    sequence: int
    anew: int
    """How many lost their places."""


def revive(known: Sequence[Order], saved: SavedVenue, outbox: Outbox, now_ns: int) -> Revived:
    """The journal's orders with what was saved of them; reports that contradict it leave ``outbox``."""
    revived = Revived([], {}, saved.sequence, 0)
    places = {order.id: order for order in saved.orders}
    news = _by_order(outbox)
    spoilt = set(news) - {order.client_order_id for order in known}
    for order in known:
        identity, reports = order.client_order_id, news.get(order.client_order_id, [])
        if order.state.terminal:
            revived.ended[identity] = Ended(order.state, order.filled, order.request.symbol)
            if not all(map(_refuses, reports)):
                spoilt.add(identity)
            continue
        place = places.get(identity)
        later = _after(order, reports)
        if later is not None and place is None and later.state.terminal:
            revived.ended[identity] = Ended(later.state, later.filled, order.request.symbol)
            continue
        if later is not None and place is not None and reports and place.filled == later.filled:
            revived.orders.append(place)
            continue
        spoilt.add(identity)
        if place is None or not _follow(place, order):
            revived.sequence += 1
            revived.anew += 1
            place = _begin_anew(order, revived.sequence, now_ns)
        revived.orders.append(place)
    _drop(outbox, spoilt)
    revived.orders.sort(key=lambda order: order.sequence)
    _wake_orphans(revived, now_ns)
    return revived


def _follow(place: Working, order: Order) -> bool:
    """Bring a saved order to what the journal says; False when it says too much else."""
    state = order.state
    held = state is OrderState.HELD
    if held != (place.phase is Phase.HELD) and not (held and place.phase is Phase.TRAVELLING):
        return False
    if state is OrderState.TRIGGERED and not place.triggered:
        return False
    if state not in (OrderState.HELD, *_ON_THE_WAY):
        place.accepted = True
        if place.phase is Phase.TRAVELLING:
            place.phase = Phase.ARRIVED
    elif place.accepted or place.triggered:
        return False
    place.quantity, place.price, place.trail = order.quantity, order.price, order.trail
    if place.request.type is not OrderType.TRAILING_STOP:
        place.stop_price = order.stop_price
    place.filled, place.fills = order.filled, len(order.trade_ids)
    return True


def _begin_anew(order: Order, sequence: int, now_ns: int) -> Working:
    """An order of the journal as if it came now: behind everything displayed, its trailing begun anew."""
    state, request = order.state, order.request
    held = state is OrderState.HELD
    travelling = state in _ON_THE_WAY
    return Working(
        request=request,
        sequence=sequence,
        quantity=order.quantity,
        price=order.price,
        stop_price=order.stop_price,
        trail=order.trail,
        arrival_ns=now_ns,
        fresh_ns=now_ns,
        phase=Phase.HELD if held else Phase.TRAVELLING if travelling else Phase.ARRIVED,
        accepted=not held and not travelling,
        triggered=request.type.triggered and (state is OrderState.TRIGGERED or order.filled > 0),
        filled=order.filled,
        fills=len(order.trade_ids),
    )


def _wake_orphans(revived: Revived, now_ns: int) -> None:
    """Children whose parent has ended meanwhile arrive anew: they are released, or canceled, then."""
    present = {order.id for order in revived.orders}
    for order in revived.orders:
        if order.phase is Phase.HELD and order.request.parent_id not in present:
            order.phase, order.arrival_ns = Phase.TRAVELLING, now_ns


def _by_order(outbox: Outbox) -> dict[str, list[Report]]:
    found: dict[str, list[Report]] = {}
    for report in outbox.reports():
        if not isinstance(report, Funding):
            found.setdefault(report.client_order_id, []).append(report)
    return found


def _after(order: Order, reports: Sequence[Report]) -> Order | None:
    """The order with the reports that are on their way; None when they contradict it."""
    later = copy(order)
    try:
        for report in reports:
            if not _refuses(report) and not isinstance(report, Funding):
                later.apply(report)
    except OrderError:
        return None
    return later


def _refuses(report: Report) -> bool:
    return isinstance(report, OrderChange) and report.kind is not ChangeKind.UPDATED


def _drop(outbox: Outbox, identities: set[str]) -> None:
    kept: dict[str, list[Parcel]] = {}
    for symbol, parcels in outbox.state().items():
        for parcel in parcels:
            reports = [
                report
                for report in parcel.reports
                if isinstance(report, Funding) or report.client_order_id not in identities
            ]
            if reports:
                kept.setdefault(symbol, []).append(Parcel(parcel.due_ns, reports))
    outbox.restore(kept)
