"""One order at Alpaca: what the venue tells of it, folded into reports that its state machine allows.

What is told may come twice, late, or out of order; rows are states, so the newest word of each matters, and
executions are facts, so each is booked once. An order is never reported as ended before all that it filled.
"""

from __future__ import annotations

import logging
from decimal import Decimal

from engine.errors import OrderError
from engine.events import Amendment, ChangeKind, Fill, OrderChange, OrderEvent, OrderState, Pending
from engine.execution.alpaca.order_form import currency
from engine.execution.alpaca.wire import OrderRow
from engine.execution.gateway import Report
from engine.execution.order import WORKING, Order

log = logging.getLogger("engine.alpaca")

_ZERO = Decimal(0)
_S = OrderState

NOT_YET = frozenset({"pending_new", "held"})
"""The venue has it; it does not work yet."""
AT_WORK = frozenset(
    {
        "new",
        "accepted",
        "accepted_for_bidding",
        "partially_filled",
        "done_for_day",
        "stopped",
        "calculated",
        "suspended",
        "pending_cancel",
        "pending_replace",
    }
)
_CONFIRMED = AT_WORK - {"accepted", "pending_replace"} | {"filled", "canceled", "expired"}
"""A replacement in one of these has taken the place of what it replaces."""
_ENDS = {"canceled": _S.CANCELED, "expired": _S.EXPIRED, "rejected": _S.REJECTED}


class Tracked:
    """An order of ours as Alpaca has it. ``reports`` gathers what is to be told; take it with ``take``."""

    def __init__(self, order: Order, name: str) -> None:
        """``order`` is this object's own copy; ``name`` is Alpaca's of the symbol."""
        self.order = order
        self.name = name
        self.venue_ids: list[str] = [order.venue_order_id] if order.venue_order_id else []
        """Replacements are orders of their own to the venue; the newest is last."""
        self.candidate = ""
        """A replacement that is not confirmed yet."""
        self.ask = False
        """The venue must be asked what is so."""
        self.ask_later = False
        """The same, though its answer to that was no help."""
        self.arrived_late = False
        """It works at the venue although it was given up."""
        self.taken_in_kind = _ZERO
        """So much of the order is not at the venue, which took it as fees for what was bought."""
        self._sizes: dict[str, Decimal] = {}
        self._apart = False
        """A replacement was seen not to count what its predecessors filled."""
        self._told: dict[str, Decimal] = {}
        self._booked: dict[str, Decimal] = {}
        if order.filled:
            self._booked[order.venue_order_id] = order.filled
        self._beyond: set[str] = set()
        """Executions that were more than the venue said is filled."""
        self._executions: set[tuple[str, Decimal | None, Decimal, Decimal]] = set()
        self._ending: tuple[OrderState, str] | None = None
        self._wanted: Amendment | None = None
        self._reports: list[Report] = []

    @property
    def client_order_id(self) -> str:
        return self.order.request.client_order_id

    @property
    def venue_id(self) -> str:
        """The newest; "" while the venue has not told one."""
        return self.venue_ids[-1] if self.venue_ids else ""

    @property
    def done(self) -> bool:
        return self.order.state.terminal and not self.short

    @property
    def short(self) -> Decimal:
        """How much the venue has filled that no execution told yet."""
        total = sum(self._booked.values(), _ZERO)
        lacking = _ZERO
        for venue_id, told in self._told.items():
            # Whether a replacement counts what its predecessors filled is not documented: both are fine.
            booked = self._booked.get(venue_id, _ZERO)
            lacking += max(told - (booked if self._apart else max(booked, total)), _ZERO)
        return lacking

    def take(self) -> list[Report]:
        reports, self._reports = self._reports, []
        return reports

    # --- what the desk asks

    def ask_update(self, amendment: Amendment, now_ns: int) -> None:
        self._wanted = amendment
        self._mirror(ChangeKind.UPDATE_ASKED, amendment, now_ns)

    def ask_cancel(self, now_ns: int) -> None:
        self._mirror(ChangeKind.CANCEL_ASKED, None, now_ns)

    def _mirror(self, kind: ChangeKind, amendment: Amendment | None, now_ns: int) -> None:
        """Fold what the desk has journaled into our copy; one asked twice changes nothing."""
        request = self.order.request
        try:
            self.order.apply(
                OrderChange(request.client_order_id, request.symbol, kind, "", now_ns, amendment)
            )
        except OrderError as error:
            log.info("asked again: %s", error)

    # --- what the venue tells

    def fold(self, row: OrderRow, now_ns: int) -> None:
        """Take in a row of this order, or of a replacement of it."""
        self.bind(row)
        self._told[row.id] = max(self._told.get(row.id, _ZERO), row.filled)
        status = row.status
        if status == "replaced":
            # One that was replaced earlier, which only an earlier run knew, has no newer one than ours.
            if row.id in (self.venue_id, self.candidate):
                self._replaced(row.replaced_by or self.candidate, now_ns)
            return
        if row.id == self.candidate:
            if status == "rejected":
                self.refuse_update("the venue rejected the replacement", now_ns)
                return
            if status not in _CONFIRMED:
                return
            self._replaced(row.id, now_ns)
        if row.id != self.venue_id:
            return  # of one that was replaced: its executions count, its state does not
        if self.order.state is _S.REJECTED:
            self.arrived_late = status in AT_WORK or status in NOT_YET
        elif status in AT_WORK:
            self._work(row.id, now_ns)
            self._adopt(row, now_ns)
        elif status in _ENDS:
            self._ending = (_ENDS[status], f"{status} at the venue")
        elif status == "filled":
            self._adopt(row, now_ns)
        elif status not in NOT_YET:
            log.warning("order %s: unknown status %r", self.client_order_id, status)
            self.ask = True
        self._end(now_ns)

    def bind(self, row: OrderRow) -> None:
        """Learn the venue's id, and how large it is there."""
        if row.qty is not None:
            self._sizes[row.id] = row.qty
        if row.id in self.venue_ids or row.id == self.candidate:
            return
        if not self.venue_ids:
            self.venue_ids.append(row.id)
            if "" in self._booked:
                self._booked[row.id] = self._booked.pop("")
        elif row.replaces in self.venue_ids:
            self.candidate = row.id

    def _replaced(self, by: str, now_ns: int) -> None:
        if not by:
            self.ask = True
            return
        if by in self.venue_ids:
            return
        self.candidate = ""
        self.venue_ids.append(by)
        wanted = self._wanted
        if wanted is not None and self.order.pending is not Pending.NONE and self.order.state in WORKING:
            self._wanted = None
            self._updated(wanted, "", now_ns)
        self.ask = True  # how it stands now

    def _adopt(self, row: OrderRow, now_ns: int) -> None:
        """Where the venue's terms differ from ours, the venue's are so."""
        order = self.order
        if order.state not in WORKING:
            return
        quantity = None
        if row.qty is not None and not (self._apart or self._filled_before(row.id)):
            quantity = row.qty + self.taken_in_kind
        stop = row.stop_price if order.stop_price is not None else None
        now = Amendment(
            quantity=quantity
            if quantity is not None and quantity > 0 and quantity != order.quantity
            else None,
            price=_other(row.limit_price, order.price),
            stop_price=_other(stop, order.stop_price),
            trail=_other(row.trail_price, order.trail),
        )
        if now != Amendment() and (now.quantity is None or now.quantity >= order.filled):
            self._updated(now, "changed at the venue", now_ns)

    def _filled_before(self, venue_id: str) -> bool:
        return any(booked for known, booked in self._booked.items() if known != venue_id)

    def _updated(self, amendment: Amendment, reason: str, now_ns: int) -> None:
        self._change(ChangeKind.UPDATED, reason, now_ns, amendment)

    def refuse_update(self, why: str, now_ns: int) -> None:
        self.candidate = ""
        self._wanted = None
        if self.order.pending is Pending.UPDATE:
            self._change(ChangeKind.UPDATE_REFUSED, why, now_ns)

    def refuse_cancel(self, why: str, now_ns: int) -> None:
        if self.order.pending is Pending.CANCEL:
            self._change(ChangeKind.CANCEL_REFUSED, why, now_ns)

    def end(self, state: OrderState, why: str, now_ns: int) -> None:
        """The order ended without the venue's word: it never got there."""
        self._ending = (state, why)
        self._end(now_ns)

    def execute(
        self,
        execution_id: str,
        venue_id: str,
        quantity: Decimal,
        price: Decimal,
        cumulative: Decimal | None,
        ns: int,
        now_ns: int,
    ) -> None:
        """Book an execution once, under whichever id it comes.

        The stream and the activities may name one execution differently, so what counts the same up to it is
        the same, and nothing is booked beyond what the venue says is filled: then the venue is asked again.
        """
        order = self.order
        trade_id = f"alpaca-{execution_id}"
        if quantity <= 0 or price <= 0 or trade_id in order.trade_ids:
            return
        key = (venue_id, cumulative, quantity, price)
        told = max(self._told.get(venue_id, _ZERO), cumulative or _ZERO)
        self._told[venue_id] = told
        booked = self._booked.get(venue_id, _ZERO)
        if key in self._executions:
            return
        if booked + quantity > told:
            if trade_id not in self._beyond:
                self._beyond.add(trade_id)
                log.info(
                    "order %s: execution %s is beyond what is filled: asking", self.client_order_id, trade_id
                )
                self.ask = True
            else:  # an execution before it was taken back, say: to ask at once again would take all requests
                self.ask_later = True
            return
        if order.state is _S.HELD:
            self._event(_S.SUBMITTED, "released by its parent", now_ns)
        self._make_room(venue_id, quantity, cumulative, now_ns)
        if order.filled + quantity > order.quantity and order.state in WORKING:
            log.error("order %s: the venue filled more than was asked for", self.client_order_id)
            self._updated(
                Amendment(quantity=order.filled + quantity), "filled beyond its quantity by the venue", now_ns
            )
        at_ns = min(max(ns, order.created_ns), max(now_ns, order.created_ns))
        if self._emit(self._fill(trade_id, quantity, price, _ZERO, at_ns)):
            self._executions.add(key)
            self._booked[venue_id] = booked + quantity
            kept = self.taken_in_kind
            if kept and order.filled + kept == order.quantity:
                self._emit(self._fill(f"alpaca-{venue_id}-fees", kept, price, kept * price, at_ns))
        self._end(now_ns)

    def _make_room(self, venue_id: str, quantity: Decimal, cumulative: Decimal | None, now_ns: int) -> None:
        """An amendment met a fill: where its replacement is as large as the whole order was, both may fill in
        all, and the order is not done before."""
        newest = self.candidate if venue_id == self.candidate else self.venue_id
        known = {*self._told, *self._booked} - {newest}
        told = [self._told.get(k, _ZERO) for k in known]
        booked = [self._booked.get(k, _ZERO) for k in known]
        # Of several replacements that count, each tells what those before it told.
        counted = max(sum(booked, _ZERO), *told, _ZERO)
        if venue_id == newest and counted and cumulative is not None:
            self._apart = self._apart or cumulative < counted + quantity
        before = sum(map(max, told, booked), _ZERO)
        whole = before + self._sizes.get(newest, _ZERO)
        if self._apart and whole > self.order.quantity and self.order.state in WORKING:
            self._updated(Amendment(quantity=whole), "an amendment met a fill: both count", now_ns)

    def be_fees(self, now_ns: int) -> bool:
        """Nothing that it sells is there: fees have taken all of it. False where no price is known."""
        request, quantity = self.order.request, self.order.quantity
        price = request.price or Decimal(repr(request.decision_price))
        if price <= 0:
            return False
        self.taken_in_kind = quantity
        trade_id = f"alpaca-{self.client_order_id}-fees"
        return self._emit(self._fill(trade_id, quantity, price, quantity * price, now_ns))

    # --- out

    def _fill(self, trade_id: str, quantity: Decimal, price: Decimal, fee: Decimal, ns: int) -> Fill:
        request = self.order.request
        return Fill(
            trade_id=trade_id,
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            price=price,
            fee=fee,
            liquidity="taker" if not request.type.limited else "",
            decision_price=request.decision_price,
            ns=ns,
            currency=currency(self.name),
        )

    def _work(self, venue_id: str, now_ns: int) -> None:
        if self.order.state is _S.HELD:
            self._event(_S.SUBMITTED, "released by its parent", now_ns)
        if self.order.state is _S.SUBMITTED:
            self._event(_S.ACCEPTED, "", now_ns, venue_id)

    def _end(self, now_ns: int) -> None:
        if self._ending is None or self.order.state.terminal or self.short:
            return
        state, why = self._ending
        was = self.order.state
        if state is _S.EXPIRED and was is _S.SUBMITTED:
            self._event(_S.ACCEPTED, "", now_ns, self.venue_id)
        if state is _S.REJECTED and was is not _S.SUBMITTED:
            state = _S.CANCELED  # it was accepted before: what is left of it ends
        self._event(state, why, now_ns)

    def _event(self, state: OrderState, reason: str, now_ns: int, venue_id: str = "") -> None:
        request = self.order.request
        self._emit(
            OrderEvent(
                request.client_order_id, request.symbol, state, reason, now_ns, venue_order_id=venue_id
            )
        )

    def _change(self, kind: ChangeKind, reason: str, now_ns: int, amendment: Amendment | None = None) -> None:
        request = self.order.request
        told = self.venue_id if kind is ChangeKind.UPDATED else ""
        self._emit(
            OrderChange(
                request.client_order_id, request.symbol, kind, reason, now_ns, amendment, venue_order_id=told
            )
        )

    def _emit(self, report: OrderEvent | OrderChange | Fill) -> bool:
        """Tell it, when our copy of the order allows it: what it forbids is the venue's contradiction."""
        try:
            self.order.apply(report)
        except OrderError as error:
            log.error("the venue contradicts itself, reconciliation will show it: %s", error)
            self.ask = True
            return False
        self._reports.append(report)
        return True


def _other(theirs: Decimal | None, ours: Decimal | None) -> Decimal | None:
    """``theirs`` when both are told and differ."""
    return theirs if theirs is not None and ours is not None and theirs > 0 and theirs != ours else None
