"""The registered models as a table, and above it what runs, what failed, and what the desk did by itself."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api.model_protocol import EstimateRow, LiveRow, ModelEntry, ModelsDetail
from engine.events import NS
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Line
from widgets.rows import GridRow

ROLES: dict[str, Cell] = {"active": ("● active", "good"), "shadow": ("◐ shadow", "accent")}
KINDS = {"lightgbm": "LightGBM", "user": "own"}
SHADOW_ONLY = "shadow only"
LAST_GOOD = "last good"


class VersionsGrid(Grid):
    COLUMNS = (
        Column("version", "version", 12, 0),
        Column("status", "status", 12, 0),
        Column("kind", "kind", 8, 6),
        Column("age", "age", 4, 1, right=True),
        Column("bars", "bars", 6, 5, right=True),
        Column("rank_ic", "rank IC", 7, 0, right=True),
        Column("interval", "95 % interval", 16, 4),
        Column("icir", "ICIR", 6, 4, right=True),
        Column("sharpe", "Sharpe", 6, 5, right=True),
        Column("live", "live IC", 7, 0, right=True),
        Column("steps", "scored", 6, 2, right=True),
        Column("hit", "hit", 5, 3, right=True),
        Column("pnl", "paper", 8, 0, right=True),
        Column("turnover", "turn", 5, 6, right=True),
        Column("latency", "ms", 6, 7, right=True),
        Column("note", "", 11, 1, grow=FILL),
    )
    EMPTY = "no model is registered yet: t trains one, here and now"

    def show(self, rows: Sequence[ModelEntry], now_ns: int) -> int:
        return self.set_rows([version_cells(row, now_ns) for row in rows])


def ic(value: float | None) -> str:
    """A correlation, always with its sign."""
    return figures.signed(value, 3)


def interval(estimate: EstimateRow) -> str:
    return f"{ic(estimate.low)} … {ic(estimate.high)}"


def status_cell(row: ModelEntry) -> Cell:
    """What it does here; a mark beside the colour."""
    if row.role in ROLES:
        return ROLES[row.role]
    if row.status == "active":
        return ("! not loaded", "warn")
    return (f"○ {row.status}", "muted")


def millis(ms: float | None) -> str:
    """Of a batch: hundredths below ten."""
    return figures.number(ms, 2 if ms is not None and ms < 10 else 0)


def bars_of(row: ModelEntry) -> str:
    """``1m×5``: the bars it reads, and how many of them ahead it predicts."""
    return f"{figures.age(row.bar_interval_s * NS)}×{row.horizon_bars}"


def scored(live: LiveRow | None) -> LiveRow | None:
    """Live figures that rest on something; None before the first step is scored."""
    return live if live is not None and live.steps > 0 else None


def gain_cell(percent: float | None) -> Cell:
    return (figures.change(percent), figures.direction(percent) if percent is not None else "muted")


def note_cell(row: ModelEntry) -> Cell:
    notes = [SHADOW_ONLY] if not row.promotable else []
    notes += [LAST_GOOD] if row.last_good else []
    return (", ".join(notes), "muted" if row.promotable else "warn")


def version_cells(row: ModelEntry, now_ns: int) -> GridRow:
    known, live = row.metrics, scored(row.live)
    here = row.role in ROLES
    age = now_ns - row.created_ns if row.created_ns else None
    pnl = live.pnl_pct if live else None
    live_ic, hit = (live.rank_ic, live.hit_rate) if live else (None, None)
    running = row.live
    return GridRow(
        row.version,
        (
            (row.version, "bold" if here else "text"),
            status_cell(row),
            (KINDS.get(row.kind, row.kind), "muted"),
            (figures.age(age), "muted"),
            (bars_of(row), "muted"),
            (ic(known.rank_ic.value if known else None), "text" if known else "muted"),
            (interval(known.rank_ic) if known else figures.UNKNOWN, "muted"),
            (figures.signed(known.icir.value if known else None), "text" if known else "muted"),
            (figures.signed(known.long_short_sharpe.value if known else None), "text" if known else "muted"),
            (ic(live_ic), figures.direction(live_ic) if live_ic is not None else "muted"),
            (figures.compact(running.steps) if running else figures.UNKNOWN, "muted"),
            (figures.percent(hit), "text" if hit is not None else "muted"),
            gain_cell(pnl),
            (figures.percent(running.turnover if running else None), "muted"),
            (millis(running.latency_p50_ms if running else None), "muted"),
            note_cell(row),
        ),
        (
            row.version,
            (row.role != "active", row.role != "shadow", row.status),
            row.kind,
            row.created_ns,
            row.bar_interval_s * row.horizon_bars,
            known.rank_ic.value if known else None,
            known.rank_ic.low if known else None,
            known.icir.value if known else None,
            known.long_short_sharpe.value if known else None,
            live_ic,
            running.steps if running else None,
            hit,
            pnl,
            running.turnover if running else None,
            running.latency_p50_ms if running else None,
            note_cell(row)[0],
        ),
    )


def head_lines(detail: ModelsDetail, now_ns: int) -> list[Line]:
    """What is active and beside it, then what a person must know: a failed load, a rollback by the desk."""
    by_role = {row.role: row for row in detail.models if row.role}
    active, shadow = by_role.get("active"), by_role.get("shadow")
    cells: list[Cell] = []
    if active is None:
        cells.append(("○ no model is active: ", "warn"))
        said = "a activates the selected version" if detail.models else "t trains the first one"
        cells.append((said, "text"))
    else:
        cells += [("● active ", "good"), (active.version, "bold"), *_live_cells(active, now_ns)]
    if shadow is not None:
        cells += [(" ◐ shadow ", "accent"), (shadow.version, "bold")]
        live = scored(shadow.live)
        cells.append((f" {ic(live.rank_ic)}" if live else "", "text"))
    lines: list[Line] = [tuple(cells)]
    if detail.error:
        lines.append((("! reload failed, the old model was kept: ", "bad"), (detail.error, "bad")))
    if detail.trouble:
        lines.append((("! ", "bad"), (detail.trouble, "bad")))
    if detail.rollback:
        lines.append((("! by the desk itself: ", "warn"), (detail.rollback, "warn")))
    return lines


def _live_cells(row: ModelEntry, now_ns: int) -> list[Cell]:
    since = figures.age(now_ns - row.activated_ns) if row.activated_ns else ""
    cells: list[Cell] = [(f" for {since}" if since else "", "muted")]
    live = scored(row.live)
    if live is None:
        return [*cells, (", not scored yet", "muted")]
    return [*cells, (", live IC ", "muted"), (ic(live.rank_ic), figures.direction(live.rank_ic))]
