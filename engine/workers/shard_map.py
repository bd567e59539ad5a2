"""Which shard has which instrument, and what of a round each shard must know of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.bus.keys import shard_of
from engine.bus.messages import Listed, Placed, ShardTicks
from engine.events import BookStatus, Gap, OtherEvent

Parts = Mapping[int, tuple[bytes, bytes]]
"""By shard: places, ticks."""
Marks = tuple[tuple[int, int], ...]


class ShardMap:
    """``previous``: by shard, the last round on the bus with an entry for it."""

    def __init__(self, shards: int, previous: Mapping[int, int]) -> None:
        self.index: dict[str, int] = {}
        """Of each instrument; dense, in order of arrival."""
        self._shards = shards
        self._of: list[int] = []
        self._populated: set[int] = set()
        self.previous = dict(previous)

    def add(self, symbol: str) -> int:
        """Its shard. The symbol's index is the next one."""
        shard = shard_of(symbol, self._shards)
        self.index[symbol] = len(self._of)
        self._of.append(shard)
        self._populated.add(shard)
        return shard

    def entries(
        self,
        parts: Parts,
        marks: Marks,
        listed: Sequence[Listed],
        news: Mapping[int, Sequence[Placed]],
        *,
        sent_ns: int,
        warming: bool,
        end: bool,
    ) -> dict[int, ShardTicks]:
        """Of the shards that the round concerns: where bars close, or all ends, of all that have symbols."""
        named: dict[int, list[Listed]] = {}
        for one in listed:
            named.setdefault(self._of[one.index], []).append(one)
        concerned = parts.keys() | named.keys() | news.keys()
        if marks or end:
            concerned = concerned | self._populated
        found = {}
        for shard in concerned:
            places, ticks = parts.get(shard, (b"", b""))
            found[shard] = ShardTicks(
                self.previous.get(shard, 0), places, ticks, sent_ns, marks,
                tuple(named.get(shard, ())), tuple(news.get(shard, ())), warming, end,
            )  # fmt: skip
        return found

    def news(self, told: Sequence[tuple[int, int, OtherEvent]]) -> dict[int, list[Placed]]:
        """What shards must know of (place, clock there, event), by shard. A gap carries the clock, which
        theirs may be behind of."""
        found: dict[int, list[Placed]] = {}
        for place, clock, event in told:
            if isinstance(event, Gap):
                index = self.index.get(event.symbol)
                event = msgspec.structs.replace(event, recv_ns=max(event.recv_ns, clock))
            elif isinstance(event, BookStatus) and event.quotes and not event.live:
                index = self.index.get(event.symbol)
            else:
                continue
            if index is not None:
                found.setdefault(self._of[index], []).append(Placed(place, event))
        return found
