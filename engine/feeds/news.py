"""What a tape of ticks holds beside ticks, since a desk that plays it must see it at the same place: gaps,
books that became wrong or right, frames that could not be read, and grids that a venue changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from engine.events import BookStatus, Gap, GridChange, Malformed
from engine.feeds.timestamps import MAX_NS
from engine.instruments import Terms
from engine.text import clean

News = Gap | BookStatus | Malformed | GridChange
Placed = tuple[int, News]
"""How many ticks of a block come before it."""


def believed(news: Iterable[Placed]) -> list[Placed]:
    """As read from a file: texts are cleaned, and what cannot be so is left out."""
    return [
        (at, _cleaned(event))
        for at, event in news
        if at >= 0 and 0 <= event.recv_ns <= MAX_NS and (not isinstance(event, GridChange) or is_sound(event))
    ]


def is_sound(told: Terms) -> bool:
    """Whether a file, or a venue, tells of an instrument what can be."""
    return (
        clean(told.symbol, 80) == told.symbol
        and all(step.is_finite() and step > 0 for step in (told.tick_size, told.lot_size))
        and all(least.is_finite() and least >= 0 for least in (told.min_notional, told.max_quantity))
    )


def _cleaned(event: News) -> News:
    if isinstance(event, GridChange):
        return replace(event, quote_currency=clean(event.quote_currency, 20))
    if isinstance(event, Malformed):
        texts = {"venue": clean(event.venue, 40), "excerpt": clean(event.excerpt, 120)}
        return replace(event, **texts, error=clean(event.error, 120))
    return replace(event, symbol=clean(event.symbol, 80), reason=clean(event.reason, 200))
