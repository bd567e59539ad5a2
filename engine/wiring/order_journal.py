"""The orders' way to the disk: what cannot follow is refused before it is written, and folded when durable.

The journal is the truth, so nothing goes into it that contradicts it: every report is first applied to its
order as that is with all that was written, durable or not, and a report of money is shown to the books.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import copy
from typing import TypeVar

import msgspec

from engine.errors import OrderError
from engine.events import (
    ChangeKind,
    Fill,
    Funding,
    JournalEvent,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    Pending,
)
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report
from engine.execution.order import Order

Commit = Callable[[Sequence[JournalEvent], Callable[[], None]], None]
"""commit(events, done): journal them; ``done`` is called on the desk's thread once they are durable."""

R = TypeVar("R", bound=Report)
_ACCEPTED, _CANCELED = OrderState.ACCEPTED, OrderState.CANCELED
_REFUSALS = (ChangeKind.UPDATE_REFUSED, ChangeKind.CANCEL_REFUSED)


class OrderJournal:
    """Writes what happens to orders, and folds it into the blotter once it is on disk.

    ``folded(event, order)`` is called for each event that the blotter has taken in (order None: funding);
    ``refused(event, why)`` for each that contradicts what is written. ``unbooked(money, request, coming)``
    says why the books would not take a fill or payment up ("": they would), ``coming`` being those that are
    on their way to the disk; such a one is left out too, and ``unbookable(why)`` is called after the others
    were written.
    """

    def __init__(
        self,
        blotter: Blotter,
        commit: Commit,
        *,
        folded: Callable[[Report, Order | None], None],
        refused: Callable[[Report, str], None],
        unbooked: Callable[[Fill | Funding, OrderRequest | None, Collection[Fill | Funding]], str],
        unbookable: Callable[[str], None],
    ) -> None:
        self._blotter = blotter
        self._commit = commit
        self._folded = folded
        self._refused = refused
        self._unbooked = unbooked
        self._unbookable = unbookable
        self._coming: dict[int, Fill | Funding] = {}
        """Fills and payments on their way to the disk, by object."""
        self._ahead: dict[str, tuple[Order, int]] = {}
        """Orders with events on their way to the disk: how they are with these, and how many those are."""
        self.at_once = False
        """Whether ``commit`` returns when all is durable and ``done`` was called, as in a backtest: then a
        report alone needs no copy of its order, as that will be."""

    def begin(self, events: Sequence[OrderEvent], done: Callable[[], None]) -> None:
        """Write the first events of new orders; then fold them and call ``done``."""
        if self.at_once:
            self._commit(events, _nothing)
            self._fold(events)
            done()
            return

        def durable() -> None:
            self._fold(events)
            done()

        self._commit(events, durable)

    def write(self, reports: Sequence[Report], done: Callable[[], None] | None = None) -> None:
        """Write what happened to known orders; then fold it and call ``done``.

        What contradicts the order's own history is refused and left out, and so is what is known already.
        """
        if not reports:
            if done is not None:
                done()
            return
        if self.at_once and not self._ahead and _nothing_between(reports):
            why = ""
            for report in reports:
                why = self._write_now(report)
            if done is not None:
                done()
            if why:
                self._unbookable(why)
            return
        faults: list[str] = []
        worded = [self._because(report) for report in reports]
        events = [report for report in worded if self._follows(report, faults)]

        def durable() -> None:
            for event in events:
                # One by one: who writes while it is folded must know of those that still follow it.
                self._arrived(event)
                self._fold([event])
            if done is not None:
                done()

        if events:
            self._commit(events, durable)
        elif done is not None:
            done()
        for why in faults:
            self._unbookable(why)

    def _write_now(self, report: Report) -> str:
        """``write`` of one report that is durable at once; why it cannot be booked, where it cannot."""
        assert not isinstance(report, Funding)
        order = self._blotter.get(report.client_order_id)
        if order is None:
            self._refused(report, f"unknown order {report.client_order_id}")
            return ""
        known = False
        if isinstance(report, Fill):
            known = report.trade_id in order.trade_ids
            why = "" if known else self._unbooked(report, order.request, ())
            if why:
                self._refused(report, why)
                return why
        elif isinstance(report, OrderEvent) and report.state is _CANCELED:
            report = self._because(report)
        try:
            self._blotter.fold(order, report)
        except OrderError as error:
            self._refuse(report, order, error)
            return ""
        if not known:
            self._commit((report,), _nothing)
            self._folded(report, order)
        return ""

    def order(self, client_order_id: str) -> Order | None:
        """The order as it is with everything that was written; None when unknown. Only to be read."""
        ahead = self._ahead.get(client_order_id)
        return self._blotter.get(client_order_id) if ahead is None else ahead[0]

    def _because(self, report: R) -> R:
        """An answer to a cancel that gives no reason of its own has that of who asked."""
        if not isinstance(report, OrderEvent) or report.state is not OrderState.CANCELED or report.reason:
            return report
        order = self.order(report.client_order_id)
        if order is None or order.pending is not Pending.CANCEL:
            return report
        return msgspec.structs.replace(report, reason=order.reason)

    def _follows(self, report: Report, faults: list[str]) -> bool:
        if isinstance(report, Funding):
            return self._bookable(report, None, faults)
        identity = report.client_order_id
        order, count = self._ahead.get(identity, (None, 0))
        if order is None:
            durable = self._blotter.get(identity)
            if durable is None:
                self._refused(report, f"unknown order {identity}")
                return False
            order = copy(durable)
        new = isinstance(report, Fill) and report.trade_id not in order.trade_ids
        if isinstance(report, Fill) and new and not self._bookable(report, order.request, faults):
            return False
        try:
            if not order.apply(report):
                return False
        except OrderError as error:
            self._coming.pop(id(report), None)
            self._refuse(report, order, error)
            return False
        self._ahead[identity] = order, count + 1
        return True

    def _refuse(self, report: Report, order: Order, error: OrderError) -> None:
        late = isinstance(report, OrderChange) and report.kind in _REFUSALS
        if not (late and order.state.terminal):  # else: what was asked was overtaken by the order's end
            self._refused(report, str(error))

    def _bookable(self, money: Fill | Funding, request: OrderRequest | None, faults: list[str]) -> bool:
        why = self._unbooked(money, request, self._coming.values())
        if why:
            self._refused(money, why)
            faults.append(why)
        else:
            self._coming[id(money)] = money
        return not why

    def _arrived(self, event: Report) -> None:
        self._coming.pop(id(event), None)
        if isinstance(event, Funding):
            return
        order, count = self._ahead.pop(event.client_order_id)
        if count > 1:
            self._ahead[event.client_order_id] = order, count - 1

    def _fold(self, events: Sequence[Report]) -> None:
        for event in events:
            self._folded(event, None if isinstance(event, Funding) else self._blotter.apply(event))


def _nothing_between(reports: Sequence[Report]) -> bool:
    """Whether nothing is written when one of them is folded, before the others are: an ACCEPTED lets nothing
    else go, as the paper venue takes amendments itself, so that no replacement waits."""
    if isinstance(reports[-1], Funding):
        return False
    for report in reports[:-1]:
        if not isinstance(report, OrderEvent) or report.state is not _ACCEPTED:
            return False
    return True


def _nothing() -> None:
    """Nothing follows."""
