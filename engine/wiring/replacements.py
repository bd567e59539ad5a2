"""Market exits in place of exits that rest, at gateways that clamp nothing.

There the two could fill together and turn the position. So the market exit waits until the cancels of those
that rest are answered; what then is left to close is what it closes. Its id is durable meanwhile, and it
counts as at work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from engine.events import NS, OrderEvent, OrderRequest, OrderState, Pending
from engine.execution.gateway import Gateway
from engine.execution.order import Order
from engine.features.engine import FeatureEngine
from engine.portfolio.ledger import Ledger
from engine.wiring.cancels import Cancels
from engine.wiring.order_journal import OrderJournal
from engine.wiring.order_work import OrderWork, most, waits_for_price

WAIT_NS = 5 * NS
"""So long the cancels have; then the market exit closes what the resting ones cannot."""
ASK_NS = NS
"""Between two cancels of an order whose cancel was refused."""


class Waiting(msgspec.Struct):
    request: OrderRequest
    since_ns: int
    asked_ns: int


class Replacements:
    """Holds such exits back. ``leave(request)`` sends one; ``anew(request, quantity)`` sends another of that
    quantity in its place."""

    def __init__(
        self,
        features: FeatureEngine,
        ledger: Ledger,
        work: OrderWork,
        journal: OrderJournal,
        cancels: Cancels,
        gateways: Mapping[str, Gateway],
        *,
        alert: Callable[[str, str, str], None],
        leave: Callable[[OrderRequest], None],
        anew: Callable[[OrderRequest, Decimal], None],
    ) -> None:
        self._features = features
        self._ledger = ledger
        self._work = work
        self._journal = journal
        self._cancels = cancels
        self._gateways = gateways
        self._alert = alert
        self._leave = leave
        self._anew = anew
        self._begun: set[str] = set()
        self.waiting: dict[str, Waiting] = {}
        """Exits that are held back, by id."""
        self._told: set[str] = set()
        """Resting orders whose cancels went unanswered, and the person at the desk knows."""

    def begin(self, request: OrderRequest) -> None:
        """The exit replaces all that rests of its symbol: those are asked to go."""
        if not self._gateways[request.gateway].clamps:
            self._begun.add(request.client_order_id)
        self._cancels.cancel_resting_exits(request.symbol, f"replaced: {request.reason}")

    def holds(self, request: OrderRequest) -> bool:
        """Whether the durable exit is kept back; ``look`` lets it go."""
        identity = request.client_order_id
        if identity not in self._begun:
            return False
        self._begun.discard(identity)
        if not self._resting(request.symbol):
            return False
        now = self._features.now_ns
        self.waiting[identity] = Waiting(request, now, now)
        return True

    def look(self) -> None:
        """Something was answered, or time passed: let go what waits for nothing any more."""
        for waiting in list(self.waiting.values()):
            if waiting.request.client_order_id in self.waiting:
                self._judge(waiting)

    def reasons(self) -> dict[str, str]:
        """Client order id -> why it is not sent yet, one line."""
        return dict.fromkeys(self.waiting, "the exits that it replaces are being canceled")

    def _judge(self, waiting: Waiting) -> None:
        request, now = waiting.request, self._features.now_ns
        symbol = request.symbol
        order = self._journal.order(request.client_order_id)
        if order is None or order.state.terminal:
            del self.waiting[request.client_order_id]
            return
        if order.pending is Pending.CANCEL:
            self._end(request, order.reason)
            return
        position = self._ledger.quantity(symbol)
        held = abs(position) if position * request.side.sign < 0 else Decimal(0)
        others = self._work.closing(symbol, but_id=request.client_order_id)
        resting = self._resting(symbol)
        left = held - others - most((one.request, one.leaves) for one in resting)
        if held <= others:
            self._end(request, "other exits close the position")
        elif not resting:
            self._send(request, left)
        elif now - waiting.since_ns >= WAIT_NS:
            self._tell(symbol, resting)
            if left > 0:
                self._send(request, left)
        if request.client_order_id in self.waiting and now - waiting.asked_ns >= ASK_NS:
            waiting.asked_ns = now
            self._cancels.cancel_resting_exits(symbol, f"replaced: {request.reason}")

    def _tell(self, symbol: str, resting: list[Order]) -> None:
        names = [order.client_order_id for order in resting]
        if not self._told.issuperset(names):
            self._told.update(names)
            seconds = WAIT_NS // NS
            self._alert(
                "error", symbol, f"its exit waits: cancels not answered for {seconds} s: {', '.join(names)}"
            )

    def _send(self, request: OrderRequest, left: Decimal) -> None:
        if left >= request.quantity:
            del self.waiting[request.client_order_id]
            self._leave(request)
        else:
            why = "what it was to replace filled, or may fill still"
            self._end(request, why, lambda: self._anew(request, left))

    def _end(self, request: OrderRequest, why: str, then: Callable[[], None] | None = None) -> None:
        del self.waiting[request.client_order_id]
        identity, now = request.client_order_id, self._features.now_ns
        self._journal.write([OrderEvent(identity, request.symbol, OrderState.CANCELED, why, now)], then)

    def _resting(self, symbol: str) -> list[Order]:
        # As the ledger has it: a fill that is not durable yet is in neither.
        return [
            order
            for order in self._work.open_orders(symbol)
            if order.state is not OrderState.HELD and waits_for_price(order)
        ]
