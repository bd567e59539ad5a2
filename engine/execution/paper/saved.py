"""What the venue keeps over a restart, and how an order is taken up when that was lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from decimal import Decimal

import msgspec

from engine.errors import OrderError
from engine.events import ChangeKind, Funding, OrderChange, OrderState, OrderType
from engine.execution.order import Order
from engine.execution.paper import amendments
from engine.execution.paper.account import Told, as_told
from engine.execution.paper.clock import Command
from engine.execution.paper.display import Display
from engine.execution.paper.orders import ZERO, Ended, Phase, Working
from engine.execution.paper.outbox import Outbox, Parcel, Report

_ON_THE_WAY = (OrderState.INITIALIZED, OrderState.SUBMITTED)


class SavedVenue(msgspec.Struct):
    """Everything beside the journal's orders and the ledger's positions."""

    ns: int = 0
    """The venue's clock."""
    sequence: int = 0
    orders: list[Working] = []
    told: dict[str, Told] = {}
    """Open orders as the desk had them then."""
    commands: list[Command] = []
    outbox: dict[str, list[Parcel]] = {}
    displays: dict[str, Display] = {}
    funded: dict[str, int] = {}
    cash: dict[str, Decimal] = {}

    def follow_clock(self, now_ns: int) -> None:
        """When the clock was set back meanwhile, what travels arrives as long after now as it had left then:
        else a cancel would wait behind an arrival that lies hours ahead."""
        back = self.ns - now_ns
        if back <= 0:
            return
        for order in self.orders:
            order.arrival_ns -= back
            order.fresh_ns -= back
        for command in self.commands:
            command.arrival_ns -= back
        for parcels in self.outbox.values():
            for parcel in parcels:
                parcel.due_ns -= back
        for display in self.displays.values():
            for side in (display.bids, display.asks):
                side.set_back(back)
        self.ns = now_ns


def worth_keeping(displays: Mapping[str, Display]) -> dict[str, Display]:
    """What orders met; without snapshots, which are too old by the next start."""
    return {
        symbol: msgspec.structs.replace(display, depth=None, depth_used=True)
        for symbol, display in displays.items()
        if display.quoted
    }


class Revived(msgspec.Struct):
    """The venue's orders after a restart."""

    orders: list[Working]
    ended: dict[str, Ended]
    """Done at the venue: in the journal, or by reports still on their way."""
    sequence: int
    anew: int
    """How many lost their places."""
    trails: int = 0
    """How many of them are trailing stops, whose best price is lost."""

    def notes(self) -> list[str]:
        """What a person should know of it, a line each."""
        notes = []
        if self.anew:
            what = "order was" if self.anew == 1 else "orders were"
            notes.append(f"{self.anew} {what} taken up behind everything displayed")
        if self.trails:
            what = "stop starts its" if self.trails == 1 else "stops start their"
            notes.append(f"{self.trails} trailing {what} best price anew")
        return notes


def revive(known: Sequence[Order], saved: SavedVenue, outbox: Outbox, now_ns: int) -> Revived:
    """The journal's orders with what was saved of them.

    Of each symbol the saved state counts whole or not at all: where the desk has been told more of one of its
    orders since, the reports that were on their way then have arrived, or never will, and leave ``outbox``.
    The symbol's orders are then what the journal says, at the places that they had.
    """
    revived = Revived([], {}, saved.sequence, 0)
    places = {order.id: order for order in saved.orders}
    news = _by_order(outbox)
    late = _overtaken(known, saved, news)
    for order in known:
        identity = order.client_order_id
        if order.state.terminal:
            revived.ended[identity] = Ended(order.state, order.filled, order.request.symbol)
            continue
        place = places.get(identity)
        if order.request.symbol not in late and identity in saved.told:
            later = _after(order, news.get(identity, []))
            assert later is not None  # else its symbol were among the others
            if place is None:
                revived.ended[identity] = Ended(later.state, later.filled, order.request.symbol)
                continue
        elif place is None or not _follow(place, order, saved.told.get(identity), now_ns):
            revived.sequence += 1
            revived.anew += 1
            revived.trails += order.request.type is OrderType.TRAILING_STOP
            place = _begin_anew(order, revived.sequence, now_ns)
        # The time that it was off is nobody's: what waits for liquidity goes on waiting.
        place.fresh_ns += max(0, now_ns - saved.ns) if saved.ns else 0
        revived.orders.append(place)
    _drop(outbox, late)
    saved.commands = [one for one in saved.commands if one.symbol not in late]
    revived.orders.sort(key=lambda order: order.sequence)
    _count_lost(revived)
    _wake_orphans(revived, now_ns)
    return revived


def _overtaken(known: Sequence[Order], saved: SavedVenue, news: Mapping[str, list[Report]]) -> set[str]:
    """Symbols of which the journal says something else than was saved."""
    journal = {order.client_order_id: order for order in known}
    places = {order.id for order in saved.orders}
    late = {
        report.symbol
        for name, reports in news.items()
        if name not in saved.told
        for report in reports
        if not _refuses(report)
    }
    for name, told in saved.told.items():
        order = journal.get(name)
        if order is None or as_told(order) != told:
            late.add(told.symbol)
            continue
        later = _after(order, news.get(name, []))
        if later is None or later.state.terminal == (name in places):
            late.add(told.symbol)
    return late


def _count_lost(revived: Revived) -> None:
    """What the siblings of each bracket's child have filled, by what became of them."""
    filled = {name: ended.filled for name, ended in revived.ended.items()}
    filled |= {order.id: order.filled for order in revived.orders}
    for order in revived.orders:
        if order.request.parent_id:
            order.lost = sum((filled.get(name, ZERO) for name in order.request.siblings), ZERO)


def _follow(place: Working, order: Order, told: Told | None, now_ns: int) -> bool:
    """Bring a saved order to what the journal says; False when it says too much else."""
    state = order.state
    held = state is OrderState.HELD
    if held != (place.phase is Phase.HELD) and not (held and place.phase is Phase.TRAVELLING):
        return False
    if state not in (OrderState.HELD, *_ON_THE_WAY):
        place.accepted = True
        if place.phase is Phase.TRAVELLING:
            place.phase = Phase.ARRIVED
    elif place.accepted or place.triggered:
        return False
    if place.triggered != _set_off(order):
        place.triggered = _set_off(order)
        place.requeue(now_ns)
    if order.price != place.price or order.quantity > place.quantity:
        place.requeue(now_ns)
    place.quantity, place.price = order.quantity, order.price
    if (
        order.request.type is not OrderType.TRAILING_STOP
        or told is None
        or told.stop_price != order.stop_price
    ):
        place.stop_price = order.stop_price
    if order.trail is not None and order.trail != place.trail:
        amendments.retrail(place, order.trail)
    place.filled, place.fills = order.filled, len(order.trade_ids)
    return True


def _set_off(order: Order) -> bool:
    return order.request.type.triggered and (order.state is OrderState.TRIGGERED or order.filled > 0)


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
        triggered=_set_off(order),
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
    """The order with the reports that are on their way; None when they contradict it, or are known."""
    later = copy(order)
    try:
        for report in reports:
            if not _refuses(report) and not isinstance(report, Funding) and not later.apply(report):
                return None
    except OrderError:
        return None
    return later


def _refuses(report: Report) -> bool:
    return isinstance(report, OrderChange) and report.kind is not ChangeKind.UPDATED


def _drop(outbox: Outbox, symbols: Collection[str]) -> None:
    outbox.restore({symbol: parcels for symbol, parcels in outbox.state().items() if symbol not in symbols})
