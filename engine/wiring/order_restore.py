"""Orders after a restart: what rests goes on resting, what cannot wait is canceled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from engine.events import (
    ChangeKind,
    Fill,
    Funding,
    JournalEvent,
    LimitChange,
    OrderChange,
    OrderEvent,
    OrderState,
    Pending,
    RiskChange,
    RiskState,
)
from engine.execution.exact import add, cash_of, multiply
from engine.execution.gateway import Report
from engine.execution.order import PAPER, Order
from engine.text import clean
from engine.wiring.cancels import waits
from engine.wiring.limit_changes import LimitChanges
from engine.wiring.order_flow import OrderFlow
from engine.wiring.order_work import set_off

log = logging.getLogger("engine.orders")

RESTARTED = "engine restarted"
STATE = "paper"
"""Name of the setting that keeps what the paper venue needs beside the journal."""


class OrderRestore:
    """Takes up the orders of earlier runs: first the journal (``fold``), then the gateways (``resume``)."""

    def __init__(self, flow: OrderFlow, limits: LimitChanges) -> None:
        self._flow = flow
        self._limits = limits
        self._paid_ns: dict[str, int] = {}
        """Up to when funding is settled, by symbol: its newest payment, or when it was opened after that."""
        self._payments_ns: dict[str, int] = {}
        """Its newest payment alone."""
        self._held: dict[str, Decimal] = {}
        """At the paper venue, signed."""
        self._cash: dict[str, Decimal] = {}
        """What fills and funding of the paper venue made of each currency."""

    def fold(self, events: Iterable[JournalEvent]) -> None:
        """Fold the journal: orders, positions and whose they are, risk state, limits.

        Raises OrderError where the journal contradicts itself.
        """
        flow = self._flow
        take, folded, book = flow.blotter.apply, flow.work.folded, flow.booking.fold
        for event in events:
            if isinstance(event, Fill):
                order = take(event)
                folded(event, order)
                book(event, order)
                if order.request.gateway == PAPER:
                    self._pay(event.currency, cash_of(event))
                    self._move(event)
            elif isinstance(event, (OrderEvent, OrderChange)):
                folded(event, take(event))
            elif isinstance(event, Funding):
                flow.booking.fold(event, None)
                self._paid_ns[event.symbol] = max(event.ns, self._paid_ns.get(event.symbol, 0))
                self._payments_ns[event.symbol] = max(event.ns, self._payments_ns.get(event.symbol, 0))
                self._pay(event.currency, event.amount)
            elif isinstance(event, RiskChange):
                flow.gate.restore(event.state, event.reason)
            elif isinstance(event, LimitChange):
                refused = self._limits.restore(event)
                if refused:
                    log.warning("a change of a limit is not taken up: %s", refused)
        flow.gate.remember(order.client_order_id for order in flow.blotter)

    def resume(self, kept: Any, now_ns: int) -> list[str]:
        """Have the paper venue go on with what rests, ``kept`` being what it kept (None: nothing).

        A market order that waited while the engine was off would fill at a price nobody decided on: it is
        canceled, with the children that wait for it, and so is an entry whose stop was set off. Entries that
        a halt had not canceled yet are canceled now. Positions stay, and their stops are watched again.
        Returns what a person should know, a line each.
        """
        flow = self._flow
        flow.journal.write(list(self._ended(now_ns)))
        state = dict(kept) if isinstance(kept, Mapping) else {}
        state.pop("commands", None)  # what was asked for and not answered is answered above
        positions = {position.symbol: position.quantity for position in flow.ledger.positions()}
        for order in flow.blotter:
            if order.filled and order.gateway != PAPER:  # held there, not here
                symbol, signed = order.request.symbol, order.request.side.sign * order.filled
                positions[symbol] = positions.get(symbol, Decimal(0)) - signed
        orders = [written for order in flow.blotter if (written := self._written(order)) is not None]
        for attempt in (state, None):
            try:
                flow.paper.restore(
                    *(orders, attempt, positions, now_ns),
                    cash=self._paper_cash(),
                    funded_ns=self._paid_ns,
                    payments_ns=self._payments_ns,
                )
                break
            except (msgspec.ValidationError, ValueError, ArithmeticError) as error:
                log.warning("setting %s is not taken up: %s", STATE, clean(error))
        flow.market.resume(now_ns)
        flow.watch.arm_all()
        flow.market.arm_all()
        return flow.paper.notes()

    def _written(self, order: Order) -> Order | None:
        """As it is with what is on its way to the disk; None for another gateway's."""
        return self._flow.journal.order(order.client_order_id) if order.gateway == PAPER else None

    def _ended(self, now_ns: int) -> Iterable[Report]:
        """What ends with a restart: orders that cannot wait, and what was asked for and not answered."""
        blotter = self._flow.blotter
        for order in blotter.open_at(PAPER):
            request = order.request
            parent = blotter.get(request.parent_id)
            orphan = parent is not None and not parent.filled and self._ends(parent)
            if self._ends(order) or (order.state is OrderState.HELD and orphan):
                yield OrderEvent(
                    order.client_order_id, request.symbol, OrderState.CANCELED, RESTARTED, now_ns
                )
            elif order.pending is Pending.UPDATE:
                yield OrderChange(
                    order.client_order_id, request.symbol, ChangeKind.UPDATE_REFUSED, RESTARTED, now_ns
                )

    def _ends(self, order: Order) -> bool:
        if order.state.terminal or order.pending is Pending.CANCEL or not waits(order):
            return True
        if order.request.reduce_only:
            return False
        # The engine may have died between a halt and its cancels.
        return self._flow.gate.state is not RiskState.ACTIVE or set_off(order)

    def _pay(self, currency: str, amount: Decimal) -> None:
        self._cash[currency] = add(self._cash.get(currency, Decimal(0)), amount)

    def _move(self, fill: Fill) -> None:
        before = self._held.get(fill.symbol, Decimal(0))
        self._held[fill.symbol] = add(before, multiply(fill.quantity, fill.side.sign))
        if not before:  # what was due before is nobody's
            self._paid_ns[fill.symbol] = max(fill.ns, self._paid_ns.get(fill.symbol, 0))

    def _paper_cash(self) -> dict[str, Decimal]:
        ledger = self._flow.ledger
        cash = dict(self._cash)
        cash[ledger.currency] = add(cash.get(ledger.currency, Decimal(0)), ledger.starting_cash)
        return cash
