"""Numbers as they are told to clients."""

from __future__ import annotations

import math


def age_ms(age_ns: int) -> float:
    """Coarser the older, so that an ageing row is not sent anew for every millisecond."""
    milliseconds = max(0, age_ns) / 1e6
    step = 50.0 if milliseconds < 1_000 else 500.0 if milliseconds < 10_000 else 5_000.0
    return math.floor(milliseconds / step) * step


def number(value: float) -> float | None:
    """JSON has no NaN: unknown is null."""
    return value if math.isfinite(value) else None


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
