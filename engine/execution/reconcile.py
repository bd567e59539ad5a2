"""What the desk believes of a gateway against what the gateway says it has. Nothing is mended here.

What differs is shown; a person decides. The one thing that is taken over from a venue is what it tells of an
order of ours: an execution that we had not heard of, or how the order ended. These are facts with an id, and
come through the gateway as reports like any other, before the two are compared. Positions and cash are never
adjusted.

While orders are on their way the two differ for a moment. So a difference counts only when it is the same at
two looks ``grace_ns`` apart, and orders that the gateway itself is still asking about are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext

import msgspec

from engine.events import NS, Fill, OrderState
from engine.execution.exact import EXACT, add, cash_of, multiply, subtract
from engine.execution.gateway import VenueAccount, VenueOrder
from engine.execution.order import Order

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_TOLD_NS = 3 * 86_400 * NS
"""By then a fee is among those that the venue tells."""


class Holdings:
    """What the fills of one gateway add up to: positions, and how cash has changed."""

    def __init__(self, fee_share: Callable[[str], Decimal] = lambda symbol: _ZERO) -> None:
        """``fee_share(symbol)``: most that the venue takes of what a trade brings before it tells: out of
        the position when buying, out of the cash when selling."""
        self._fee_share = fee_share
        self._in_kind: dict[str, Decimal] = {}
        self._in_cash: deque[tuple[int, str, Decimal]] = deque()
        self.positions: dict[str, Decimal] = {}
        self.cash: dict[str, Decimal] = {}
        self.fills = 0

    def take_up(self, order: Order, currency: str) -> None:
        """An order of an earlier run, with all it had filled."""
        if order.filled:
            sign = order.request.side.sign
            cash = subtract(multiply(order.notional, -sign), order.fees)
            self._add(order.request.symbol, multiply(order.filled, sign), currency, cash, order.updated_ns)
            price = order.average_price
            if sign < 0 and order.fees and price:
                self._tell(order.request.symbol, order.fees / price)
            self.fills += len(order.trade_ids)

    def apply(self, fill: Fill, currency: str) -> None:
        """A fill, once it is booked; ``currency``: in which it is."""
        cash = cash_of(fill)
        self._add(fill.symbol, multiply(fill.quantity, fill.side.sign), currency, cash, fill.ns)
        if fill.fee and not cash:
            self._tell(fill.symbol, fill.quantity)
        self.fills += 1

    def fund(self, amount: Decimal, currency: str) -> None:
        """Funding: above zero is received."""
        self.cash[currency] = add(self.cash.get(currency, _ZERO), amount)

    def _add(self, symbol: str, quantity: Decimal, currency: str, cash: Decimal, ns: int) -> None:
        held = self.positions[symbol] = add(self.positions.get(symbol, _ZERO), quantity)
        self.cash[currency] = add(self.cash.get(currency, _ZERO), cash)
        share = self._fee_share(symbol)
        if not held:
            self._in_kind.pop(symbol, None)
        elif share and quantity > 0:
            self._in_kind[symbol] = self._in_kind.get(symbol, _ZERO) + quantity * share
        if share and cash > 0:
            self._in_cash.append((ns, currency, cash * share))

    def _tell(self, symbol: str, quantity: Decimal) -> None:
        """So much was sold for its fee alone: that is what they had taken of the position."""
        if symbol in self._in_kind:
            self._in_kind[symbol] = max(self._in_kind[symbol] - quantity, _ZERO)

    def untold_in_kind(self, symbol: str) -> Decimal:
        """Fees may have taken so much out of a position since it was flat, beyond what was booked as that."""
        return self._in_kind.get(symbol, _ZERO)

    def untold_in_cash(self, currency: str, now_ns: int) -> Decimal:
        """Fees may have taken so much cash that the venue has not told yet."""
        while self._in_cash and self._in_cash[0][0] < now_ns - _TOLD_NS:
            self._in_cash.popleft()
        return sum((amount for _, name, amount in self._in_cash if name == currency), _ZERO)


class Baseline(msgspec.Struct, frozen=True):
    """The gateway's cash when the desk first asked, less what the desk's fills had made of it by then."""

    ns: int
    cash: dict[str, Decimal]


def baseline(account: VenueAccount, holdings: Holdings) -> Baseline:
    """What ``account`` and ``holdings`` of the same moment give."""
    cash = {name: subtract(amount, holdings.cash.get(name, _ZERO)) for name, amount in account.cash.items()}
    return Baseline(account.ns, cash)


def accepted(start: Baseline, cash: Iterable[Drift]) -> Baseline:
    """The baseline with these differences in cash counted in."""
    moved = {drift.subject: Decimal(drift.difference) for drift in cash}
    return Baseline(
        start.ns, {name: add(amount, moved.get(name, _ZERO)) for name, amount in start.cash.items()}
    )


class Drift(msgspec.Struct, frozen=True):
    kind: str
    """``order``, ``fill``, ``position`` or ``cash``."""
    subject: str
    """Order id, trade id, symbol or currency."""
    ours: str
    theirs: str
    difference: str
    """What must be the same at two looks to count; amounts that both move alike do not change it."""
    since_ns: int = 0


def differences(
    account: VenueAccount,
    holdings: Holdings,
    start: Baseline,
    *,
    order: Callable[[str], Order | None],
    open_orders: Iterable[Order],
    unresolved: frozenset[str],
    exact_cash: bool = False,
) -> list[Drift]:
    """Where the two differ at this moment.

    ``order`` finds ours by client order id. ``unresolved``: left out. Unless ``exact_cash``, cash may be off
    by a cent for each fill: venues round.
    """
    with localcontext(EXACT):
        return [
            *_orders(account, order, open_orders, unresolved),
            *_fills(account, order, unresolved),
            *_positions(account, holdings),
            *_cash(account, holdings, start, exact_cash),
        ]


def _orders(
    account: VenueAccount,
    find: Callable[[str], Order | None],
    open_orders: Iterable[Order],
    unresolved: frozenset[str],
) -> Iterable[Drift]:
    told = {theirs.client_order_id: theirs for theirs in account.orders}
    for identity, theirs in told.items():
        if identity in unresolved:
            continue
        ours = find(identity)
        if ours is None:
            if not theirs.state.terminal:
                yield _order_drift(identity or theirs.venue_order_id, "not ours", _said(theirs))
        elif ours.state.terminal is not theirs.state.terminal or ours.filled != theirs.filled:
            yield _order_drift(identity, f"{ours.state.value}, {ours.filled} filled", _said(theirs))
    for ours in open_orders:
        identity = ours.client_order_id
        if identity not in told and identity not in unresolved and ours.state is not OrderState.HELD:
            yield _order_drift(identity, f"{ours.state.value}, {ours.filled} filled", "unknown")


def _said(theirs: VenueOrder) -> str:
    return f"{theirs.state.value}, {theirs.filled} filled"


def _order_drift(identity: str, ours: str, theirs: str) -> Drift:
    return Drift("order", identity, ours, theirs, f"{ours} | {theirs}")


def _fills(
    account: VenueAccount, find: Callable[[str], Order | None], unresolved: frozenset[str]
) -> Iterable[Drift]:
    filled = {theirs.client_order_id: theirs.filled for theirs in account.orders}
    for fill in account.fills:
        if fill.client_order_id in unresolved:
            continue
        ours = find(fill.client_order_id)
        if ours is not None:
            if fill.trade_id in ours.trade_ids:
                continue
            if filled.get(fill.client_order_id, ours.filled) == ours.filled:
                continue  # we have it by another name: both agree how much is filled
        told = f"{fill.side.value} {fill.quantity} {fill.symbol} at {fill.price}"
        yield Drift("fill", fill.trade_id, "none", told, told)


def _positions(account: VenueAccount, holdings: Holdings) -> Iterable[Drift]:
    for symbol in sorted({*account.positions, *holdings.positions}):
        ours = holdings.positions.get(symbol, _ZERO)
        theirs = account.positions.get(symbol, _ZERO)
        if not 0 <= ours - theirs <= holdings.untold_in_kind(symbol):
            yield Drift("position", symbol, _plain(ours), _plain(theirs), _plain(theirs - ours))


def _cash(account: VenueAccount, holdings: Holdings, start: Baseline, exact: bool) -> Iterable[Drift]:
    allowed = _ZERO if exact else _CENT * (holdings.fills + 1)
    fees: dict[str, Decimal] = {}
    for fee in account.fees:
        fees[fee.currency] = fees.get(fee.currency, _ZERO) + fee.amount
    for name in sorted(account.cash):
        if name not in start.cash:
            continue  # first seen after the first contact: there is nothing to compare it with
        ours = start.cash[name] + holdings.cash.get(name, _ZERO) - fees.get(name, _ZERO)
        theirs = account.cash[name]
        if not -allowed <= ours - theirs <= allowed + holdings.untold_in_cash(name, account.ns):
            yield Drift("cash", name, _plain(ours), _plain(theirs), _plain(theirs - ours))


def _plain(number: Decimal) -> str:
    """Plain digits; equal numbers give equal text."""
    digits = format(number, "f")
    return (digits.rstrip("0").rstrip(".") or "0") if "." in digits else digits


class Reconciler:
    """Tells drift from what is only on its way, by looking twice."""

    def __init__(self, grace_ns: int) -> None:
        self._grace_ns = grace_ns
        self._suspects: dict[tuple[str, str], tuple[str, int]] = {}

    def look(self, found: Iterable[Drift], now_ns: int) -> tuple[tuple[Drift, ...], bool]:
        """The differences that have stood for the grace, and whether others have to be looked at again."""
        suspects: dict[tuple[str, str], tuple[str, int]] = {}
        drifts: list[Drift] = []
        for drift in found:
            key = drift.kind, drift.subject
            difference, since_ns = self._suspects.get(key, ("", now_ns))
            if difference != drift.difference:
                since_ns = now_ns
            suspects[key] = drift.difference, since_ns
            if now_ns - since_ns >= self._grace_ns:
                drifts.append(msgspec.structs.replace(drift, since_ns=since_ns))
        self._suspects = suspects
        return tuple(drifts), len(drifts) < len(suspects)
