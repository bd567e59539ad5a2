"""Orders after a restart: what rests goes on resting, what cannot wait is canceled."""

from __future__ import annotations

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
from engine.wiring import exit_watch
from engine.wiring.order_flow import OrderFlow

RESTARTED = "engine restarted"


def restore_orders(flow: OrderFlow, events: Iterable[JournalEvent], now_ns: int) -> None:
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
        elif isinstance(event, LimitChange) and event.scope == exit_watch.SCOPE:
            flow.watch.restore(event)
    flow.gate.remember(order.client_order_id for order in flow.blotter)
    flow.journal.write(
        [
            OrderEvent(order.client_order_id, order.request.symbol, OrderState.CANCELED, RESTARTED, now_ns)
            for order in flow.blotter.open_at(PAPER)
        ]
    )
    flow.watch.arm_all()
