"""One prediction taken apart: what each feature was, and which way it moved the model."""

from __future__ import annotations

import math

from engine.api.model_protocol import ContributionRow, Contributions
from widgets import figures
from widgets.cells import Cell, padded
from widgets.columns import FILL, Column
from widgets.lines import Line, section
from widgets.text_table import table_lines

_HALF = 12
"""Cells of the bar on each side of zero."""
_ROWS = (
    Column("feature", "feature", 12, 0, grow=6),
    Column("value", "value", 11, 0, right=True),
    Column("contribution", "moves by", 13, 0, right=True),
    Column("bar", "down        0         up", 2 * _HALF + 1, 1),
    Column("share", "of all", 6, 2, right=True, grow=2),
    Column("", "", 1, 3, grow=FILL),
)


def decimals_for(largest: float) -> int:
    """So many that the largest shows four digits that count, and all stand below each other; 0 to 9."""
    return 3 if largest <= 0 else min(max(3 - math.floor(math.log10(largest)), 0), 9)


def contribution_lines(parts: Contributions, width: int) -> list[Line]:
    """The prediction, then its features by the size of what they did; ``base`` plus all is the prediction."""
    moved = [row for row in parts.rows if row.contribution]
    still = len(parts.rows) - len(moved)
    whole = sum(abs(row.contribution) for row in moved)
    largest = max((abs(row.contribution) for row in moved), default=0.0)
    decimals = decimals_for(largest)
    lines: list[Line] = [
        (
            (parts.symbol, "bold"),
            ("  score ", "muted"),
            (figures.signed(parts.score, 4), figures.direction(parts.score, 4)),
            ("  rank ", "muted"),
            (f"{parts.rank} of {parts.of}", "bold"),
        ),
        (
            ("model ", "muted"),
            (parts.version, "text"),
            ("  on the bar closed ", "muted"),
            (f"{figures.moment(parts.ns)[:10]} {figures.clock(parts.ns)} UTC" if parts.ns else "–", "text"),
        ),
        (
            ("base ", "muted"),
            (figures.signed(parts.base, decimals), "text"),
            ("  all features ", "muted"),
            (figures.signed(sum(row.contribution for row in moved), decimals), "text"),
            ("  → prediction " if parts.note else "  = prediction ", "muted"),
            (figures.signed(parts.prediction, decimals), "bold"),
        ),
    ]
    said = f"score: the predictions of the {parts.of} symbols of its batch, made mean 0 and deviation 0.02"
    lines.append(((said, "muted"),))
    if parts.note:
        lines.append(((parts.note, "warn"),))
    lines += section("Features", "largest first; they add up, from the base, to the prediction")
    if not moved:
        return [*lines, (("no feature moved it: the model said its base", "muted"),)]
    lines += table_lines(_ROWS, [_row(row, decimals, largest, whole) for row in moved], width)
    if still:
        lines.append(((f"{still} other feature{'' if still == 1 else 's'} moved it by nothing", "muted"),))
    return lines


def _row(row: ContributionRow, decimals: int, largest: float, whole: float) -> list[Cell]:
    style = figures.direction(row.contribution, decimals)
    return [
        (row.feature, "text"),
        ("missing", "muted") if row.value is None else (_value(row.value), "text"),
        (figures.arrow(row.contribution) + figures.signed(row.contribution, decimals), style),
        (_bar(row.contribution, largest), style),
        (figures.percent(abs(row.contribution) / whole if whole else None), "muted"),
        ("", "text"),
    ]


def _bar(value: float, largest: float) -> str:
    """From the middle to the right above zero, to the left below."""
    filled = figures.bar(value, _HALF, largest).rstrip()
    if value < 0:
        return padded(" " * (_HALF - len(filled)) + filled.replace("╸", "╺")[::-1] + "│", 2 * _HALF + 1)
    return " " * _HALF + "│" + filled


def _value(value: float) -> str:
    """With its points below each other as far as sizes allow."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"
