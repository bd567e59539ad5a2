"""Cancels: always allowed, and the gateway is asked at once. A cancel waits for no disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from engine.errors import OrderError, UnknownOrderError
from engine.events import (
    ChangeKind,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Pending,
    TimeInForce,
)
from engine.execution.gateway import Gateway, Report
from engine.execution.order import PAPER, WORKING, Order
from engine.features.engine import FeatureEngine
from engine.wiring.order_journal import OrderJournal
from engine.wiring.order_work import OrderWork, rests, waits_for_price


class Cancels:
    """Cancels one order, a symbol's, or all. Everything asked for in one call is journaled together."""

    def __init__(
        self,
        features: FeatureEngine,
        work: OrderWork,
        journal: OrderJournal,
        gateways: Mapping[str, Gateway],
        *,
        asked: Callable[[OrderRequest], None],
    ) -> None:
        """``asked(request)``: its gateway was asked to cancel the order."""
        self._features = features
        self._work = work
        self._journal = journal
        self._gateways = gateways
        self._asked = asked
        self._revoked: dict[str, str] = {}
        """Orders that are canceled before they are durable, and why: they never leave."""

    def cancel(self, client_order_id: str, reason: str) -> None:
        """Cancel what is left of an order. Raises OrderError, one line, when there is nothing to cancel."""
        if client_order_id in self._work.sent:
            self._revoked[client_order_id] = reason
            return
        order = self._journal.order(client_order_id)
        if order is None:
            raise UnknownOrderError(f"no order {client_order_id}: `tickdesk orders --open` lists what works")
        if order.state.terminal:
            raise OrderError(f"order {client_order_id} is {order.state.value}: nothing is left to cancel")
        if order.pending is Pending.CANCEL:
            raise OrderError(f"order {client_order_id}: its cancel is on its way already")
        self._ask([order], reason)

    def cancel_all(self, symbol: str | None, reason: str) -> list[str]:
        """Cancel every order at work (of one symbol); returns their ids."""
        return self._cancel(symbol, reason, exits=True)

    def cancel_entries(self, symbol: str | None, reason: str) -> list[str]:
        """Cancel every order at work that could open or enlarge a position; returns their ids."""
        return self._cancel(symbol, reason, exits=False)

    def cancel_resting_exits(self, symbol: str, reason: str) -> list[str]:
        """Cancel the symbol's exits that wait for a price: an exit that cannot wait takes their place."""
        for request in self._work.sent.values():
            if request.symbol == symbol and rests(request):
                self._revoked.setdefault(request.client_order_id, reason)
        return self._ask([order for order in self._open(symbol) if waits_for_price(order)], reason)

    def cancel_unresting(self, reason: str) -> list[str]:
        """Cancel what cannot wait until the next run, on paper: brokers go on. Returns their ids."""
        orders = [order for order in self._open(None) if order.gateway == PAPER and not waits(order)]
        return self._ask(orders, reason)

    def revoked(self, client_order_id: str) -> str | None:
        """Why the order, durable by now, must not leave; None when it may. Asked once for each."""
        return self._revoked.pop(client_order_id, None)

    def released(self, request: OrderRequest) -> None:
        """A bracket's child works by now. If its cancel travels, the journal can say so from here on."""
        identity = request.client_order_id
        order = self._journal.order(identity)
        working = order is not None and order.state in WORKING and order.pending is Pending.NONE
        if working and identity in self._work.leaving:
            now, reason = self._features.now_ns, "asked for while it was held"
            self._journal.write([OrderChange(identity, request.symbol, ChangeKind.CANCEL_ASKED, reason, now)])

    def _cancel(self, symbol: str | None, reason: str, *, exits: bool) -> list[str]:
        ids = []
        for request in self._work.sent.values():
            if symbol in (None, request.symbol) and (exits or not request.reduce_only):
                self._revoked.setdefault(request.client_order_id, reason)
                ids.append(request.client_order_id)
        orders = [order for order in self._open(symbol) if exits or not order.request.reduce_only]
        return ids + self._ask(orders, reason)

    def _open(self, symbol: str | None) -> Iterable[Order]:
        """As they are with everything written."""
        for open_order in self._work.open_orders(symbol):
            order = self._journal.order(open_order.client_order_id)
            if order is not None and not order.state.terminal and order.pending is not Pending.CANCEL:
                yield order

    def _ask(self, orders: Sequence[Order], reason: str) -> list[str]:
        if not orders:
            return []
        now = self._features.now_ns
        reports: list[Report] = []
        ids: list[str] = []
        ended: set[str] = set()
        for order in orders:
            identity, request = order.client_order_id, order.request
            if identity in ended:  # with its parent
                ids.append(identity)
                continue
            answers = [
                _because(report, identity, reason)
                for report in self._gateways[request.gateway].cancel(identity, now)
            ]
            if order.state in WORKING:
                asked = OrderChange(identity, request.symbol, ChangeKind.CANCEL_ASKED, reason, now)
                reports.append(asked)
            reports += answers
            ended.update(_ended(answers))
            self._work.leaving.add(identity)
            ids.append(identity)
        self._journal.write(reports)
        for order in orders:
            self._asked(order.request)
        return ids


def waits(order: Order) -> bool:
    """Whether the order may wait for its price or its parent, however long that takes."""
    request = order.request
    at_once = request.type is OrderType.MARKET or request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return not at_once


def _because(report: Report, client_order_id: str, reason: str) -> Report:
    """The order's own end, when its gateway gives no reason, is for ours."""
    if not isinstance(report, OrderEvent) or report.client_order_id != client_order_id:
        return report
    ended = report.state is OrderState.CANCELED and not report.reason
    return msgspec.structs.replace(report, reason=reason) if ended else report


def _ended(reports: Iterable[Report]) -> set[str]:
    """The orders that these end."""
    return {one.client_order_id for one in reports if isinstance(one, OrderEvent) and one.state.terminal}
