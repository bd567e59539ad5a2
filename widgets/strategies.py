"""Strategies, models, automations: what forms opinions, and what acts on them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import PurePath

from textual.app import ComposeResult

from engine.api.protocol import ModelRow, StrategyRow
from widgets import figures
from widgets.automations import AutomationsGrid
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.models import FEW
from widgets.rows import GridRow
from widgets.tabbed import TabbedPane

TABS = ("Strategies", "Models", "Automations")
_SHORT = {"technical": "tech", "microstructure": "micro", "volatility": "vol", "open_interest": "OI"}
"""Of families: the rest of the row matters more."""
USER = "*"
"""Behind the name of a strategy of the user's own."""


class StrategiesGrid(Grid):
    COLUMNS = (
        Column("enabled", "on", 3, 0),
        Column("name", "strategy", 15, 0, grow=6),
        Column("weight", "wt", 4, 2, right=True),
        Column("budget", "budget", 6, 5, right=True),
        Column("signals", "signals", 7, 2, right=True),
        Column("last", "last", 4, 4, right=True, exported="time"),
        Column("net", "P&L", 8, 2, right=True, grow=2),
        Column("realized", "realised", 9, 6, right=True, grow=2),
        Column("unrealized", "unreal.", 9, 7, right=True, grow=2),
        Column("fees", "fees", 7, 8, right=True, grow=2),
        Column("note", "family", 6, 1, grow=FILL),
    )
    EMPTY = "no strategies"

    def show(self, rows: Iterable[StrategyRow], now_ns: int) -> int:
        return self.set_rows([strategy_cells(row, now_ns) for row in rows])


class ModelsGrid(Grid):
    COLUMNS = (
        Column("version", "model", 12, 0),
        Column("status", "status", 7, 3),
        Column("age", "age", 4, 4, right=True, exported="time", heading="created"),
        Column("live", "live IC", 7, 1, right=True),
        Column("shadow", "shadow", 8, 2, grow=6),
        Column("metric", "metric", 12, 0, grow=FILL),
    )
    EMPTY = "no model loaded"

    def show(self, rows: Iterable[ModelRow], now_ns: int) -> int:
        return self.set_rows([model_cells(row, now_ns) for row in rows])


class ModelsBelow(ModelsGrid, can_focus=False):
    """Those in sight below the strategies: another one than the tab's, which would have to be styled anew."""

    def sort_as(self, whole: ModelsGrid) -> None:
        """In the order of the tab's."""
        wanted = whole.sort_column, whole.sort_reverse
        if wanted != (self.sort_column, self.sort_reverse):
            self.sort_by(*wanted)


class StrategiesPane(TabbedPane):
    """Three tables in turn; below the strategies, the models are in sight too."""

    DEFAULT_CSS = """
    StrategiesPane {
        & ModelsBelow { height: auto; max-height: 5; min-height: 2; border-top: solid $rule; }
        &.-brief ModelsBelow { min-height: 1; max-height: 2; border-top: none; background: $panel; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        self.strategies = StrategiesGrid(id="strategies-grid")
        self.models = ModelsGrid(id="models-grid")
        self.automations = AutomationsGrid(id="automations-grid")
        self.below = ModelsBelow(id="models-below")
        super().__init__(TABS, (self.strategies, self.models, self.automations), id=id)

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self.below

    def _show_open(self) -> None:
        super()._show_open()
        self.below.display = self.tab == 0

    def make_brief(self, brief: bool) -> None:
        """Models without title and line above, where rows are scarce."""
        if brief != self.has_class("-brief"):
            self.set_class(brief, "-brief")
            self.below.header = not brief
            self.below.refresh(layout=True)


def net_of(row: StrategyRow) -> Decimal | None:
    """Realised and unrealised less fees; None while one of them is not known."""
    realized, unrealized = figures.decimal(row.realized), figures.decimal(row.unrealized)
    fees = figures.decimal(row.fees)
    return None if realized is None or unrealized is None or fees is None else realized + unrealized - fees


def gain_cell(gain: Decimal | None) -> Cell:
    """``▲+12.40``; from a thousand on without cents, so that it fits."""
    if gain is None:
        return (figures.UNKNOWN, "muted")
    decimals = 2 if abs(gain) < 1000 else 0
    shown = round(float(gain), decimals)
    return (f"{figures.arrow(shown)}{figures.signed(shown, decimals)}", figures.direction(shown, decimals))


def weight_text(weight: float) -> str:
    """In four characters, from next to nothing to 100."""
    if 0.0 < weight < 0.005:
        return "<.01"
    return figures.number(weight) if weight < 9.995 else f"{weight:.3g}"


def strategy_cells(row: StrategyRow, now_ns: int) -> GridRow:
    ink = "text" if row.enabled else "muted"
    own = PurePath(row.origin).name if row.origin else ""
    note = (f"! {row.error}", "bad") if row.error else (own or _SHORT.get(row.family, row.family), "muted")
    name = f"{row.name} {USER}" if own else row.name
    last = figures.age(now_ns - row.last_ns) if row.last_ns else figures.UNKNOWN
    net = net_of(row)
    return GridRow(
        row.name,
        (
            ("[x]", "good") if row.enabled else ("[ ]", "muted"),
            (name, "bold" if row.enabled else "muted"),
            (weight_text(row.weight), ink),
            (f"{row.budget_pct:g} %" if row.budget_pct else figures.UNKNOWN, ink),
            (figures.compact(row.signals), ink),
            (last, "muted"),
            gain_cell(net),
            gain_cell(figures.decimal(row.realized)),
            gain_cell(figures.decimal(row.unrealized)),
            (figures.money(row.fees), "muted"),
            note,
        ),
        (
            row.enabled,
            row.name,
            row.weight,
            row.budget_pct,
            row.signals,
            row.last_ns,
            net,
            figures.decimal(row.realized),
            figures.decimal(row.unrealized),
            figures.decimal(row.fees),
            note[0],
        ),
    )


def model_cells(row: ModelRow, now_ns: int) -> GridRow:
    bad = bool(row.error or row.trouble)
    age = figures.age(now_ns - row.created_ns) if row.created_ns else figures.UNKNOWN
    return GridRow(
        row.strategy,
        (
            (row.version or "none", "bold" if row.version else "muted"),
            (row.status, "good" if row.status == "active" and not bad else "warn"),
            (age, "muted"),
            live_ic_cell(row),
            (f"◐{row.shadow}" if row.shadow else "", "accent"),
            _model_note(row),
        ),
        (
            row.version,
            row.status,
            row.created_ns or None,
            row.live_rank_ic,
            row.shadow,
            _model_note(row)[0],
        ),
    )


def live_ic_cell(row: ModelRow) -> Cell:
    """``+0.032``, of the newest scored steps; unknown before the first, dim where they say little."""
    rank_ic = row.live_rank_ic
    told = rank_ic is not None and row.live_independent >= FEW
    return (figures.signed(rank_ic, 3), figures.direction(rank_ic, 3) if told else "muted")


def _model_note(row: ModelRow) -> Cell:
    """What a person must know of it, else how it was validated."""
    if row.error:
        return (f"! reload failed: {row.error}", "bad")
    if row.trouble:
        return (f"! trouble: {row.trouble}", "bad")
    if row.rollback:
        return (f"! rolled back: {row.rollback}", "warn")
    return (f"! {row.drifted} drifted, {row.metric}", "warn") if row.drifted else (row.metric, "text")
