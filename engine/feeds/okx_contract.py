"""What a unit of an OKX instrument is: base units of spot, contracts of a swap or future.

Protocol: https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments (``ctVal``, ``ctType``).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.events import Depth


class Contract(NamedTuple):
    """What one contract of a swap or future is."""

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


def kind(native: str) -> str:
    """SPOT (BTC-USDT), SWAP (BTC-USDT-SWAP), FUTURES (BTC-USD-261225); "" for what the desk does not take."""
    parts = native.split("-")
    if not all(parts):
        return ""
    if len(parts) == 2:
        return "SPOT"
    if len(parts) == 3:
        return "SWAP" if parts[2] == "SWAP" else "FUTURES" if parts[2].isdigit() else ""
    return ""
