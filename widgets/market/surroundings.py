"""What a market is shown with: which symbol is wanted, what we hold of it and have working in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from engine.api.protocol import OrderRow, PositionRow, TickRow
from engine.text import clean
from widgets import figures
from widgets.orders import FINAL, TRIGGER

MOST_ORDERS = 50
"""Marked at once; the rest is in the table of the orders."""


class Mark(NamedTuple):
    """A price of ours."""

    price: float
    letter: str
    """E entry, S stop, T target, t trailing stop, b order to buy, s order to sell."""
    words: str


class Surroundings(NamedTuple):
    symbol: str = ""
    """Asked for; "": none is selected."""
    stale: str = ""
    """Why its market is not fresh; "" when it is."""
    orders: tuple[Mark, ...] = ()
    """At work, each at the price where it waits."""
    position: tuple[Mark, ...] = ()
    """Entry, stop, trailing stop, target of what we hold."""
    held: str = ""
    """Signed, decimal text; "" for nothing."""


NOWHERE = Surroundings()


def surroundings(
    symbol: str, tick: TickRow | None, position: PositionRow | None, orders: Iterable[OrderRow]
) -> Surroundings:
    """Of ``symbol``; ``orders`` of all symbols and states."""
    stale = ""
    if tick is not None and tick.stale:
        stale = tick.stale_reason or "no fresh data"
    mine = [row for row in orders if row.symbol == symbol and row.state not in FINAL][:MOST_ORDERS]
    at_work = tuple(mark for row in mine for mark in _order_marks(row))
    if position is None:
        return Surroundings(symbol, stale, at_work)
    levels = (
        (position.entry_price, "E", "entry"),
        (position.stop_price, "S", "stop"),
        (position.trailing_price, "t", "trailing stop"),
        (position.target_price, "T", "target"),
    )
    held = tuple(
        Mark(price, letter, words)
        for text, letter, words in levels
        if (price := price_of(text)) is not None and text != "0"
    )
    return Surroundings(symbol, stale, at_work, held, position.quantity)


def price_of(text: str) -> float | None:
    """A finite price in decimal text; None for "" and what is none."""
    value = figures.decimal(text)
    number = float(value) if value is not None else math.nan
    return number if math.isfinite(number) else None


def _order_marks(row: OrderRow) -> Iterable[Mark]:
    """Where it triggers, until it has; then its limit."""
    waits = row.state not in ("triggered", "partially_filled")
    trigger = price_of(row.stop_price) if waits else None
    price = trigger if trigger is not None else price_of(row.price)
    if price is None:
        return
    left = figures.decimal(row.leaves) or figures.decimal(row.quantity) or Decimal(0)
    mark = TRIGGER if trigger is not None else ""
    held = " held" if row.state == "held" else ""
    words = f"{mark}{clean(row.side, 8)} {figures.shortened(figures.amount(str(left)), 9)}{held}"
    yield Mark(price, "b" if row.side == "buy" else "s", words)
