"""Which of the desk's indicators are drawn over the candles, or below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

STUDIES = ("none", "averages", "Bollinger", "RSI")
"""What the indicator key walks through."""
_PREFIXES = {"averages": ("EMA", "SMA", "VWAP"), "Bollinger": ("BB",), "RSI": ("RSI",)}
MOST_CURVES = 3
_INKS = (("accent", 0, "⠒⠒"), ("heading", 4, "⠒ "), ("good", 2, "⠂ "))
"""Style, length of the dashes, and how the legend shows it: told apart without colour too."""


class Curve(NamedTuple):
    place: int
    """Among the indicators of a bar."""
    name: str
    style: str
    dash: int
    sample: str


def curves_of(study: str, names: Sequence[str]) -> list[Curve]:
    """What ``study`` shows of the indicators ``names``."""
    prefixes = _PREFIXES.get(study, ())
    chosen = [place for place, name in enumerate(names) if prefixes and name.startswith(prefixes)]
    return [Curve(place, names[place], *ink) for place, ink in zip(chosen[:MOST_CURVES], _INKS, strict=False)]


def next_study(study: str, names: Sequence[str]) -> str:
    """The next one that there is something of."""
    here = STUDIES.index(study)
    for step in range(1, len(STUDIES)):
        following = STUDIES[(here + step) % len(STUDIES)]
        if following == "none" or curves_of(following, names):
            return following
    return study
