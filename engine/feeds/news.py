"""What a tape of ticks holds beside ticks, since a desk that plays it must see it at the same place: gaps,
books that became wrong or right, and frames that could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from engine.events import BookStatus, Gap, Malformed
from engine.feeds.timestamps import MAX_NS
from engine.text import clean

News = Gap | BookStatus | Malformed
Placed = tuple[int, News]
"""How many ticks of a block come before it."""


def believed(news: Iterable[Placed]) -> list[Placed]:
    """As read from a file: texts are cleaned, and what cannot be so is left out."""
    return [(at, _cleaned(event)) for at, event in news if at >= 0 and 0 <= event.recv_ns <= MAX_NS]


def _cleaned(event: News) -> News:
    if isinstance(event, Malformed):
        texts = {"venue": clean(event.venue, 40), "excerpt": clean(event.excerpt, 120)}
        return replace(event, **texts, error=clean(event.error, 120))
    return replace(event, symbol=clean(event.symbol, 80), reason=clean(event.reason, 200))
