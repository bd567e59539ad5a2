"""The invariants of orders, fills and money. Pure: each takes what was journaled, or what a desk holds, and
returns a line for whatever does not hold; [] is healthy.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from typing import NamedTuple

import msgspec

from engine.errors import OrderError
from engine.events import (
    Fill,
    Funding,
    JournalEvent,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    Pending,
    Side,
    Verdict,
)
from engine.execution.blotter import Blotter
from engine.execution.order import WORKING, Order
from engine.portfolio.ledger import Ledger
from engine.store.findings import Findings
from engine.store.order_audit import OrderAudit

_EXACT = Context(prec=60)
_ZERO = Decimal(0)
_OF_EXITS = frozenset({"BAD_NUMBER", "DUPLICATE_ID", "BAD_PRICE", "NOT_REDUCING", "BAD_LEG", "LIST_DENIED"})
"""Why an exit may be denied: it is impossible, or reduces nothing."""


def journal_problems(journal: Sequence[JournalEvent]) -> list[str]:
    """What the journal alone tells: verdicts, submits before fills, siblings, reduce-only, unique trades.

    An order that was just begun is in order at the end of it: its verdict is in the same commit.
    """
    findings = Findings()
    audit = OrderAudit(findings)
    for seq, event in enumerate(journal, 1):
        audit.see(seq, event)
    audit.end()
    return [f"{one.name}: {text}" for one in findings.invariants() for text in one.problems]


def fold(journal: Iterable[JournalEvent]) -> Blotter:
    """All orders of a journal. Raises OrderError where it contradicts itself."""
    blotter = Blotter()
    for event in journal:
        if isinstance(event, (OrderEvent, OrderChange, Fill)):
            blotter.apply(event)
    return blotter


def fold_problems(journal: Sequence[JournalEvent], blotter: Blotter) -> list[str]:
    """The fold of what is durable is what the desk shows, order by order."""
    try:
        folded = fold(journal)
    except OrderError as error:
        return [f"the journal contradicts itself: {error}"]
    problems = []
    if [order.client_order_id for order in folded] != [order.client_order_id for order in blotter]:
        problems.append(f"the journal makes {len(folded)} orders, the desk shows {len(blotter)}")
    for ours in folded:
        shown = blotter.get(ours.client_order_id)
        if shown is not None and msgspec.structs.astuple(ours) != msgspec.structs.astuple(shown):
            problems.append(f"order {ours.client_order_id}: the journal makes {ours}, the desk shows {shown}")
    return problems


def order_problems(blotter: Blotter) -> list[str]:
    """Of every order by itself, and that each is found where it belongs."""
    problems = [problem for order in blotter for problem in _of_order(order)]
    still_open = [order for order in blotter if not order.state.terminal]
    counted = sum(blotter.open_count_of(symbol) for symbol in {order.request.symbol for order in blotter})
    found = {order.client_order_id for order in blotter.open_orders()}
    at = {order.client_order_id for name in _gateways(blotter) for order in blotter.open_at(name)}
    expected = {order.client_order_id for order in still_open}
    if not found == at == expected or not blotter.open_count == counted == len(expected):
        problems.append(
            f"{len(expected)} orders are open, {len(found)} are listed, {blotter.open_count} counted"
        )
    return problems


def _gateways(blotter: Blotter) -> set[str]:
    return {order.gateway for order in blotter}


def _of_order(order: Order) -> list[str]:
    name, problems = f"order {order.client_order_id} ({order.state.value})", []
    if order.filled > order.quantity:
        problems.append(f"{name}: {order.filled} filled of {order.quantity}")
    if order.state.terminal and order.leaves:
        problems.append(f"{name} is over, and {order.leaves} may still fill")
    if not order.state.terminal and order.filled + order.leaves != order.quantity:
        problems.append(f"{name}: {order.filled} filled + {order.leaves} left is not {order.quantity}")
    if (order.filled == order.quantity) is not (order.state is OrderState.FILLED):
        problems.append(f"{name}: {order.filled} of {order.quantity} filled")
    if order.state is OrderState.PARTIALLY_FILLED and not order.filled:
        problems.append(f"{name} has no fill")
    if order.pending is not Pending.NONE and order.state not in WORKING:
        problems.append(f"{name} has a {order.pending.value} pending")
    if len(set(order.trade_ids)) != len(order.trade_ids) or bool(order.trade_ids) is not bool(order.filled):
        problems.append(f"{name}: trades {order.trade_ids}")
    return problems


def money_problems(journal: Iterable[JournalEvent], ledger: Ledger) -> list[str]:
    """cash = start + notional - fees + funding; position = sum of fills; equity = cash + position x mark.

    Summed from the journal, of a desk whose symbols are all in the account's own currency.
    """
    cash = ledger.starting_cash
    held: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    seen: set[str] = set()
    for event in journal:
        if isinstance(event, Fill) and event.trade_id not in seen:
            seen.add(event.trade_id)
            signed = event.quantity if event.side is Side.BUY else event.quantity.copy_negate()
            held[event.symbol] = _EXACT.add(held[event.symbol], signed)
            paid = _EXACT.add(_EXACT.multiply(signed, event.price), event.fee)
            cash = _EXACT.subtract(cash, paid)
        elif isinstance(event, Funding) and event.funding_id not in seen:
            seen.add(event.funding_id)
            cash = _EXACT.add(cash, event.amount)
    problems = list(ledger.check())
    if ledger.cash != cash:
        problems.append(f"the journal makes {cash} cash, the ledger has {ledger.cash}")
    equity = cash
    for symbol, quantity in held.items():
        if ledger.quantity(symbol) != quantity:
            problems.append(
                f"{symbol}: the journal makes {quantity}, the ledger holds {ledger.quantity(symbol)}"
            )
        if quantity:
            mark = ledger.mark_price(symbol)
            if mark is None:
                problems.append(f"{symbol}: {quantity} held without a mark")
            else:
                equity = _EXACT.add(equity, _EXACT.multiply(quantity, mark))
    if not problems and ledger.equity() != equity:
        problems.append(f"cash and positions make {equity}, the ledger's equity is {ledger.equity()}")
    extra = [position.symbol for position in ledger.positions() if not held.get(position.symbol)]
    return problems + [f"{symbol}: held without a fill" for symbol in extra]


def bracket_problems(journal: Iterable[JournalEvent]) -> list[str]:
    """At each fill: a child was released, and siblings together are within what their parent filled."""
    requests: dict[str, OrderRequest] = {}
    states: dict[str, OrderState] = {}
    filled: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    problems = []
    for event in journal:
        if isinstance(event, OrderEvent):
            states[event.client_order_id] = event.state
            if event.request is not None:
                requests[event.client_order_id] = event.request
            if event.state is OrderState.SUBMITTED:
                parent = requests[event.client_order_id].parent_id
                if parent and not filled[parent]:
                    problems.append(f"child {event.client_order_id} was released before {parent} filled")
        elif isinstance(event, Fill):
            filled[event.client_order_id] += event.quantity
            request = requests[event.client_order_id]
            together = sum((filled[one] for one in request.siblings), filled[event.client_order_id])
            if request.parent_id and together > filled[request.parent_id]:
                problems.append(
                    f"children of {request.parent_id} filled {together} of its {filled[request.parent_id]}"
                )
            if states[event.client_order_id] is OrderState.HELD:
                problems.append(f"{event.client_order_id} filled while it was held")
    return problems


def exit_problems(verdicts: Iterable[Verdict], requests: Mapping[str, OrderRequest]) -> list[str]:
    """No exit is denied by an entry check."""
    return [
        f"exit {verdict.client_order_id} was denied: {verdict.code} {verdict.detail}"
        for verdict in verdicts
        if not verdict.approved
        and (request := requests.get(verdict.client_order_id)) is not None
        and request.reduce_only
        and verdict.code not in _OF_EXITS
    ]


class Shown(NamedTuple):
    """The book as it was published: everything shown before is void."""

    ns: int
    symbol: str
    bids: Mapping[Decimal, Decimal]
    """Price -> size."""
    asks: Mapping[Decimal, Decimal]


class Printed(NamedTuple):
    """A trade between others."""

    ns: int
    symbol: str
    size: Decimal


def liquidity_problems(fills: Iterable[Fill], market: Sequence[Shown | Printed]) -> list[str]:
    """Between two refreshes of the book no more fills than it shows and trades print.

    What a fill takes is at its price or better. So at each price: what filled up to it is no more than what
    was shown up to it, and all that is beyond that is within what was traded. ``market`` is in order of time.
    """
    windows: dict[str, list[_Window]] = defaultdict(list)
    for event in market:
        of_symbol = windows[event.symbol]
        if isinstance(event, Shown):
            of_symbol.append(_Window(event.ns, event, [], []))
        else:
            if not of_symbol:
                of_symbol.append(_Window(0, None, [], []))
            of_symbol[-1].printed.append(event.size)
    problems = []
    for fill in fills:
        before = [window for window in windows[fill.symbol] if window.ns <= fill.ns]
        if before:
            before[-1].fills.append(fill)
        else:
            problems.append(f"{fill.symbol}: {fill.trade_id} filled before there was a market")
    for symbol, of_symbol in windows.items():
        for window in of_symbol:
            beyond = sum((_beyond(window, side) for side in Side), _ZERO)
            traded = sum(window.printed, _ZERO)
            if beyond > traded:
                problems.append(
                    f"{symbol}: {beyond} filled beyond the book of {window.ns}, of {traded} traded"
                )
    return problems


def stale_problems(fills: Iterable[Fill], market: Sequence[Shown | Printed], stale_ns: int) -> list[str]:
    """No fill against a market that was silent for longer than ``stale_ns``."""
    times: dict[str, list[int]] = defaultdict(list)
    for event in market:
        times[event.symbol].append(event.ns)
    problems = []
    for fill in fills:
        known = bisect_right(times[fill.symbol], fill.ns)
        if not known or fill.ns - times[fill.symbol][known - 1] > stale_ns:
            problems.append(f"{fill.symbol}: {fill.trade_id} filled against old data")
    return problems


def venue_problems(blotter: Blotter, gateway: str, waiting: Mapping[str, str]) -> list[str]:
    """Once all is quiet: what is open is at the venue, and what is at the venue is open."""
    ours, theirs = {order.client_order_id for order in blotter.open_at(gateway)}, set(waiting)
    return [
        *[f"order {identity} is open, and {gateway} does not know it" for identity in sorted(ours - theirs)],
        *[f"order {identity} is at {gateway}, and not open" for identity in sorted(theirs - ours)],
    ]


class _Window(NamedTuple):
    ns: int
    shown: Shown | None
    printed: list[Decimal]
    fills: list[Fill]


def _beyond(window: _Window, side: Side) -> Decimal:
    """What orders of a side filled beyond what was shown for them at their prices or better."""
    levels = {} if window.shown is None else window.shown.asks if side is Side.BUY else window.shown.bids
    took = [fill for fill in window.fills if fill.side is side]
    most = _ZERO
    for price in {fill.price for fill in took}:
        filled = sum((fill.quantity for fill in took if (fill.price - price) * side.sign <= 0), _ZERO)
        shown = sum((size for level, size in levels.items() if (level - price) * side.sign <= 0), _ZERO)
        most = max(most, filled - shown)
    return most
