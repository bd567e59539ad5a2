"""The ledger's identities, summed anew from all that was booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, localcontext

from engine.events import Fill, Funding
from engine.portfolio.balances import Balances
from engine.portfolio.exact import EXACT, ZERO
from engine.portfolio.position import Position


def check(
    start: Decimal,
    balances: Balances,
    fills: Iterable[Fill],
    fundings: Iterable[Funding],
    positions: Mapping[str, Position],
    marks: Mapping[str, Decimal],
    kept: tuple[Decimal, Decimal, Decimal | None],
) -> list[str]:
    """What does not hold, a line each; [] is healthy. ``kept``: (net value, gross value, equity)."""
    with localcontext(EXACT):
        cash = defaultdict(lambda: ZERO, {balances.currency: start})
        fees: dict[str, Decimal] = defaultdict(lambda: ZERO)
        funding: dict[str, Decimal] = defaultdict(lambda: ZERO)
        quantities = dict.fromkeys(positions, ZERO)
        for fill in fills:
            signed = fill.side.sign * fill.quantity
            cash[fill.currency or balances.currency] -= signed * fill.price + fill.fee
            fees[balances.unit(fill.currency)] += fill.fee
            quantities[fill.symbol] += signed
        for payment in fundings:
            cash[payment.currency or balances.currency] += payment.amount
            funding[balances.unit(payment.currency)] += payment.amount
        return [
            *_balances(balances, cash),
            *_positions(positions, quantities),
            *_profits(start, balances, cash, fees, funding, positions, quantities, marks),
            *_totals(balances, cash, positions, quantities, marks, kept),
        ]


def _balances(balances: Balances, cash: Mapping[str, Decimal]) -> Iterator[str]:
    held = balances.cash()
    for currency in sorted({*held, *cash}):
        ours, theirs = held.get(currency, ZERO), cash.get(currency, ZERO)
        if ours != theirs:
            yield f"cash is {ours} {currency}, what was booked makes {theirs}"
    home = sum((amount for currency, amount in held.items() if not balances.unit(currency)), ZERO)
    if home != balances.home:
        yield f"the account's own cash is {home}, the balances say {balances.home}"


def _positions(positions: Mapping[str, Position], quantities: Mapping[str, Decimal]) -> Iterator[str]:
    for symbol, quantity in quantities.items():
        if positions[symbol].quantity != quantity:
            yield f"{symbol}: position is {positions[symbol].quantity}, its fills make {quantity}"


def _profits(
    start: Decimal,
    balances: Balances,
    cash: Mapping[str, Decimal],
    fees: Mapping[str, Decimal],
    funding: Mapping[str, Decimal],
    positions: Mapping[str, Position],
    quantities: Mapping[str, Decimal],
    marks: Mapping[str, Decimal],
) -> Iterator[str]:
    """Of each currency by itself, so that it needs no rates: what it is worth is what it earned."""
    worth: dict[str, Decimal] = defaultdict(lambda: ZERO)
    earned: dict[str, Decimal] = defaultdict(lambda: ZERO, {"": start})
    paid: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for currency, amount in cash.items():
        worth[balances.unit(currency)] += amount
    for symbol, quantity in quantities.items():
        position, value = positions[symbol], quantity * marks[symbol]
        worth[position.currency] += value
        earned[position.currency] += position.realized + value - position.cost - position.fees
        paid[position.currency] += position.fees
        if not quantity and position.cost:
            yield f"{symbol}: flat, and has cost {position.cost}"
    for currency, amount in funding.items():
        earned[currency] += amount
    for currency in sorted({*worth, *earned}):
        name = currency or balances.currency
        if worth[currency] != earned[currency]:
            yield f"{name}: equity is {worth[currency]}, its P&L makes {earned[currency]}"
        if paid[currency] != fees.get(currency, ZERO):
            yield f"{name}: fees are {paid[currency]}, its fills make {fees.get(currency, ZERO)}"


def _totals(
    balances: Balances,
    cash: Mapping[str, Decimal],
    positions: Mapping[str, Position],
    quantities: Mapping[str, Decimal],
    marks: Mapping[str, Decimal],
    kept: tuple[Decimal, Decimal, Decimal | None],
) -> Iterator[str]:
    value = gross = total = ZERO
    known = True
    for currency, amount in cash.items():
        rate = balances.rate(currency)
        known = known and (rate is not None or not amount)
        total += amount * (rate or ZERO)
    for symbol, quantity in quantities.items():
        rate = balances.rate(positions[symbol].currency)
        known = known and (rate is not None or not quantity)
        worth = quantity * marks[symbol] * (rate or ZERO)
        value += worth
        gross += abs(worth)
    kept_value, kept_gross, kept_equity = kept
    if value != kept_value:
        yield f"open positions are worth {value}, the ledger says {kept_value}"
    if gross != kept_gross:
        yield f"positions add up to {gross}, the ledger says {kept_gross}"
    equity = total + value if known else None
    if equity != kept_equity:
        yield f"equity is {equity}, the ledger says {kept_equity}"
