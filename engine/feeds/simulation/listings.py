"""What the simulated venue lists: an anchor price and a price and size grid for every name."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal

import msgspec

from engine.instruments import assumed_grid

_ANCHORS = {
    "BTC": 60_000.0,
    "ETH": 3_000.0,
    "SOL": 150.0,
    "XRP": 0.6,
    "ADA": 0.45,
    "LTC": 80.0,
    "DOT": 7.0,
    "AVAX": 35.0,
}
_TICK_SHARE = 0.5e-4
"""The tick is the 1-2-5 step at or below this share of the anchor: spreads of 1-3 ticks are about 1 bp."""


class Listing(msgspec.Struct, frozen=True):
    """One name. Inside the simulation prices are whole ticks and sizes whole lots."""

    name: str
    anchor: float
    """The price that the fair value is pulled back to, quote currency."""
    tick_size: Decimal
    lot_size: Decimal

    @property
    def anchor_ticks(self) -> float:
        return self.anchor / float(self.tick_size)

    @property
    def lots_per_currency_unit(self) -> float:
        """Lots that one unit of quote currency buys at the anchor price."""
        return 1.0 / (self.anchor * float(self.lot_size))


def listing(name: str) -> Listing:
    """The listing of a native name (``BTC-USD``); unknown bases get an anchor between 0.1 and 1000."""
    base = name.replace("/", "-").partition("-")[0].upper()
    anchor = _ANCHORS.get(base) or _derived_anchor(base)
    _, lot = assumed_grid(anchor)
    return Listing(name=name, anchor=anchor, tick_size=_tick(anchor), lot_size=lot)


def _derived_anchor(base: str) -> float:
    share = int.from_bytes(hashlib.sha256(base.encode()).digest()[:4], "big") / 2**32
    return float(f"{10 ** (4 * share - 1):.2g}")


def _tick(anchor: float) -> Decimal:
    target = anchor * _TICK_SHARE
    exponent = math.floor(math.log10(target))
    step = max(s for s in (1, 2, 5) if s == 1 or s * 10.0**exponent <= target)
    return Decimal(step).scaleb(exponent)
