"""Texts with named fields: ``{symbol} {side} {score}``.

Names alone: no attributes, indices, conversions or format specifications. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

DESK_FIELDS = ("name", "time", "equity", "day_pnl", "risk_state")
"""Fields that every run knows."""
SIGNAL_FIELDS = ("symbol", "side", "score", "confidence", "reason", "source", "price")
"""Fields that a run knows which a signal started."""

_formatter = Formatter()


def fields(text: str) -> list[str]:
    """The fields of ``text``, in order. Raises ValueError, one line, when it is no such text."""
    found = []
    for _, name, spec, conversion in _formatter.parse(text):
        if name is None:
            continue
        if not name:
            raise ValueError("{} names no field: write {{ and }} for braces")
        if spec or conversion or not name.isidentifier():
            raise ValueError(f"{{{name[:40]}}} must be a field's name and nothing else")
        found.append(name)
    return found


def render(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its fields filled in. Raises KeyError for a field that ``values`` lacks."""
    return "".join(
        literal + ("" if name is None else values[name]) for literal, name, _, _ in _formatter.parse(text)
    )
