"""Exact sums and products of money, and how an amount is divided without losing any of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
EXACT = Context(prec=100)
"""Wide enough for every sum and product here: none is rounded. Its methods cost a tenth of entering it."""
add, subtract, multiply = EXACT.add, EXACT.subtract, EXACT.multiply
STEP = Decimal("1e-18")
"""The grid of what a division rounds."""


def on_step(amount: Decimal) -> Decimal:
    """``amount``, a quotient, on the fixed grid. Runs in the exact context."""
    return amount.quantize(STEP, ROUND_HALF_EVEN)


def split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """``amount`` in proportion to ``weights`` (none below zero, not all zero), adding up to it exactly.

    Each part is of what is left, in proportion to the weights left, on a grid of 1e-18 or finer; so the last
    takes what rounding left. No part exceeds its weight where the amount does not exceed their sum. Runs in
    the exact context.
    """
    if len(weights) == 1:
        return [amount]
    step = min(STEP, *(_finest(number) for number in (amount, *weights)))
    parts = []
    left, total = amount, sum(weights, ZERO)
    for weight in weights:
        part = left if weight == total else (left * weight / total).quantize(step, ROUND_HALF_EVEN)
        parts.append(part)
        left -= part
        total -= weight
    return parts


def _finest(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "finite"
    return Decimal(1).scaleb(exponent)
