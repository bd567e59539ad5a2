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
KINDS = {"lightgbm": "LightGBM"}
SHADOW_ONLY = "shadow only"
LAST_GOOD = "last good"
WAITS = "to reload"
"""Active in the registry, and not taken up here yet."""
FEW = 10.0
"""Fewer independent steps say little, however good they look."""
_BANNER = 136
"""Cells of a banner: two lines where they are narrow."""


class VersionsGrid(Grid):
    COLUMNS = (
        Column("version", "version", 12, 0),
        Column("status", "status", 12, 0),
        Column("kind", "kind", 8, 6),
        Column("age", "age", 4, 1, right=True, exported="time", heading="created"),
        Column("bars", "bars", 6, 5, right=True),
        Column("rank_ic", "rank IC", 7, 0, right=True),
        Column("interval", "95 % interval", 16, 4),
        Column("icir", "ICIR", 7, 4, right=True),
        Column("sharpe", "Sharpe", 7, 5, right=True),
        Column("live", "live IC", 7, 0, right=True),
        Column("steps", "scored", 8, 2, right=True),
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
    return between(estimate.low, estimate.high)


def between(low: float, high: float) -> str:
    """A 95 % interval, as the command line writes it."""
    return f"[{ic(low)}, {ic(high)}]"


def is_few(live: LiveRow) -> bool:
    """Its figures rest on too few independent steps to be believed."""
    return live.independent < FEW


def is_chance(live: LiveRow) -> bool:
    """Its rank IC may as well be zero."""
    low, high = live.rank_ic_low, live.rank_ic_high
    return low is None or high is None or low <= 0.0 <= high


def steps_cell(live: LiveRow | None) -> str:
    """``31≈8``: steps, and about how many of the newest that do not overlap would say as much."""
    if live is None or not live.steps:
        return figures.UNKNOWN if live is None else "0"
    return f"{figures.compact(live.steps)}≈{max(live.independent, 1):.0f}"


def live_style(live: LiveRow | None, value: float | None) -> str:
    """Of a live figure with a sign: dim where it says little."""
    if live is None or value is None or is_few(live):
        return "muted"
    return figures.direction(value, 3)


def status_cell(row: ModelEntry) -> Cell:
    """What it does here; a mark beside the colour."""
    if row.role in ROLES:
        return ROLES[row.role]
    if row.status == "active":
        return ("! waiting", "warn")
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
    notes += [WAITS] if row.status == "active" and not row.role else []
    notes += [LAST_GOOD] if row.last_good else []
    live = scored(row.live)
    notes += ["few"] if live is not None and is_few(live) else []
    return (", ".join(notes), "warn" if not row.promotable or WAITS in notes else "muted")


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
            (ic(known.icir.value if known else None), "text" if known else "muted"),
            (ic(known.long_short_sharpe.value if known else None), "text" if known else "muted"),
            (ic(live_ic), live_style(live, live_ic) if here else "muted"),
            (steps_cell(running), "muted"),
            (figures.percent(hit), "text" if live and here and not is_few(live) else "muted"),
            gain_cell(pnl) if here else (gain_cell(pnl)[0], "muted"),
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
        if live is not None:
            cells += [(f" {ic(live.rank_ic)}", live_style(live, live.rank_ic)), *_rests_on(live)]
    lines: list[Line] = [tuple(cells)]
    if detail.error:
        kept = "reload failed, the old model was kept: " if active is not None else "not loaded: "
        lines.append(_banner(f"! {kept}{detail.error}", "bad"))
    if detail.trouble:
        lines.append(_banner(f"! {detail.trouble}", "bad"))
    if detail.rollback:
        lines.append(_banner(f"! by the desk: {detail.rollback}", "warn"))
    return lines


def _live_cells(row: ModelEntry, now_ns: int) -> list[Cell]:
    began_ns = row.running_ns or row.activated_ns
    since = figures.age(now_ns - began_ns) if began_ns else ""
    cells: list[Cell] = [(f" for {since}" if since else "", "muted")]
    live = scored(row.live)
    if live is None:
        return [*cells, (", not scored yet", "muted")]
    value: Cell = (ic(live.rank_ic), live_style(live, live.rank_ic))
    return [*cells, (", live IC ", "muted"), value, *_rests_on(live)]


def _rests_on(live: LiveRow) -> list[Cell]:
    few = ", few" if is_few(live) else ""
    return [(f" (n {steps_cell(live)}{few})", "warn" if few else "muted")]


def _banner(text: str, style: str) -> Line:
    return ((text if len(text) <= _BANNER else f"{text[: _BANNER - 1]}…", style),)
