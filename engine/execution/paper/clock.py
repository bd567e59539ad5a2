"""What time alone does: messages arrive, orders expire or find nobody for too long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from engine.events import NS, Amendment, ChangeKind, OrderChange, OrderState, TimeInForce
from engine.execution.paper import amendments
from engine.execution.paper.executions import Executions
from engine.execution.paper.orders import OpenOrders, Phase, Working
from engine.execution.paper.outbox import Report
from engine.execution.paper.wording import describe
from engine.instruments import Instruments

_GTD = TimeInForce.GTD
Act = Callable[[int, list[Report]], None]


class Command(msgspec.Struct, gc=False):
    """A cancel (``amendment`` None) or an amendment on its way."""

    client_order_id: str
    symbol: str
    arrival_ns: int
    sequence: int
    amendment: Amendment | None = None


class Clock:
    """Handles what is due, in order of time. ``ttl_s``: see ``PaperConfig.order_ttl_s``."""

    def __init__(
        self, orders: OpenOrders, executions: Executions, instruments: Instruments, ttl_s: float
    ) -> None:
        self._orders = orders
        self._executions = executions
        self._instruments = instruments
        self._ttl_s = ttl_s
        self._ttl_ns = int(ttl_s * NS)
        self.commands: list[Command] = []

    def send(self, client_order_id: str, symbol: str, arrival_ns: int, amendment: Amendment | None) -> None:
        """A cancel (``amendment`` None) or an amendment is on its way. What was sent before about the same
        order, and the order itself, is there before."""
        earlier = [one.arrival_ns for one in self.commands if one.client_order_id == client_order_id]
        order = self._orders.get(client_order_id)
        if order is not None and order.phase is Phase.TRAVELLING:
            earlier.append(order.arrival_ns)
        self._orders.sequence += 1
        arrival_ns = max([arrival_ns, *earlier])
        self.commands.append(Command(client_order_id, symbol, arrival_ns, self._orders.sequence, amendment))

    def next_ns(self, symbol: str) -> int | None:
        """When something is due for the symbol."""
        orders = self._orders.at(symbol)
        if not (orders or self.commands):
            return None
        times = [command.arrival_ns for command in self.commands if command.symbol == symbol]
        for order in orders:
            if order.phase is Phase.TRAVELLING:
                times.append(order.arrival_ns)
            times += [ns for ns in (_expiry_ns(order), self._lapse_ns(order)) if ns is not None]
        return min(times, default=None)

    def advance(self, symbol: str, now_ns: int, out: list[Report]) -> None:
        """Do what is due by now. At the same time, orders arrive before messages about them."""
        orders = self._orders.at(symbol)
        if len(orders) == 1 and not self.commands and orders[0].phase is Phase.TRAVELLING:
            order = orders[0]
            if order.arrival_ns > now_ns:
                return
            at_once = order.arrival_ns == now_ns and order.request.time_in_force is not _GTD
            self._arrive(order, order.arrival_ns, out)
            if at_once and self._ttl_ns > 0:
                return  # nothing befalls it in the moment in which it arrives
        while due := self._due(symbol, now_ns):
            # One at a time: each may end others.
            ns, _, _, act = due[0] if len(due) == 1 else min(due, key=lambda entry: entry[:3])
            act(ns, out)

    def lapsed(self, order: Working, now_ns: int) -> bool:
        """Whether an order to market that has arrived has waited for too long."""
        return order.fresh_ns + self._ttl_ns <= now_ns

    def _due(self, symbol: str, now_ns: int) -> list[tuple[int, int, int, Act]]:
        due: list[tuple[int, int, int, Act]] = []
        for order in self._orders.at(symbol):
            if order.phase is Phase.TRAVELLING:
                # Nothing else befalls it on its way.
                if order.arrival_ns <= now_ns:
                    due.append((order.arrival_ns, 0, order.sequence, partial(self._arrive, order)))
                continue
            expiry, lapse = _expiry_ns(order), self._lapse_ns(order)
            if expiry is not None and expiry <= now_ns:
                due.append((expiry, 2, order.sequence, partial(self._expire, order)))
            if lapse is not None and lapse <= now_ns:
                due.append((lapse, 3, order.sequence, partial(self._lapse, order)))
        if self.commands:
            due += [
                (command.arrival_ns, 1, command.sequence, self._command(command))
                for command in self.commands
                if command.symbol == symbol and command.arrival_ns <= now_ns
            ]
        return due

    def _command(self, command: Command) -> Act:
        def act(ns: int, out: list[Report]) -> None:
            self.commands.remove(command)
            order = self._orders.get(command.client_order_id)
            if order is None:
                out.append(self._overtaken(command))
            elif command.amendment is None:
                self._executions.end(order, OrderState.CANCELED, "", ns, out)
            else:
                self._amend(order, command.amendment, ns, out)

        return act

    # --- orders ---

    def _arrive(self, order: Working, ns: int, out: list[Report]) -> None:
        request, executions = order.request, self._executions
        order.arrival_ns = order.fresh_ns = ns
        if request.parent_id:
            parent = self._orders.get(request.parent_id)
            filled = self._orders.filled(request.parent_id)
            order.phase = Phase.HELD
            if filled:
                executions.size_child(order, filled, ns, out)
            elif parent is None:
                why = f"its parent {request.parent_id} is not at the venue"
                executions.end(order, OrderState.CANCELED, why, ns, out)
            return
        order.phase = Phase.ARRIVED
        expiry = _expiry_ns(order)
        if expiry is not None and expiry <= ns:
            executions.end(order, OrderState.REJECTED, "EXPIRED before it arrived", ns, out)
            return
        if not request.post_only:
            executions.accept(order, ns, out)
        if order.lost:
            executions.lose(order, ns, out)

    def _expire(self, order: Working, ns: int, out: list[Report]) -> None:
        self._executions.end(order, OrderState.EXPIRED, "its time is over", max(ns, order.arrival_ns), out)

    def _lapse(self, order: Working, ns: int, out: list[Report]) -> None:
        reason = f"no liquidity for {self._ttl_s:g} s: {describe(order)}"
        self._executions.end(order, OrderState.CANCELED, reason, ns, out)

    def _lapse_ns(self, order: Working) -> int | None:
        """When an order that takes is given up."""
        request, phase = order.request, order.phase
        takes = phase is Phase.TAKING or (
            phase is Phase.ARRIVED
            and not (request.type.triggered and not order.triggered)
            and (order.limit is None or request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK))
        )
        return order.fresh_ns + self._ttl_ns if takes else None

    # --- messages ---

    def _amend(self, order: Working, amendment: Amendment, ns: int, out: list[Report]) -> None:
        instrument = self._instruments.get(order.symbol)
        assert instrument is not None  # the order got in
        why = amendments.refusal(order, amendment, instrument)
        if why:
            out.append(OrderChange(order.id, order.symbol, ChangeKind.UPDATE_REFUSED, why, ns))
            return
        amendments.apply(order, amendment, ns)
        out.append(OrderChange(order.id, order.symbol, ChangeKind.UPDATED, "", ns, amendment))
        if order.request.reduce_only and order.working:
            self._executions.clamp_one(order, ns, out)

    def _overtaken(self, command: Command) -> OrderChange:
        """The order was done before the message arrived."""
        state = self._orders.ended[command.client_order_id].state
        kind = ChangeKind.CANCEL_REFUSED if command.amendment is None else ChangeKind.UPDATE_REFUSED
        return OrderChange(
            command.client_order_id, command.symbol, kind, f"it is {state.value}", command.arrival_ns
        )


def _expiry_ns(order: Working) -> int | None:
    if order.request.time_in_force is not TimeInForce.GTD or order.phase is Phase.TRAVELLING:
        return None
    return order.request.expire_ns
