"""What must hold of a desk beyond its journal: when it is quiet, and from one life of it to the next."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from engine.events import (
    JournalEvent,
    OrderEvent,
    OrderRequest,
    OrderState,
    Pending,
    RiskChange,
    RiskState,
    TimeInForce,
)
from engine.execution.order import PAPER, Order
from engine.risk.limit_book import LimitStanding
from engine.risk.limit_kinds import KINDS, loosens
from engine.risk.state import originates
from engine.store.store import Store
from engine.store.verify import verify
from engine.wiring.cancels import waits
from engine.wiring.desk import Desk
from engine.wiring.exit_limits import KINDS as EXIT_KINDS
from engine.wiring.exit_limits import SCOPE, SETTABLE
from engine.wiring.verification import _observers
from tests.chaos.invariants import venue_problems

_ZERO = Decimal(0)


def state_problems(journal: Iterable[JournalEvent]) -> list[str]:
    """No entry is sent while the journal's last word is that only exits go."""
    state, problems = RiskState.ACTIVE, []
    requests: dict[str, OrderRequest] = {}
    for event in journal:
        if isinstance(event, RiskChange):
            state = event.state
        elif isinstance(event, OrderEvent):
            if event.request is not None:
                requests[event.client_order_id] = event.request
            sent = event.state is OrderState.SUBMITTED and event.verdict is not None
            if sent and state is not RiskState.ACTIVE and not requests[event.client_order_id].reduce_only:
                problems.append(f"entry {event.client_order_id} was sent while {state.value}")
    return problems


# --- quiet: nothing is on its way


def quiet_problems(desk: Desk) -> list[str]:
    """The desk and the venue tell the same, children follow their parents, and positions are watched."""
    trading = desk.trading
    return [
        *venue_problems(trading.blotter, PAPER, trading.paper.waiting()),
        *_account_problems(desk),
        *_child_problems(desk),
        *_protection_problems(desk),
    ]


def _account_problems(desk: Desk) -> list[str]:
    ledger, account = desk.trading.ledger, desk.trading.paper.account(desk.now_ns)
    ours = {position.symbol: position.quantity for position in ledger.positions()}
    problems = []
    if ours != dict(account.positions):
        problems.append(f"the desk holds {ours}, the venue {account.positions}")
    if ledger.cash != account.cash.get(ledger.currency):
        problems.append(f"the desk has {ledger.cash}, the venue {account.cash}")
    return problems


def _child_problems(desk: Desk) -> list[str]:
    blotter, problems = desk.trading.blotter, []
    for order in blotter.open_orders():
        parent = blotter.get(order.request.parent_id)
        if parent is None:
            continue
        if order.state is OrderState.HELD and (parent.filled or parent.state.terminal):
            problems.append(
                f"child {order.client_order_id} is held, its parent {parent.state.value} with {parent.filled}"
            )
        if order.state is not OrderState.HELD:
            siblings = [one for name in order.request.siblings if (one := blotter.get(name)) is not None]
            most = parent.filled - sum((one.filled for one in siblings), _ZERO)
            if order.quantity > most:
                problems.append(f"child {order.client_order_id} may fill {order.quantity} of {most}")
    return problems


def _protection_problems(desk: Desk) -> list[str]:
    """A position whose level is crossed, or whose time is over, is being left."""
    trading, problems = desk.trading, []
    for position in trading.ledger.positions():
        symbol = position.symbol
        instrument = desk.instruments.get(symbol)
        assert instrument is not None
        if trading.work.exiting(symbol):
            continue
        crossed = trading.watch.crossed(symbol) or trading.watch.overdue(symbol, desk.now_ns)
        if crossed is not None and originates(trading.gate.state, crossed.purpose):
            problems.append(f"{symbol} is not left: {crossed.reason}")
        if not desk.features.exit_armed(instrument.index):
            problems.append(f"{symbol} is held, and no level of it is watched")
    return problems


# --- from one life to the next


class Life(NamedTuple):
    """What a kill must not change when everything is on the disk."""

    limits: dict[tuple[str, str], float]
    exits: dict[str, float]
    strategies: dict[str, Any]
    weights: Any
    resting: dict[str, Order]
    positions: dict[str, Decimal]
    cash: Decimal | None

    @classmethod
    def of(cls, desk: Desk) -> Life:
        trading = desk.trading
        return cls(
            {(row.scope, row.name): _lasts(row) for row in trading.gate.book.rows()},
            {name: _lasting_exit(desk, name) for name in SETTABLE},
            desk.signals.strategies.settings(),
            desk.tuning.weights,
            {order.client_order_id: order for order in trading.blotter.open_orders()},
            {position.symbol: position.quantity for position in trading.ledger.positions()},
            trading.ledger.cash,
        )

    def problems(self, desk: Desk) -> list[str]:
        """Of the life after it, right at its start."""
        after, problems = Life.of(desk), []
        for name in ("limits", "exits", "strategies", "weights", "positions"):
            before, now = getattr(self, name), getattr(after, name)
            if before != now:
                problems.append(f"{name} were {before}, a restart makes them {now}")
        if self.cash != after.cash:
            problems.append(f"cash was {self.cash}, a restart makes it {after.cash}")
        for identity, order in self.resting.items():
            if not _rests(order, desk) or identity in after.resting:
                continue  # its end may be on its way from the venue: a quiet desk tells
            now = desk.trading.blotter.get(identity)
            problems.append(f"{order} rested, and after the restart is {now}")
        return problems


def _lasts(row: LimitStanding) -> float:
    """What a start makes of it: what was loosened live beyond the configuration ends with the life."""
    if row.default is not None and loosens(KINDS[row.name], row.default, row.value):
        return row.default
    return row.value


def _lasting_exit(desk: Desk, name: str) -> float:
    limits = desk.trading.watch.limits
    value, configured = limits.value(SCOPE, name), limits.configured(SCOPE, name)
    return configured if loosens(EXIT_KINDS[name], configured, value) else value


def _rests(order: Order, desk: Desk) -> bool:
    """Whether it must be open after a restart."""
    request, blotter = order.request, desk.trading.blotter
    parent = blotter.get(request.parent_id)
    if parent is not None:
        return False  # it may end with its parent
    if desk.trading.gate.state is not RiskState.ACTIVE and not request.reduce_only:
        return False  # a halt leaves no entry at work
    over = request.time_in_force is TimeInForce.GTD and request.expire_ns <= desk.now_ns
    return waits(order) and not over and order.pending is not Pending.CANCEL


def stored_problems(journal: list[JournalEvent]) -> list[str]:
    """The journal through the store, and through orders and books of their own."""
    store = Store(None, durable=False)
    store.start()
    try:
        if journal:
            store.commit_now(journal)
        return [text for one in store._call(lambda found: verify(found, _observers)) for text in one.problems]
    finally:
        store.close()
