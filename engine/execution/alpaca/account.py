"""What Alpaca says the account has: its orders, executions, positions, cash and fees, in the desk's terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from engine.events import NS, Fill, OrderState
from engine.execution.alpaca.calls import Call, Kind
from engine.execution.alpaca.jobs import Jobs
from engine.execution.alpaca.order_form import currency, side_of
from engine.execution.alpaca.tracked import AT_WORK
from engine.execution.alpaca.wire import (
    AccountRow,
    Execution,
    FeeRow,
    OrderRow,
    PositionRow,
    plain,
    stamp_ns,
)
from engine.execution.gateway import VenueAccount, VenueFee, VenueOrder

_ZERO = Decimal(0)
_STATES = {
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
    "held": OrderState.HELD,
    "pending_new": OrderState.SUBMITTED,
}
MOST = 500
"""Orders in one answer, at most."""


class Told(msgspec.Struct):
    """The answers, decoded."""

    account: AccountRow
    positions: list[PositionRow]
    orders: list[OrderRow]
    executions: list[Execution]
    fees: list[FeeRow]
    since_ns: int
    """Orders that ended and executions before it were not asked for."""


def account_call() -> Call:
    return Call(Kind.READ, "GET", "/v2/account")


def positions_call() -> Call:
    return Call(Kind.READ, "GET", "/v2/positions")


def open_orders_call() -> Call:
    return Call(Kind.READ, "GET", "/v2/orders", {"status": "open", "limit": str(MOST), "nested": "true"})


def orders_call(since_ns: int) -> Call:
    """Those sent since then, whatever became of them."""
    after = datetime.fromtimestamp(since_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"status": "all", "limit": str(MOST), "nested": "true", "after": after, "direction": "desc"}
    return Call(Kind.READ, "GET", "/v2/orders", query)


def fees_call(since_ns: int, page: str) -> Call:
    after = datetime.fromtimestamp(since_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"activity_types": "FEE,CFEE", "after": after, "direction": "asc", "page_size": "100"}
    if page:
        query["page_token"] = page
    return Call(Kind.READ, "GET", "/v2/account/activities", query)


def venue_account(told: Told, jobs: Jobs, symbols: Mapping[str, str], now_ns: int) -> VenueAccount:
    """``symbols``: the desk's and Alpaca's names. Positions of other symbols are left out."""
    names = {plain(theirs): ours for ours, theirs in symbols.items()}
    orders = {}
    for row in _flat(told.orders):
        if row.status != "replaced":
            orders[row.id] = _order(row, jobs, names)
    positions: dict[str, Decimal] = {}
    for position in told.positions:
        ours = names.get(plain(position.symbol))
        if ours is not None:
            positions[ours] = -abs(position.qty) if position.side == "short" else position.qty
    return VenueAccount(
        ns=now_ns,
        orders=tuple(orders.values()),
        fills=tuple(_fill(row, jobs, symbols, names, now_ns) for row in told.executions),
        positions=positions,
        cash={told.account.currency: told.account.cash},
        fees=tuple(
            VenueFee(row.id, -row.net_amount, told.account.currency) for row in told.fees if row.net_amount
        ),
        since_ns=told.since_ns,
        blocked=told.account.blocks,
    )


def _flat(rows: Iterable[OrderRow]) -> Iterable[OrderRow]:
    for row in rows:
        yield row
        yield from _flat(row.legs or ())


def _order(row: OrderRow, jobs: Jobs, names: Mapping[str, str]) -> VenueOrder:
    ours = jobs.of_venue_id(row.id)
    state = _STATES.get(row.status)
    if state is None:
        working = OrderState.PARTIALLY_FILLED if row.filled else OrderState.ACCEPTED
        state = working if row.status in AT_WORK else OrderState.SUBMITTED
    return VenueOrder(
        client_order_id=row.client_order_id if ours is None else ours.client_order_id,
        venue_order_id=row.id,
        symbol=names.get(plain(row.symbol), row.symbol),
        side=side_of(row.side),
        quantity=row.qty or _ZERO,
        filled=row.filled,
        state=state,
    )


def _fill(
    row: Execution, jobs: Jobs, symbols: Mapping[str, str], names: Mapping[str, str], now_ns: int
) -> Fill:
    trade_id = f"alpaca-{row.execution_id}"
    symbol = names.get(plain(row.symbol), row.symbol)
    return Fill(
        trade_id=trade_id,
        client_order_id=jobs.of_execution(row.order_id, trade_id),
        symbol=symbol,
        side=side_of(row.side),
        quantity=row.qty,
        price=row.price,
        fee=_ZERO,
        liquidity="",
        decision_price=0.0,
        ns=stamp_ns(row.transaction_time, now_ns),
        currency=currency(symbols.get(symbol, row.symbol)),
    )
