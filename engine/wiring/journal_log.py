"""What the journal says, as lines of the log: a console that was not there can still read what happened."""

from __future__ import annotations

import logging

from engine.events import Alert, Fill, JournalEvent, OrderEvent, OrderState, RiskChange
from engine.logs import log as write

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}
_TOLD = {OrderState.DENIED, OrderState.REJECTED, OrderState.CANCELED, OrderState.EXPIRED}

_desk = logging.getLogger("engine.desk")
_risk = logging.getLogger("engine.risk")
_orders = logging.getLogger("engine.orders")


def note(event: JournalEvent) -> None:
    """Log a durable event: alerts at their level, risk changes, fills, and orders that ended unfilled."""
    if isinstance(event, Alert):
        text = event.text.removeprefix(f"{event.source} ")  # "model: model a1b2c3 was ..." says it twice
        write(_desk, _LEVELS.get(event.level, logging.INFO), f"{event.source}: {text}")
    elif isinstance(event, RiskChange):
        text = f"{event.previous.value.upper()} → {event.state.value.upper()}"
        write(_risk, logging.WARNING, text, reason=event.reason, who=event.who)
    elif isinstance(event, Fill):
        text = f"filled {event.side.value} {event.quantity} {event.symbol} at {event.price}"
        write(_orders, logging.INFO, text, fee=event.fee, order=event.client_order_id)
    elif isinstance(event, OrderEvent) and event.state in _TOLD:
        text = f"{event.state.value} {event.symbol}"
        write(_orders, logging.INFO, text, reason=event.reason, order=event.client_order_id)
