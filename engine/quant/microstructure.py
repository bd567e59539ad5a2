"""Microstructure: who is pressing, by the sizes waiting at the touch and the trades taken from it (compiled).

score = (book + flow) / 2 x calm, each part in [-1, 1]; a part without data is left out, not taken as zero.

book = (bid size - ask size) / (bid size + ask size) at the touch; flow = (bought - sold) / volume in the
window, by the taker's side; calm = 1 / (1 + spread / (0.001 mid)). confidence = (0.5 when there is a book
+ 0.5 n / (n + 5) for n trades in the window) x calm. Absent with neither book nor trades. There is no flow
while trades are missing in the window, or one of them does not tell who took.
"""

from __future__ import annotations

import math
from typing import Any

from engine.events import NS, Family
from engine.feature_table import COLUMN
from engine.kernels import part

NAME = "microstructure"
FAMILY = Family.MICROSTRUCTURE
TTL_NS = 3 * NS

HALF_SPREAD = 0.001
"""A spread of this share of the mid (10 basis points) halves score and confidence."""
FLOW_TRADES = 5.0
"""So many trades in the window give the flow half its confidence."""

_FILLED = COLUMN["filled"]
_BID, _ASK = COLUMN["bid"], COLUMN["ask"]
_BID_SIZE, _ASK_SIZE = COLUMN["bid_size"], COLUMN["ask_size"]
_GAPPED = COLUMN["window_gapped"]
_VOLUME, _BOUGHT, _COUNT = COLUMN["window_volume"], COLUMN["window_buy_volume"], COLUMN["window_count"]


@part
def microstructure(row: Any) -> tuple[float, float]:
    """(score, confidence), NaN when absent. ``row``: a feature row's floats."""
    if row[_FILLED] == 1.0:
        return math.nan, math.nan
    bid, ask = row[_BID], row[_ASK]
    total = confidence = 0.0
    parts = 0
    calm = 1.0
    if 0.0 < bid <= ask < 1e300:
        calm = 1.0 / (1.0 + 2.0 * (ask - bid) / ((ask + bid) * HALF_SPREAD))
        bid_size, ask_size = row[_BID_SIZE], row[_ASK_SIZE]
        depth = bid_size + ask_size
        if 0.0 < depth < 1e300 and bid_size >= 0.0 and ask_size >= 0.0:
            total = (bid_size - ask_size) / depth
            confidence = 0.5
            parts = 1
    volume, bought = row[_VOLUME], row[_BOUGHT]
    if 0.0 < volume < 1e300 and bought == bought and row[_GAPPED] != 1.0:
        flow = 2.0 * bought / volume - 1.0
        # A rolling sum may be off by its rounding.
        total += 1.0 if flow > 1.0 else -1.0 if flow < -1.0 else flow
        count = row[_COUNT]
        if count > 0.0:
            confidence += 0.5 * count / (count + FLOW_TRADES)
        parts += 1
    if parts == 0:
        return math.nan, math.nan
    return total / parts * calm, confidence * calm
