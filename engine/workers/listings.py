"""Instruments as they travel on the bus."""

from __future__ import annotations

from decimal import Decimal

from engine.bus.messages import Listed
from engine.instruments import Instrument


def listed_as(one: Instrument, price: float) -> Listed:
    """``price``: from which its grid is assumed where the venue told none."""
    grid = (one.tick_size, one.lot_size, one.min_notional, one.max_quantity)
    told = () if one.assumed else (*map(str, grid), one.quote_currency)
    return Listed(one.index, one.symbol, price, *told)


def grid_of(listed: Listed) -> tuple[Decimal, Decimal, Decimal, Decimal, str]:
    """Tick, lot, least notional, most quantity and quote currency, where they were told."""
    return (
        Decimal(listed.tick_size),
        Decimal(listed.lot_size),
        Decimal(listed.min_notional or "0"),
        Decimal(listed.max_quantity or "0"),
        listed.currency,
    )
