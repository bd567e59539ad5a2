"""How prices and sizes of one market are written: all with the decimals of its tick."""

from __future__ import annotations

import math

from widgets import figures

MOST_DECIMALS = 18
WIDEST = 13
"""Cells that a price takes at most."""
_TELLING = 1e4
"""Units of the last decimal from which on a price says enough."""


def decimals_of(tick_size: str, prices: tuple[float, ...] = ()) -> int:
    """How many decimals a price has by the tick; from the size of ``prices`` where that is not known."""
    tick = figures.decimal(tick_size)
    if tick is not None and tick > 0:
        exponent = tick.normalize().as_tuple().exponent
        return min(max(-int(exponent), 0), MOST_DECIMALS)
    known = [abs(price) for price in prices if math.isfinite(price) and price]
    if not known:
        return 2
    return min(max(5 - math.floor(math.log10(max(known))), 2), MOST_DECIMALS)


def decimals_needed(*prices: float | None) -> int:
    """How many decimals ``prices`` of one instrument have, where its tick is not told: as many as is usual at
    that size, or as these need, up to six digits that mean something."""
    known = [price for price in prices if price is not None and math.isfinite(price)]
    size = max((abs(price) for price in known), default=0.0)
    least = 2 if size >= 100 else 4 if size >= 1 else 6
    if not size:
        return least
    digits = -math.floor(math.log10(size))
    if size < 0.001:
        least = min(digits + 3, MOST_DECIMALS)
    most = min(digits + 5, MOST_DECIMALS)
    while least < most and any(round(price, least) != price for price in known):
        least += 1
    return least


def price_text(price: float, decimals: int, widest: int = WIDEST) -> str:
    """``64,218.37``, in at most ``widest`` cells (8 or more are enough for any).

    What would need more loses its commas, then decimals while five digits that mean something are left; else
    it is written with an exponent.
    """
    if not math.isfinite(price):
        return figures.UNKNOWN
    if abs(price) < 1e12:
        for text in (f"{price:z,.{decimals}f}", f"{price:z.{decimals}f}"):
            if len(text) <= widest:
                return text
        fewer = decimals - (len(text) - widest)
        if fewer >= 0 and abs(price) * 10**fewer >= _TELLING:
            return f"{price:z.{fewer}f}"
    return next(
        (text for digits in (5, 4, 3, 2) if len(text := f"{price:.{digits}g}") <= widest), "#" * widest
    )


def size_text(size: float | None) -> str:
    """A quantity in at most seven cells, three digits or more of it."""
    if size is None or not math.isfinite(size):
        return figures.UNKNOWN
    amount = abs(size)
    if amount >= 1e12:
        return f"{size:.1e}"
    if amount >= 10_000:
        return figures.compact(size)
    if amount >= 100:
        return f"{size:z.1f}"
    if amount >= 1 or not amount:
        return f"{size:z.3f}"
    return f"{size:.5f}" if amount >= 0.00001 else f"{size:.0e}"
