"""The blend's weights: percent by family, what each one really counts now, and the sum."""

from __future__ import annotations

from collections.abc import Mapping

from engine.events import Family
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Line
from widgets.rows import GridRow

LETTERS = {
    Family.TECHNICAL: "T",
    Family.SPEED: "S",
    Family.MICROSTRUCTURE: "M",
    Family.OPEN_INTEREST: "I",
    Family.OPTIONS: "O",
    Family.SENTIMENT: "N",
    Family.VOLATILITY: "V",
}
"""Of the families in the bar: it is read without colours."""
_BAR = 16


class WeightsGrid(Grid):
    COLUMNS = (
        Column("letter", "", 1, 0),
        Column("family", "family", 14, 0, grow=4),
        Column("changed", "", 1, 0),
        Column("percent", "percent", 8, 0, right=True),
        Column("share", "live now", 8, 0, right=True),
        Column("bar", "", _BAR, 1),
        Column("default", "default", 7, 2, right=True),
        Column("rest", "", 1, 3, grow=FILL),
    )
    EMPTY = "asking the engine…"

    def show(
        self,
        weights: Mapping[Family, float],
        shares: Mapping[Family, float],
        defaults: Mapping[Family, float],
    ) -> int:
        """``weights`` in percent as configured; ``shares`` 0 to 1, of those that are live."""
        largest = max(weights.values(), default=0.0)
        return self.set_rows(
            [
                _row(family, weight, shares.get(family), defaults[family], largest)
                for family, weight in weights.items()
            ]
        )


def _row(family: Family, weight: float, share: float | None, default: float, largest: float) -> GridRow:
    changed = weight != default
    return GridRow(
        family.value,
        (
            (LETTERS[family], "key"),
            (family.value.replace("_", " "), "bold"),
            ("·" if changed else "", "accent"),
            (f"{weight:g} %", "accent" if changed else "text"),
            ("absent" if share is None else f"{share:.0%}", "stale" if share is None else "text"),
            (figures.bar(weight, _BAR, largest), "accent"),
            (f"{default:g} %", "muted"),
            ("", "text"),
        ),
    )


def sum_lines(weights: Mapping[Family, float], width: int) -> list[Line]:
    """The sum, and below it a bar of the families' letters, each as long as its part."""
    total = sum(weights.values())
    facts: list[Cell] = [("sum ", "muted"), (f"{total:g} %", "bold")]
    if total != 100 and total > 0:
        facts.append(("  what counts is each one's part of the sum", "muted"))
    return [tuple(facts), tuple(_bar(weights, total, width))]


def _bar(weights: Mapping[Family, float], total: float, width: int) -> list[Cell]:
    cells: list[Cell] = []
    drawn, until = 0, 0.0
    for number, (family, weight) in enumerate(weights.items()):
        until += weight
        end = round(until / total * width) if total > 0 else 0
        # Neighbours in two inks, so that the letters are easy to tell apart; the letters say it alone.
        cells.append((LETTERS[family] * (end - drawn), "accent" if number % 2 else "heading"))
        drawn = end
    return cells
