"""Lengths of time as they are given on the command line."""

from __future__ import annotations

import argparse

from engine.plain_number import plain_number
from engine.text import clean


def duration(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``10m``, ``2h`` or ``1d``."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
    unit = text[-1:] if text[-1:] in units else ""
    try:
        value = plain_number(text.removesuffix(unit)) * units.get(unit, 1.0)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no time: write 90s, 10m, 2h or 1d")
    return value
