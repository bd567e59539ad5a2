"""Exact arithmetic of the folds, and how their records become rows."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Any

import msgspec

EXACT = Context(prec=60)
"""Sums and products of venue numbers are exact in 60 digits; only an average price is ever rounded."""

ZERO = Decimal(0)
_WIDEST = 100
"""Digits before and behind the point of any number that was ever journaled, and more."""

Row = tuple[Any, ...]


def row_of(record: msgspec.Struct) -> Row:
    """Its fields in order; decimals as text."""
    return tuple(
        str(value) if isinstance(value, Decimal) else value for value in msgspec.structs.astuple(record)
    )


def sane(number: Decimal) -> bool:
    """Whether it can be added and multiplied; what only a damaged file holds cannot."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_WIDEST and number.adjusted() <= _WIDEST


def read(text: object) -> Decimal | None:
    """The number that a table says; None for what is none."""
    try:
        number = Decimal(text) if isinstance(text, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and sane(number) else None
