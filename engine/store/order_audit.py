"""What the journal says of each order, checked event by event."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.events import (
    ChangeKind,
    Fill,
    Funding,
    JournalEvent,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    Side,
    Verdict,
)
from engine.store.exact import EXACT, ZERO
from engine.store.findings import Findings

UNIQUE = "trade ids are unique"
SUBMITTED = "no fill before its order was submitted"
ENDED = "no paper fill after its order ended"
JUDGED = "no order and no amendment without an approving verdict"
LISTED = "every order ended or is open"
FILLED = "filled <= quantity"
SIBLINGS = "siblings fill no more than their quantity together"
REDUCING = "reduce-only orders neither increase nor turn a position"
BEGUN = "every event is of an order that was begun"

_ALL = (UNIQUE, SUBMITTED, ENDED, JUDGED, LISTED, FILLED, SIBLINGS, REDUCING, BEGUN)
_SENT = frozenset({OrderState.SUBMITTED, OrderState.HELD})
PAPER = "paper"


class _Seen(msgspec.Struct, gc=False):
    """What is remembered of an order."""

    request: OrderRequest
    quantity: Decimal
    most: Decimal
    """The largest quantity it ever had."""
    state: OrderState = OrderState.INITIALIZED
    submitted: bool = False
    filled: Decimal = ZERO


class OrderAudit:
    """``see`` every event in order, then ``end``."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._orders: dict[str, _Seen] = {}
        self._trades: set[str] = set()
        self._payments: set[str] = set()
        self._held: dict[str, Decimal] = {}
        for name in _ALL:
            findings.count(name, 0)

    def see(self, seq: int, event: JournalEvent) -> None:
        if isinstance(event, OrderEvent):
            self._transition(seq, event)
        elif isinstance(event, OrderChange):
            self._change(seq, event)
        elif isinstance(event, Fill):
            self._fill(seq, event)
        elif isinstance(event, Funding):
            self._once(self._payments, seq, event.funding_id)

    def end(self) -> None:
        """What only the whole journal tells."""
        self._findings.count(LISTED, len(self._orders))
        for identity, order in self._orders.items():
            if order.state is OrderState.INITIALIZED:
                self._findings.problem(LISTED, f"order {identity} was begun, and neither denied nor sent")
            if order.request.siblings:
                self._siblings(identity, order)

    def _transition(self, seq: int, event: OrderEvent) -> None:
        identity = event.client_order_id
        order = self._orders.get(identity)
        if event.request is not None:
            self._findings.count(BEGUN)
            if order is not None:
                self._findings.problem(BEGUN, f"event {seq} begins order {identity} again")
                return
            request = event.request
            self._orders[identity] = _Seen(request, request.quantity, request.quantity, event.state)
            return
        if order is None:
            self._findings.problem(BEGUN, f"event {seq}: nothing began order {identity}")
            return
        before, order.state = order.state, event.state
        if event.state is OrderState.SUBMITTED:
            order.submitted = True
        if event.state in _SENT and before is not OrderState.HELD:  # it was judged when it was held
            self._judged(seq, identity, event.verdict, approved=True)
        elif event.state is OrderState.DENIED and before is not OrderState.HELD:
            self._judged(seq, identity, event.verdict, approved=False)

    def _judged(self, seq: int, identity: str, verdict: Verdict | None, *, approved: bool) -> None:
        self._findings.count(JUDGED)
        if verdict is None:
            self._findings.problem(JUDGED, f"event {seq}: order {identity} has no verdict")
        elif verdict.client_order_id != identity or verdict.approved is not approved:
            told = "denies it" if approved else "approves it"
            self._findings.problem(JUDGED, f"event {seq}: the verdict of order {identity} {told}")

    def _change(self, seq: int, event: OrderChange) -> None:
        order = self._orders.get(event.client_order_id)
        if order is None:
            self._findings.problem(BEGUN, f"event {seq}: nothing began order {event.client_order_id}")
            return
        amendment = event.amendment
        if event.kind is ChangeKind.UPDATE_ASKED:
            self._judged(seq, event.client_order_id, event.verdict, approved=True)
        elif event.kind is ChangeKind.UPDATED and amendment is not None and amendment.quantity is not None:
            order.quantity = amendment.quantity
            order.most = max(order.most, amendment.quantity)
            if order.filled == order.quantity:
                order.state = OrderState.FILLED

    def _once(self, seen: set[str], seq: int, identity: str) -> bool:
        self._findings.count(UNIQUE)
        if identity in seen:
            self._findings.problem(UNIQUE, f"event {seq} books {identity} again")
            return False
        seen.add(identity)
        return True

    def _fill(self, seq: int, fill: Fill) -> None:
        if not self._once(self._trades, seq, fill.trade_id):
            return
        findings = self._findings
        for name in (SUBMITTED, ENDED, FILLED):
            findings.count(name)
        order = self._orders.get(fill.client_order_id)
        where = f"event {seq}: fill {fill.trade_id} of order {fill.client_order_id}"
        if order is None or not order.submitted:
            findings.problem(SUBMITTED, f"{where} came before its submit event")
        if order is None:
            self._hold(fill)
            return
        if order.state.terminal and order.request.gateway == PAPER:
            findings.problem(ENDED, f"{where} came after {order.state.value}")
        order.filled = EXACT.add(order.filled, fill.quantity)
        if order.filled > order.quantity:
            findings.problem(FILLED, f"{where} makes {order.filled} of {order.quantity}")
        order.state = OrderState.FILLED if order.filled >= order.quantity else OrderState.PARTIALLY_FILLED
        before, after = self._hold(fill)
        if order.request.reduce_only:
            findings.count(REDUCING)
            if not before or before * after < 0 or after.copy_abs() > before.copy_abs():
                findings.problem(REDUCING, f"{where} takes {fill.symbol} from {before} to {after}")

    def _hold(self, fill: Fill) -> tuple[Decimal, Decimal]:
        """(position before, after)."""
        before = self._held.get(fill.symbol, ZERO)
        signed = fill.quantity if fill.side is Side.BUY else fill.quantity.copy_negate()
        after = self._held[fill.symbol] = EXACT.add(before, signed)
        return before, after

    def _siblings(self, identity: str, order: _Seen) -> None:
        group = [one for one in map(self._orders.get, order.request.siblings) if one is not None]
        together = order.filled
        for one in group:
            together = EXACT.add(together, one.filled)
        parent = self._orders.get(order.request.parent_id)
        most = parent.filled if parent is not None else max(one.most for one in (order, *group))
        self._findings.count(SIBLINGS)
        if together > most:
            self._findings.problem(SIBLINGS, f"order {identity} and its siblings filled {together} of {most}")
