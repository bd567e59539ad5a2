"""Strategies and models: what forms opinions, whether it may, and whether it can."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical

from engine.api.protocol import ModelRow, StrategyRow
from widgets import figures
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.rows import GridRow


class StrategiesGrid(Grid):
    COLUMNS = (
        Column("enabled", "on", 3, 0),
        Column("name", "strategy", 15, 0, grow=6),
        Column("weight", "wt", 4, 2, right=True),
        Column("signals", "signals", 7, 2, right=True),
        Column("last", "last", 4, 3, right=True),
        Column("note", "family", 8, 1, grow=FILL),
    )
    EMPTY = "no strategies"

    def show(self, rows: Iterable[StrategyRow], now_ns: int) -> int:
        return self.set_rows([strategy_cells(row, now_ns) for row in rows])


class ModelsGrid(Grid, can_focus=False):
    COLUMNS = (
        Column("version", "model", 9, 0, grow=6),
        Column("status", "status", 8, 2),
        Column("age", "age", 4, 3, right=True),
        Column("metric", "metric", 12, 1, grow=FILL),
    )
    EMPTY = "no model loaded"

    def show(self, rows: Iterable[ModelRow], now_ns: int) -> int:
        return self.set_rows([model_cells(row, now_ns) for row in rows])


class StrategiesPane(Vertical):
    """Both, one above the other; the cursor lives in the strategies."""

    DEFAULT_CSS = """
    StrategiesPane {
        & StrategiesGrid { height: 1fr; }
        & ModelsGrid { height: auto; max-height: 5; min-height: 2; border-top: solid $rule; }
        &.-brief ModelsGrid { min-height: 1; max-height: 2; border-top: none; background: $panel; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.strategies = StrategiesGrid(id="strategies-grid")
        self.models = ModelsGrid(id="models-grid")

    def make_brief(self, brief: bool) -> None:
        """Models without title and line above, where rows are scarce."""
        self.set_class(brief, "-brief")
        self.models.header = not brief
        self.models.refresh(layout=True)

    def compose(self) -> ComposeResult:
        yield self.strategies
        yield self.models


def strategy_cells(row: StrategyRow, now_ns: int) -> GridRow:
    ink = "text" if row.enabled else "muted"
    note = (f"! {row.error}", "bad") if row.error else (row.family.replace("_", " "), "muted")
    last = figures.age(now_ns - row.last_ns) if row.last_ns else figures.UNKNOWN
    return GridRow(
        row.name,
        (
            ("[x]", "good") if row.enabled else ("[ ]", "muted"),
            (row.name, "bold" if row.enabled else "muted"),
            (figures.number(row.weight, 2), ink),
            (figures.compact(row.signals), ink),
            (last, "muted"),
            note,
        ),
        (row.enabled, row.name, row.weight, row.signals, row.last_ns, note[0]),
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
