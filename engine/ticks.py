"""The packed tick: how trades and quotes enter the compiled stages.

A block of ticks is one structured array; a row is 64 bytes. ``pack`` writes a row into a buffer several times
faster than assigning to a structured array does.
"""

from __future__ import annotations

import struct

import numpy as np

TRADE = 0
QUOTE = 1

BACKFILLED = 1
"""Bit of ``flags``: fetched after a cut; counted, not fed to windows, bars or stops."""

TICK = np.dtype(
    [
        ("recv_ns", "<i8"),
        ("event_ns", "<i8"),
        ("trade_id", "<i8"),  # -1: none
        ("symbol", "<i4"),  # the instrument's index
        ("kind", "u1"),  # TRADE or QUOTE
        ("reject", "u1"),  # 0, or the code that market/screen.py gave it
        ("aggressor", "i1"),  # trades: +1 the taker bought, -1 sold, 0 unknown
        ("flags", "u1"),
        ("a", "<f8"),  # trade: price   quote: bid
        ("b", "<f8"),  # trade: size    quote: ask
        ("c", "<f8"),  # quote: bid size
        ("d", "<f8"),  # quote: ask size
    ]
)

pack_tick = struct.Struct("<qqqiBBbBdddd").pack_into
"""pack_tick(buffer, offset, recv_ns, event_ns, trade_id, symbol, kind, 0, aggressor, flags, a, b, c, d)"""

assert TICK.itemsize == 64
