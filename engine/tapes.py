"""What is told of a tape without reading it all."""

from __future__ import annotations

import msgspec


class TapeSpan(msgspec.Struct, frozen=True):
    """One file."""

    file: str
    kind: str
    """capture (frames), ticks (the desk's own) or lines (normalised); "" for what is no tape."""
    venue: str
    """Of a capture its venue, else those of its symbols, where its head tells them."""
    from_ns: int
    """Receipt of the first; 0: it is not told."""
    to_ns: int
    """Of the last."""
    bytes: int
    error: str = ""
    """Why it cannot be played, one line."""
