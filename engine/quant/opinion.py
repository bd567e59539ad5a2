"""What a context module thinks of an underlying."""

from __future__ import annotations

from typing import NamedTuple


class Opinion(NamedTuple):
    score: float
    """-1 (sell) to +1 (buy)."""
    confidence: float
    """0 to 1."""
    reason: str
    """One line of plain text: the numbers it rests on."""
