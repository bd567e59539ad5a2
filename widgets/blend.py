"""A blended score taken apart, as lines: what each input says, how much it counts, and why."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import BlendInput
from widgets import figures
from widgets.cells import padded
from widgets.lines import Line

ARITHMETIC = "score × weight × freshness = contribution; freshness falls with age"
_BAR = 10
_SOURCE = 16


def input_lines(inputs: Sequence[BlendInput]) -> list[Line]:
    """The inputs by the size of what they contribute."""
    largest = max((abs(part.contribution) for part in inputs), default=0.0) or 1.0
    lines: list[Line] = []
    for part in sorted(inputs, key=lambda part: (-abs(part.contribution), part.source)):
        style = figures.direction(part.contribution, 3)
        family = part.family.value
        lines.append(
            (
                (padded(part.source, _SOURCE), "bold"),
                (figures.signed(part.score).rjust(6), figures.direction(part.score)),
                (" × ", "muted"),
                (f"{part.weight:4.0%}", "text"),
                (" = ", "muted"),
                (figures.signed(part.contribution, 3).rjust(6), style),
                (" " + figures.bar(part.contribution, _BAR, largest) + " ", style),
                (figures.age(part.age_ns).rjust(4), "muted"),
                (f" conf {part.confidence:.0%}".ljust(11), "muted"),
                ("" if family == part.source else f"{family.replace('_', ' ')}  ", "heading"),
                (part.reason, "muted"),
            )
        )
    return lines


def score_line(score: float, confidence: float, agreement: float) -> Line:
    """Aligned with the contributions that add up to it."""
    return (
        (padded("blended score", _SOURCE), "bold"),
        (" " * 16, "text"),
        (figures.signed(score, 3).rjust(6), figures.direction(score, 3)),
        (f"   confidence {confidence:.0%}, agreement {agreement:.0%}", "muted"),
    )


def absent_line(absent: Sequence[str]) -> Line:
    names = ", ".join(family.replace("_", " ") for family in absent)
    return (("absent: ", "warn"), (names, "text"), (" (their weight went to the others)", "muted"))
