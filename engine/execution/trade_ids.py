"""The trade ids of an order's fills, in their order: a tuple while few, beyond that a ``TradeIds``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

FEW = 8
"""So many are looked through as fast as they are looked up, and take less room."""


class TradeIds(Collection[str]):
    """Ids that never change. ``after`` gives others in constant time: what both have is kept once, so that an
    order may be copied at any time."""

    __slots__ = ("_count", "_places")

    def __init__(self, places: dict[str, int], count: int) -> None:
        """``places``: by id, its number; the first ``count`` are in it."""
        self._places = places
        self._count = count

    def after(self, trade_id: str) -> TradeIds:
        """These, and one that is not among them."""
        places, count = self._places, self._count
        if len(places) == count:
            places[trade_id] = count
        elif places.get(trade_id) != count:  # a copy went on with another
            places = {known: place for place, known in enumerate((*self, trade_id))}
        return TradeIds(places, count + 1)

    def __contains__(self, trade_id: object) -> bool:
        return self._places.get(trade_id, self._count) < self._count  # type: ignore[call-overload,no-any-return]

    def __iter__(self) -> Iterator[str]:
        return islice(self._places, self._count)

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TradeIds) and len(self) == len(other) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


def with_one_more(ids: tuple[str, ...] | TradeIds, trade_id: str) -> tuple[str, ...] | TradeIds:
    """``ids`` and one that is not among them."""
    if not isinstance(ids, tuple):
        return ids.after(trade_id)
    if len(ids) < FEW:
        return (*ids, trade_id)
    return TradeIds({known: place for place, known in enumerate(ids)}, len(ids)).after(trade_id)
