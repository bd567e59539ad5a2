"""Numbers of a report, with as many digits as it takes to see the small ones."""

from __future__ import annotations

import math
from collections.abc import Iterable

_LEAST = 1e-9
"""What is smaller is written as nothing."""
_UNITS = ((1.0, "%", 1.0), (0.01, "basis points (0.01 %)", 100.0), (0.0, "millionths (0.0001 %)", 10_000.0))


def figure(value: float | None, digits: int = 2) -> str:
    """``digits`` behind the point; two significant ones of what that would round away. A dash for what cannot
    be told, no sign before nothing."""
    if value is None:
        return "-"
    size = abs(value)
    if size < _LEAST:
        return f"{0.0:.{digits}f}"
    if size < 10.0 ** (1 - digits):
        digits = 1 - math.floor(math.log10(size))
    return f"{value:,.{digits}f}"


def unit(percents: Iterable[float | None]) -> tuple[str, float]:
    """(name, how many of it one percent has) in which the largest of a table is not rounded away."""
    largest = max((abs(one) for one in percents if one is not None and math.isfinite(one)), default=0.0)
    if largest < _LEAST:
        return "%", 1.0
    return next((name, times) for least, name, times in _UNITS if largest >= least)
