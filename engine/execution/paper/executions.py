"""What a fill, and an order's end, bring about: positions, bracket children, siblings, reduce-only orders.

All of it goes into one batch of reports: nobody can act between a fill and what follows from it.
"""

from __future__ import annotations

from decimal import Decimal

from engine.events import Amendment, ChangeKind, Fill, OrderChange, OrderState
from engine.execution.ids import trade_id
from engine.execution.paper.fees import Fees
from engine.execution.paper.funding import FundingClock
from engine.execution.paper.orders import ZERO, OpenOrders, Phase, Working
from engine.execution.paper.outbox import Report
from engine.instruments import Instruments

FLAT = "no position is left to reduce"


class Executions:
    def __init__(
        self, orders: OpenOrders, instruments: Instruments, fees: Fees, funding: FundingClock
    ) -> None:
        self._orders = orders
        self._instruments = instruments
        self._fees = fees
        self._funding = funding
        self.positions: dict[str, Decimal] = {}
        """Signed, by symbol; flat ones are left out."""

    # --- fills ---

    def fillable(self, order: Working) -> Decimal:
        """What the order may fill now: its leaves, of a reduce-only order no more than it can reduce."""
        if order.request.reduce_only:
            return min(order.leaves, self.reducible(order))
        return order.leaves

    def fill(
        self,
        order: Working,
        quantity: Decimal,
        price: Decimal,
        liquidity: str,
        now_ns: int,
        out: list[Report],
    ) -> None:
        """Book an execution of at most ``fillable``, and all that follows from it."""
        request = order.request
        identity, symbol, side = request.client_order_id, request.symbol, request.side
        instrument = self._instruments.get(symbol)
        assert instrument is not None  # only known symbols get in
        out.append(
            Fill(
                trade_id(identity, order.fills),
                identity,
                symbol,
                side,
                quantity,
                price,
                self._fees.fee(quantity, price, liquidity),
                liquidity,
                request.decision_price,
                now_ns,
                instrument.quote_currency,
            )
        )
        order.fills += 1
        order.filled += quantity
        order.fresh_ns = now_ns
        order.note = ""
        self.move(symbol, quantity * side.sign, now_ns)
        done = order.filled == order.quantity
        if done:
            self._orders.remove(order, OrderState.FILLED)
            if not (request.parent_id or self._orders.any(symbol)):
                return  # nothing else of the symbol is here that it could change
        self._shrink_siblings(order, quantity, done, now_ns, out)
        for child in self._orders.children(order):
            self.size_child(child, order.filled, now_ns, out)
        if done:
            self._leave_bracket(order, f"its exit {order.id} filled", now_ns, out)
        self.clamp(order.symbol, now_ns, out)

    def move(self, symbol: str, quantity: Decimal, now_ns: int) -> None:
        """Add to a position (signed)."""
        before = self.positions.get(symbol, ZERO)
        after = before + quantity
        if not after:
            self.positions.pop(symbol, None)
            self._funding.closed(symbol)
            return
        self.positions[symbol] = after
        if not before:
            self._funding.opened(symbol, now_ns)

    # --- ends ---

    def end(self, order: Working, state: OrderState, reason: str, now_ns: int, out: list[Report]) -> None:
        """CANCELED, EXPIRED or REJECTED: reported, with what that means for a bracket's children."""
        if state is OrderState.EXPIRED and order.phase is not Phase.HELD:
            self.accept(order, now_ns, out)  # no order expires before the venue has it
        if state is OrderState.REJECTED and (
            order.filled or (order.accepted and not order.request.type.triggered)
        ):
            state = OrderState.CANCELED  # what was accepted cannot be rejected any more
        self._orders.remove(order, state)
        out.append(order.event(state, reason, now_ns))
        if not order.filled:
            for child in self._orders.children(order):
                if child.phase is Phase.HELD:
                    why = f"its parent {order.id} ended without a fill"
                    self.end(child, OrderState.CANCELED, why, now_ns, out)

    def accept(self, order: Working, now_ns: int, out: list[Report]) -> None:
        if not order.accepted:
            order.accepted = True
            out.append(order.event(OrderState.ACCEPTED, "", now_ns))

    # --- contingencies ---

    def size_child(self, child: Working, filled: Decimal, now_ns: int, out: list[Report]) -> None:
        """Make a bracket's child as large as what its parent has filled and its siblings have not."""
        if child.phase is Phase.TRAVELLING:
            return  # sized when it arrives
        if filled - child.lost <= child.filled:
            self.end(child, OrderState.CANCELED, "its siblings filled", now_ns, out)
            return
        released = child.phase is Phase.HELD
        if released:
            child.phase = Phase.ARRIVED
            child.arrival_ns = child.fresh_ns = now_ns
            out.append(child.event(OrderState.SUBMITTED, "", now_ns))
        self.resize(child, filled - child.lost, f"its parent filled {filled}", now_ns, out)
        if released and not child.request.post_only:
            self.accept(child, now_ns, out)

    def _shrink_siblings(
        self, order: Working, quantity: Decimal, done: bool, now_ns: int, out: list[Report]
    ) -> None:
        for other in self._orders.siblings(order):
            other.lost += quantity
            if done:
                self.end(other, OrderState.CANCELED, f"its sibling {order.id} filled", now_ns, out)
            elif other.working:
                left = other.leaves - quantity
                why = f"its sibling {order.id} filled {quantity}"
                if left <= 0:
                    self.end(other, OrderState.CANCELED, why, now_ns, out)
                else:
                    self.resize(other, other.filled + left, why, now_ns, out)

    def _leave_bracket(self, order: Working, why: str, now_ns: int, out: list[Report]) -> None:
        """An exit is over while its parent still works: more of the parent would be unprotected."""
        parent = self._orders.get(order.request.parent_id)
        if parent is not None and not any(child.leaves > 0 for child in self._orders.children(parent)):
            self.end(parent, OrderState.CANCELED, why, now_ns, out)

    def lose(self, order: Working, now_ns: int, out: list[Report]) -> bool:
        """Take off what siblings filled before the order was there; False when that ended it."""
        if order.lost and order.lost >= order.quantity:
            self.end(order, OrderState.CANCELED, "its siblings filled", now_ns, out)
            return False
        if order.lost:
            self.resize(order, order.quantity - order.lost, "its siblings filled", now_ns, out)
        return True

    def resize(self, order: Working, quantity: Decimal, why: str, now_ns: int, out: list[Report]) -> None:
        """Tell that the order's whole quantity is another now. A larger one loses the place in the queue."""
        if quantity == order.quantity:
            return
        if quantity > order.quantity and order.phase is Phase.RESTING:
            order.requeue(now_ns)
        order.quantity = quantity
        out.append(
            OrderChange(order.id, order.symbol, ChangeKind.UPDATED, why, now_ns, Amendment(quantity=quantity))
        )

    # --- reduce-only ---

    def clamp(self, symbol: str, now_ns: int, out: list[Report]) -> None:
        """Shrink or cancel the reduce-only orders that have more left than there is to reduce."""
        for order in self._orders.of(symbol):
            if order.request.reduce_only and order.working:
                self.clamp_one(order, now_ns, out)

    def clamp_one(self, order: Working, now_ns: int, out: list[Report]) -> bool:
        """Of one order; False when that ended it."""
        reducible = self.reducible(order)
        if not reducible:
            self.end(order, OrderState.CANCELED, FLAT, now_ns, out)
            self._leave_bracket(order, f"its exit {order.id} ended: {FLAT}", now_ns, out)
            return False
        if order.leaves > reducible:
            self.resize(order, order.filled + reducible, f"reduces a position of {reducible}", now_ns, out)
        return True

    def reducible(self, order: Working) -> Decimal:
        """What a reduce-only order has left of the position to reduce."""
        position = self.positions.get(order.symbol, ZERO)
        return abs(position) if position * order.request.side.sign < 0 else ZERO
