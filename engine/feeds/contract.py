"""What one contract of a swap or future is, where a venue counts in contracts."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.events import Depth


class Contract(NamedTuple):
    value: float
    """Base units of a linear one; quote units of an inverse one."""
    inverse: bool

    def base_units(self, contracts: float, price: float) -> float:
        return contracts * self.value / price if self.inverse else contracts * self.value

    def depth(self, event: Depth) -> Depth:
        """The same in base units."""
        bids, asks = (
            tuple((price, self.base_units(size, price)) for price, size in side)
            for side in (event.bids, event.asks)
        )
        return msgspec.structs.replace(event, bids=bids, asks=asks)
