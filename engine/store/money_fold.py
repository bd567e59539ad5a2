"""Rows of ``positions``, ``balances`` and ``limits`` as folds of fills, funding and limit changes."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.events import Fill, Funding
from engine.store.exact import EXACT, ZERO


class PositionFold(msgspec.Struct, gc=False):
    """A row of ``positions``, at average cost. ``notional`` is the cash flow, negative for buys."""

    symbol: str
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    realized: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    updated_seq: int = 0
    funding: Decimal = ZERO

    def fill(self, fill: Fill) -> None:
        # Not "-x" or "abs(x)": those round to the thread's own 28 digits.
        change = fill.quantity if fill.side.sign > 0 else fill.quantity.copy_negate()
        held = self.quantity
        after = EXACT.add(held, change)
        if not held or (held > 0) == (change > 0):
            before = EXACT.multiply(self.entry_price, held.copy_abs())
            cost = EXACT.add(before, EXACT.multiply(fill.price, fill.quantity))
            self.entry_price = EXACT.divide(cost, after.copy_abs()) if after else ZERO
        else:
            closed = min(held.copy_abs(), fill.quantity)
            gain = EXACT.multiply(EXACT.subtract(fill.price, self.entry_price), closed)
            self.realized = EXACT.add(self.realized, gain if held > 0 else gain.copy_negate())
            if not after:
                self.entry_price = ZERO
            elif (after > 0) != (held > 0):
                self.entry_price = fill.price
        self.quantity = after
        self.notional = EXACT.subtract(self.notional, EXACT.multiply(change, fill.price))
        self.fees = EXACT.add(self.fees, fill.fee)

    def fund(self, funding: Funding) -> None:
        self.funding = EXACT.add(self.funding, funding.amount)


class BalanceFold(msgspec.Struct, gc=False):
    """A row of ``balances``: what trading added to the cash of a currency."""

    currency: str
    cash: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    updated_seq: int = 0

    def fill(self, fill: Fill) -> None:
        value = EXACT.multiply(fill.price, fill.quantity)
        flow = value.copy_negate() if fill.side.sign > 0 else value
        self.notional = EXACT.add(self.notional, flow)
        self.fees = EXACT.add(self.fees, fill.fee)
        self.cash = EXACT.subtract(EXACT.add(self.cash, flow), fill.fee)

    def fund(self, funding: Funding) -> None:
        self.funding = EXACT.add(self.funding, funding.amount)
        self.cash = EXACT.add(self.cash, funding.amount)


class LimitFold(msgspec.Struct, gc=False):
    """A row of ``limits``: the last change of one; ``value`` "" when it is back to what is above it."""

    scope: str
    name: str
    value: str
    who: str
    ns: int
    updated_seq: int


POSITION_COLUMNS = PositionFold.__struct_fields__
BALANCE_COLUMNS = BalanceFold.__struct_fields__
LIMIT_COLUMNS = LimitFold.__struct_fields__
