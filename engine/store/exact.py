"""Exact arithmetic of the folds, and how their records become rows."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import msgspec

EXACT = Context(prec=60)
"""Sums and products of venue numbers are exact in 60 digits; only an average price is ever rounded."""

ZERO = Decimal(0)

Row = tuple[Any, ...]


def row_of(record: msgspec.Struct) -> Row:
    """Its fields in order; decimals as text."""
    return tuple(
        str(value) if isinstance(value, Decimal) else value for value in msgspec.structs.astuple(record)
    )
