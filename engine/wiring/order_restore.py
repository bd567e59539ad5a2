"""Orders after a restart: what rests goes on resting, what cannot wait is canceled."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from engine.events import (
    Fill,
    Funding,
    JournalEvent,
    LimitChange,
    OrderChange,
    OrderEvent,
    OrderState,
    RiskChange,
)
from engine.execution.order import PAPER
from engine.wiring.limit_changes import LimitChanges
from engine.wiring.order_flow import OrderFlow

log = logging.getLogger("engine.orders")

RESTARTED = "engine restarted"


def restore_orders(
    flow: OrderFlow, limits: LimitChanges, events: Iterable[JournalEvent], now_ns: int
) -> None:
    """Fold the journal: orders, positions and whose they are, risk state, limits.

    A market order that waited while the engine was off would fill at a price nobody decided on: it is
    canceled. Positions stay, and their stops are watched again. Raises OrderError where the journal
    contradicts itself.
    """
    for event in events:
        if isinstance(event, (OrderEvent, OrderChange, Fill)):
            flow.booking.fold(event, flow.blotter.apply(event))
        elif isinstance(event, Funding):
            flow.booking.fold(event, None)
        elif isinstance(event, RiskChange):
            flow.gate.restore(event.state, event.reason)
        elif isinstance(event, LimitChange):
            refused = limits.restore(event)
            if refused:
                log.warning("a change of a limit is not taken up: %s", refused)
    flow.gate.remember(order.client_order_id for order in flow.blotter)
    flow.journal.write(
        [
            OrderEvent(order.client_order_id, order.request.symbol, OrderState.CANCELED, RESTARTED, now_ns)
            for order in flow.blotter.open_at(PAPER)
        ]
    )
    positions = {position.symbol: position.quantity for position in flow.ledger.positions()}
    flow.paper.restore((), None, positions, now_ns)
    flow.watch.arm_all()
