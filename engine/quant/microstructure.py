"""Microstructure: who is pressing, by the sizes waiting at the touch and the trades taken from it."""

from __future__ import annotations

from engine.events import NS, Family, FeatureRow, Signal

HALF_SPREAD = 0.001
"""A spread of this share of the mid (10 basis points) halves score and confidence."""
FLOW_TRADES = 5.0
"""So many trades in the window give the flow half its confidence."""
TTL_NS = 3 * NS


class Microstructure:
    """score = (book + flow) / 2 x calm, each part in [-1, 1]; a part without data is left out, not taken as
    zero.

    book = (bid size - ask size) / (bid size + ask size) at the touch; flow = (bought - sold) / volume in the
    window, by the taker's side; calm = 1 / (1 + spread / (0.001 mid)). confidence = (0.5 when there is a book
    + 0.5 n / (n + 5) for n trades in the window) x calm. Absent with neither book nor trades.
    """

    name = "microstructure"

    def on_bar(self, row: FeatureRow) -> Signal | None:
        if row.filled == 1.0:
            return None
        bid = row.bid
        ask = row.ask
        total = confidence = 0.0
        parts = 0
        calm = 1.0
        if 0.0 < bid <= ask < 1e300:
            calm = 1.0 / (1.0 + 2.0 * (ask - bid) / ((ask + bid) * HALF_SPREAD))
            bid_size = row.bid_size
            ask_size = row.ask_size
            depth = bid_size + ask_size
            if 0.0 < depth < 1e300 and bid_size >= 0.0 and ask_size >= 0.0:
                total = (bid_size - ask_size) / depth
                confidence = 0.5
                parts = 1
        volume = row.window_volume
        bought = row.window_buy_volume
        if 0.0 < volume < 1e300 and bought == bought:
            flow = 2.0 * bought / volume - 1.0
            # A rolling sum may be off by its rounding.
            total += 1.0 if flow > 1.0 else -1.0 if flow < -1.0 else flow
            count = row.window_count
            if count > 0.0:
                confidence += 0.5 * count / (count + FLOW_TRADES)
            parts += 1
        if parts == 0:
            return None
        score = total / parts * calm
        return Signal(
            row.symbol, "microstructure", Family.MICROSTRUCTURE, score, confidence * calm, row.ns, TTL_NS, ""
        )
