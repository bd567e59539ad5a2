"""A position: what is held of one symbol, as a fold over its fills."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.events import Fill, Side
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


def divide(held: Decimal, fill: Fill) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """How the fill divides, ``held`` before it: (closed, opened, closing fee, opening fee). Unsigned.

    What it closed reduced the position, what it opened added to it; the fee goes by quantity. Runs in the
    exact context.
    """
    quantity, fee = fill.quantity, fill.fee
    if not held or (held > ZERO) is (fill.side is Side.BUY):
        return ZERO, quantity, ZERO, fee
    closed = abs(held)
    if quantity <= closed:
        return quantity, ZERO, fee, ZERO
    closing_fee = on_step(fee * closed / quantity)
    return closed, quantity - closed, closing_fee, fee - closing_fee


def after(before: Position, fill: Fill, opportunity_id: str) -> Position:
    """``before`` with ``fill`` booked. Runs in the exact context."""
    held, price, buys = before.quantity, fill.price, fill.side is Side.BUY
    signed = fill.quantity if buys else -fill.quantity
    quantity = held + signed
    realized, opened_ns, opportunity = before.realized, before.opened_ns, before.opportunity_id
    opens = False
    if not held:
        cost = signed * price
        opens = True
    elif (held > ZERO) is buys:
        cost = before.cost + signed * price
    elif quantity and (quantity > ZERO) is not buys:
        released = on_step(before.cost * -signed / held)
        realized += -signed * price - released
        cost = before.cost - released
    else:  # closed, or flipped: what is left over was opened by this fill
        realized += held * price - before.cost
        cost = quantity * price
        opens = True
    if opens:
        opened_ns, opportunity = (fill.ns, opportunity_id) if quantity else (0, "")
    return Position(
        before.symbol,
        quantity,
        cost,
        realized,
        before.fees + fill.fee,
        opened_ns,
        fill.ns,
        opportunity,
        before.currency,
    )
