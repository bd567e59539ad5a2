"""Resting exits shrink with their position at gateways that clamp nothing.

There a target that rests goes on waiting for a price when another exit has closed the position, or a part of
it, and would open the other side. The paper venue shrinks or cancels such orders by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal

from engine.errors import OrderError
from engine.events import NS, Amendment, Pending
from engine.execution.blotter import Blotter
from engine.execution.gateway import Gateway
from engine.execution.order import WORKING, Order
from engine.features.engine import FeatureEngine
from engine.portfolio.ledger import Ledger
from engine.wiring.amendments import Amendments
from engine.wiring.cancels import Cancels
from engine.wiring.decimal_text import plain
from engine.wiring.order_journal import OrderJournal
from engine.wiring.order_work import OrderWork, waits_for_price

log = logging.getLogger("engine.orders")

PAUSE_NS = 5 * NS
"""Between two cancels of one order: the first may have been refused."""
_ZERO = Decimal(0)


class Reductions:
    """Asks such an order to become smaller, and to go where that cannot be."""

    def __init__(
        self,
        features: FeatureEngine,
        ledger: Ledger,
        blotter: Blotter,
        work: OrderWork,
        journal: OrderJournal,
        cancels: Cancels,
        amendments: Amendments,
        gateways: Mapping[str, Gateway],
        alert: Callable[[str, str, str], None],
    ) -> None:
        """``alert(level, source, text)`` tells the person at the desk."""
        self._features = features
        self._ledger = ledger
        self._blotter = blotter
        self._work = work
        self._journal = journal
        self._cancels = cancels
        self._amendments = amendments
        self._gateways = gateways
        self._alert = alert
        self._wanted: dict[str, Decimal] = {}
        """What orders were asked to become, until they are: one that is not when it is answered is not asked
        again, but canceled."""
        self._canceled_ns: dict[str, int] = {}

    def folded(self, order: Order) -> None:
        """Something happened to an order at a broker."""
        if order.state.terminal:
            self._wanted.pop(order.client_order_id, None)
            self._canceled_ns.pop(order.client_order_id, None)
        self.look(order.request.symbol)

    def look(self, symbol: str) -> None:
        """Something happened to an order of the symbol, or time passed."""
        held = self._ledger.quantity(symbol)
        for known in self._work.open_orders(symbol):
            if self._gateways[known.gateway].clamps:
                continue
            order = self._journal.order(known.client_order_id) or known
            if order.state not in WORKING or order.pending is not Pending.NONE or not waits_for_price(order):
                continue  # what is pending is looked at again when it is answered
            if self._wanted.get(order.client_order_id) == order.quantity:
                del self._wanted[order.client_order_id]
            room = abs(held) if held * order.request.side.sign < 0 else _ZERO
            if self._may_fill(order) > room:
                self._reduce(order, room)

    def _may_fill(self, order: Order) -> Decimal:
        """Less what its siblings have filled: its venue takes that from it. Of a child nothing is known
        before all that its parent filled is booked, which what is only written is not."""
        request = order.request
        parent = self._blotter.get(request.parent_id)
        if parent is not None and not parent.state.terminal:
            return _ZERO
        siblings = [self._journal.order(identity) for identity in request.siblings]
        return order.leaves - sum((one.filled for one in siblings if one is not None), _ZERO)

    def _reduce(self, order: Order, room: Decimal) -> None:
        identity, why = order.client_order_id, f"reduce-only: {plain(room)} are left to close"
        alone = not (order.request.siblings or order.request.parent_id)
        if room and alone and identity not in self._wanted and not order.filled:
            self._wanted[identity] = room
            try:
                if self._amendments.ask(identity, Amendment(quantity=room), why).approved:
                    return
            except OrderError as error:
                log.info("%s", error)
        now = self._features.now_ns
        if now - self._canceled_ns.get(identity, 0) < PAUSE_NS:
            return
        if room and identity not in self._canceled_ns:
            text = f"exit {identity} cannot shrink and is canceled, {why}: the desk's own exits guard that"
            self._alert("warning", order.request.symbol, text)
        self._canceled_ns[identity] = now
        try:
            self._cancels.cancel(identity, why)
        except OrderError as error:
            log.info("%s", error)  # it has ended
