"""Sums and products of money and quantities, none rounded."""

from __future__ import annotations

from decimal import Context, Decimal

from engine.events import Fill

EXACT = Context(prec=60)
"""Wide enough for sums and products of venue numbers: none is rounded."""
add, subtract, multiply = EXACT.add, EXACT.subtract, EXACT.multiply


def cash_of(fill: Fill) -> Decimal:
    """What the fill makes of the cash in its currency: below zero is paid."""
    return subtract(multiply(multiply(fill.price, fill.quantity), -fill.side.sign), fill.fee)
