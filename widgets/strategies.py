"""Strategies, models, automations: what forms opinions, and what acts on them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from textual.app import ComposeResult
from textual.containers import Vertical

from engine.api.protocol import ModelRow, StrategyRow
from widgets import figures
from widgets.automations import AutomationsGrid
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import FixedLines, Line
from widgets.rows import GridRow

TABS = ("Strategies", "Models", "Automations")
USER = "*"
"""Behind the name of a strategy of the user's own."""


class StrategiesGrid(Grid):
    COLUMNS = (
        Column("enabled", "on", 3, 0),
        Column("name", "strategy", 15, 0, grow=6),
        Column("weight", "wt", 4, 2, right=True),
        Column("budget", "budget", 6, 4, right=True),
        Column("signals", "signals", 7, 2, right=True),
        Column("last", "last", 4, 3, right=True),
        Column("note", "family", 8, 1, grow=FILL),
    )
    EMPTY = "no strategies"

    def show(self, rows: Iterable[StrategyRow], now_ns: int) -> int:
        return self.set_rows([strategy_cells(row, now_ns) for row in rows])


class ModelsGrid(Grid):
    COLUMNS = (
        Column("version", "model", 9, 0, grow=6),
        Column("status", "status", 8, 2),
        Column("age", "age", 4, 3, right=True),
        Column("metric", "metric", 12, 1, grow=FILL),
    )
    EMPTY = "no model loaded"

    def show(self, rows: Iterable[ModelRow], now_ns: int) -> int:
        return self.set_rows([model_cells(row, now_ns) for row in rows])


class TabLine(FixedLines):
    """Which of the tabs is open and how many rows each holds, where no border has room to say it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._active = 0
        self._counts: tuple[int, ...] = (0,) * len(TABS)

    def show(self, active: int, counts: tuple[int, ...]) -> int:
        self._active, self._counts = active, counts
        return self.update_lines()

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        cells: list[Cell] = []
        for number, (name, count) in enumerate(zip(TABS, self._counts, strict=True)):
            here = number == self._active
            cells.append((f"{'▸' if here else ' '}{name.lower()} {count} ", "bold" if here else "muted"))
        cells.append((" [ ] switch", "stale"))
        return (tuple(cells),)


class StrategiesPane(Vertical):
    """Three tables in turn; below the strategies, the models are in sight too."""

    DEFAULT_CSS = """
    StrategiesPane {
        & TabLine { display: none; }
        & StrategiesGrid, & AutomationsGrid, &.-tab-1 ModelsGrid { height: 1fr; }
        & ModelsGrid { height: auto; max-height: 5; min-height: 2; border-top: solid $rule; }
        &.-brief.-tab-0 ModelsGrid { min-height: 1; max-height: 2; border-top: none; background: $panel; }
        &.-tab-1 ModelsGrid { max-height: 100%; border-top: none; }
        &.-tabbed TabLine { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="-tab-0")
        self.tab = 0
        self.tabs = TabLine()
        self.strategies = StrategiesGrid(id="strategies-grid")
        self.models = ModelsGrid(id="models-grid")
        self.models.can_focus = False
        self.automations = AutomationsGrid(id="automations-grid")
        self.automations.display = False
        self.grids: tuple[Grid, ...] = (self.strategies, self.models, self.automations)

    @property
    def grid(self) -> Grid:
        """The table of the open tab."""
        return self.grids[self.tab]

    @property
    def title(self) -> str:
        """All tabs, the open one marked."""
        return " ".join(f"{'▸' if number == self.tab else ''}{name}" for number, name in enumerate(TABS))

    def go_to(self, tab: int) -> None:
        self.set_class(False, f"-tab-{self.tab}")
        self.tab = tab
        self.set_class(True, f"-tab-{tab}")
        self.strategies.display = tab == 0
        self.models.display = tab < 2
        self.automations.display = tab == 2
        self.models.can_focus = tab == 1
        self._head_models()

    def make_brief(self, brief: bool) -> None:
        """Models without title and line above, where rows are scarce."""
        self.set_class(brief, "-brief")
        self._head_models()

    def make_tabbed(self, tabbed: bool) -> None:
        """The tabs in a line of their own, where no border shows them."""
        self.set_class(tabbed, "-tabbed")

    def _head_models(self) -> None:
        self.models.header = self.tab == 1 or not self.has_class("-brief")
        self.models.refresh(layout=True)

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield from self.grids


def strategy_cells(row: StrategyRow, now_ns: int) -> GridRow:
    ink = "text" if row.enabled else "muted"
    own = PurePath(row.origin).name if row.origin else ""
    note = (f"! {row.error}", "bad") if row.error else (own or row.family.replace("_", " "), "muted")
    name = f"{row.name} {USER}" if own else row.name
    last = figures.age(now_ns - row.last_ns) if row.last_ns else figures.UNKNOWN
    return GridRow(
        row.name,
        (
            ("[x]", "good") if row.enabled else ("[ ]", "muted"),
            (name, "bold" if row.enabled else "muted"),
            (figures.number(row.weight, 2), ink),
            (f"{row.budget_pct:g} %" if row.budget_pct else figures.UNKNOWN, ink),
            (figures.compact(row.signals), ink),
            (last, "muted"),
            note,
        ),
        (row.enabled, row.name, row.weight, row.budget_pct, row.signals, row.last_ns, note[0]),
    )


def model_cells(row: ModelRow, now_ns: int) -> GridRow:
    bad = bool(row.error)
    age = figures.age(now_ns - row.created_ns) if row.created_ns else figures.UNKNOWN
    return GridRow(
        row.strategy,
        (
            (row.version or "none", "bold" if row.version else "muted"),
            (row.status, "warn" if bad else "good"),
            (age, "muted"),
            (f"! {row.error}", "bad") if bad else (row.metric, "text"),
        ),
    )
