"""A position: what is held of one symbol, as a fold over its fills."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.events import Fill
from engine.portfolio.exact import ZERO, on_step


class Position(msgspec.Struct, frozen=True, gc=False):
    """What is held of one symbol, and what it earned so far, in the symbol's currency."""

    symbol: str
    quantity: Decimal = ZERO
    """Signed: above zero is long."""
    cost: Decimal = ZERO
    """Signed notional of the open quantity at its entry prices."""
    realized: Decimal = ZERO
    """Over all of the symbol's closed quantity, before fees."""
    fees: Decimal = ZERO
    """Over all of the symbol's fills."""
    opened_ns: int = 0
    """When the open quantity was last opened or flipped; 0 when flat."""
    updated_ns: int = 0
    opportunity_id: str = ""
    """Of the entry that opened it."""
    currency: str = ""
    """In which the amounts are; "" is the account's own and those pegged to it."""

    @property
    def average_price(self) -> Decimal:
        """Average entry price of the open quantity; zero when flat."""
        return self.cost / self.quantity if self.quantity else ZERO


class Booked(NamedTuple):
    """How a fill divides: ``closed`` of it reduced what was held, ``opened`` of it added. Unsigned."""

    closed: Decimal
    opened: Decimal
    closing_fee: Decimal
    opening_fee: Decimal


def divide(held: Decimal, fill: Fill) -> Booked:
    """The fill's parts, on ``held`` before it; the fee goes by quantity. Runs in the exact context."""
    quantity, fee = fill.quantity, fill.fee
    if held * fill.side.sign >= 0:
        return Booked(ZERO, quantity, ZERO, fee)
    closed = min(quantity, abs(held))
    if closed == quantity:
        return Booked(quantity, ZERO, fee, ZERO)
    closing_fee = on_step(fee * closed / quantity)
    return Booked(closed, quantity - closed, closing_fee, fee - closing_fee)


def after(before: Position, fill: Fill, opportunity_id: str) -> Position:
    """``before`` with ``fill`` booked. Runs in the exact context."""
    signed = fill.side.sign * fill.quantity
    quantity = before.quantity + signed
    realized, opened_ns, opportunity = before.realized, before.opened_ns, before.opportunity_id
    if before.quantity * signed >= 0:
        cost = before.cost + signed * fill.price
        opens = not before.quantity
    elif abs(signed) < abs(before.quantity):
        released = on_step(before.cost * -signed / before.quantity)
        realized += -signed * fill.price - released
        cost = before.cost - released
        opens = False
    else:  # closed, or flipped: what is left over was opened by this fill
        realized += before.quantity * fill.price - before.cost
        cost = quantity * fill.price
        opens = True
    if opens:
        opened_ns, opportunity = (fill.ns, opportunity_id) if quantity else (0, "")
    return Position(
        symbol=before.symbol,
        quantity=quantity,
        cost=cost,
        realized=realized,
        fees=before.fees + fill.fee,
        opened_ns=opened_ns,
        updated_ns=fill.ns,
        opportunity_id=opportunity,
        currency=before.currency,
    )
