"""All that is known of one model, as lines: how it does here, how it was validated, what it was made of."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api.model_protocol import EstimateRow, FoldRow, ImportanceRow, LiveRow, ModelDetail, ModelEntry
from widgets import figures
from widgets.cells import Cell, padded
from widgets.columns import FILL, Column
from widgets.lines import Line, section
from widgets.models import (
    KINDS,
    bars_of,
    between,
    gain_cell,
    ic,
    interval,
    is_chance,
    is_few,
    live_style,
    millis,
    scored,
    status_cell,
)
from widgets.symbol_names import short_name
from widgets.text_table import table_lines

SIMULATED = "simulated venue"
"""How the source of a model begins whose bars nobody traded."""
_LABEL = 10
_BAR = 24
_MOST_IMPORTANT = 30
_METRICS = (
    Column("name", "", 10, 0),
    Column("value", "value", 7, 0, right=True),
    Column("interval", "95 % interval", 16, 0),
    Column("says", "", 20, 1, grow=FILL),
)
_FOLDS = (
    Column("number", "#", 2, 0, right=True),
    Column("test", "tested on (UTC)", 25, 2),
    Column("rank_ic", "rank IC", 7, 0, right=True),
    Column("interval", "95 % interval", 16, 1),
    Column("ic", "IC", 7, 4, right=True),
    Column("icir", "ICIR", 7, 2, right=True),
    Column("sharpe", "Sharpe", 7, 3, right=True),
    Column("steps", "steps", 6, 3, right=True),
    Column("rounds", "rounds", 6, 5, right=True),
    Column("train", "trained on", 25, 6),
)


def detail_lines(entry: ModelEntry, detail: ModelDetail | None, width: int, now_ns: int) -> list[Line]:
    """``detail``: None while it is asked for; what the table knows is shown at once."""
    lines: list[Line] = [_headline(entry, now_ns)]
    lines += refusal_lines(entry, detail)
    lines += live_lines(entry.live, here=bool(entry.role))
    lines += _validation(entry, detail, width)
    if detail is None:
        return [*lines, (), (("asking the engine for the rest…", "muted"),)]
    if detail.folds:
        lines += section(f"Folds, {len(detail.folds)}", "each tested on what came after its training")
        lines += _folds(entry, detail, width)
    lines += _origin(detail) + _history(detail.history)
    if detail.importance:
        lines += section("Features", "share of the gain of all splits")
        lines += importance_lines(detail.importance)
    return lines


def _headline(entry: ModelEntry, now_ns: int) -> Line:
    made = f"{figures.age(now_ns - entry.created_ns)} old" if entry.created_ns else "age unknown"
    return (
        (entry.version, "bold"),
        ("  ", "text"),
        status_cell(entry),
        (f"  {KINDS.get(entry.kind, entry.kind)}, {made}, bars {bars_of(entry)} ahead", "text"),
        ("  a rollback goes to this one" if entry.last_good else "", "accent"),
    )


def refusal_lines(entry: ModelEntry, detail: ModelDetail | None) -> list[Line]:
    """Why it may not be activated; nothing when it may."""
    if entry.promotable:
        return []
    return [(("! may run as a shadow only: ", "warn"), (refusal(entry, detail), "text"))]


def refusal(entry: ModelEntry, detail: ModelDetail | None) -> str:
    """In words, why a model that is not promotable is not."""
    if detail is not None and detail.objection:
        return detail.objection
    if entry.metrics is None:
        return "nobody knows how good it is, as it was not validated"
    return "its file does not show that it was validated on what it had not seen"


def live_lines(live: LiveRow | None, *, here: bool) -> list[Line]:
    """How it does on this desk (``here``), or did when it ran, or why that is unknown."""
    label: Cell = (padded("live" if here or live is None else "ran here", _LABEL), "muted")
    if live is None:
        return [(label, ("– it never ran here, or nothing of it is kept", "muted"))]
    if scored(live) is None:
        said = f"– {live.predictions:,} predictions, none scored yet: a horizon has to pass first"
        return [(label, (said, "muted"))]
    return [
        (
            label,
            ("rank IC ", "muted"),
            (ic(live.rank_ic), live_style(live, live.rank_ic)),
            (_interval(live), "muted"),
            ("  IC ", "muted"),
            (ic(live.ic), "text"),
            ("  hit ", "muted"),
            (figures.percent(live.hit_rate, 1), "text"),
            ("  paper after costs ", "muted"),
            gain_cell(live.pnl_pct),
        ),
        (
            (padded("", _LABEL), "muted"),
            (f"{live.steps:,} of {live.predictions:,} predictions scored", "text"),
            (f"  turnover {figures.percent(live.turnover)}", "muted"),
            (f"  {_latency(live)}", "muted"),
        ),
        (
            (padded("", _LABEL), "muted"),
            (_caution(live), "warn" if is_few(live) or is_chance(live) else "muted"),
        ),
    ]


def _interval(live: LiveRow) -> str:
    low, high = live.rank_ic_low, live.rank_ic_high
    return "" if low is None or high is None else f" {between(low, high)}"


def _caution(live: LiveRow) -> str:
    """What the live figures rest on: labels overlap."""
    count = max(live.independent, 1)
    said = f"as labels overlap, worth about {count:.0f} independent step{'' if round(count) == 1 else 's'}"
    if is_chance(live):
        return f"{said}: may be chance"
    return f"{said}: few" if is_few(live) else said


def _latency(live: LiveRow) -> str:
    if live.latency_p50_ms is None:
        return ""
    return f"{millis(live.latency_p50_ms)} ms, at most {millis(live.latency_max_ms)}"


def _validation(entry: ModelEntry, detail: ModelDetail | None, width: int) -> list[Line]:
    known = entry.metrics
    note = ""
    if known is not None:
        note = f"out of sample, {known.steps:,} steps"
    if detail is not None and known is not None:
        note += f", {detail.validation}, gap {detail.purge_gap_bars} + {detail.embargo_bars} bars"
    lines = section("Validated", note)
    if known is None:
        return [*lines, (("– it was registered without figures", "muted"),)]
    rows = [
        _metric("rank IC", known.rank_ic, 3),
        _metric("IC", known.ic, 3),
        _metric("ICIR", known.icir, 3),
        _metric("long-short", known.long_short_sharpe, 3, "Sharpe over one horizon, before costs"),
    ]
    lines += table_lines(_METRICS, rows, width)
    if detail is not None and detail.source.startswith(SIMULATED):
        lines.append((("of the simulated venue, which is made to be predictable", "warn"),))
    return lines


def _metric(name: str, estimate: EstimateRow, decimals: int, says: str = "") -> list[Cell]:
    low, high = (figures.signed(value, decimals) for value in (estimate.low, estimate.high))
    chance = estimate.low <= 0 <= estimate.high
    words = [says] if says else []
    words += ["may be chance: the interval holds 0"] if chance else []
    return [
        (name, "muted"),
        (figures.signed(estimate.value, decimals), "bold"),
        (f"[{low}, {high}]", "text"),
        ("; ".join(words), "warn" if chance else "muted"),
    ]


def _folds(entry: ModelEntry, detail: ModelDetail, width: int) -> list[Line]:
    columns, rows = list(_FOLDS), [_fold(n, row) for n, row in enumerate(detail.folds, 1)]
    if entry.kind == "user":  # trees only have rounds
        at = next(index for index, column in enumerate(columns) if column.key == "rounds")
        columns, rows = [*columns[:at], *columns[at + 1 :]], [[*row[:at], *row[at + 1 :]] for row in rows]
    return table_lines(columns, rows, width)


def _fold(number: int, row: FoldRow) -> list[Cell]:
    known = row.metrics
    return [
        (f"{number}", "muted"),
        (figures.span(row.test_from_ns, row.test_until_ns), "text"),
        (ic(known.rank_ic.value), figures.direction(known.rank_ic.value, 3)),
        (interval(known.rank_ic), "muted"),
        (ic(known.ic.value), "text"),
        (ic(known.icir.value), "text"),
        (ic(known.long_short_sharpe.value), "text"),
        (figures.compact(known.steps), "muted"),
        (figures.compact(row.rounds), "muted"),
        (figures.span(row.train_from_ns, row.train_until_ns), "muted"),
    ]


def importance_lines(rows: Sequence[ImportanceRow]) -> list[Line]:
    """Bars by share, the largest full; the tail in one line."""
    largest = max((row.share for row in rows), default=0.0)
    lines: list[Line] = [
        (
            (padded(row.feature, _LABEL), "text"),
            (figures.percent(row.share, 1).rjust(7) + " ", "text"),
            (figures.bar(row.share, _BAR, largest), "accent"),
        )
        for row in rows[:_MOST_IMPORTANT]
    ]
    rest = rows[_MOST_IMPORTANT:]
    if rest:
        share = figures.percent(sum(row.share for row in rest), 1)
        lines.append(((f"and {len(rest)} more with {share} together", "muted"),))
    return lines


def _history(history: Sequence[str]) -> list[Line]:
    if not history:
        return [*section("History"), (("– nothing is written down", "muted"),)]
    return section("History", "newest first") + [((line, "text"),) for line in history]


def _origin(detail: ModelDetail) -> list[Line]:
    """What it was trained on and with, and where it lies."""
    window = f"{figures.moment(detail.trained_from_ns)} to {figures.moment(detail.trained_until_ns)} UTC"
    sizes = f"{detail.training_bars:,} bars, {detail.training_rows:,} rows"
    names = ", ".join(short_name(symbol) for symbol in detail.symbols)
    settings = ", ".join(
        f"{name} {_setting(value)}" for name, value in detail.parameters.items() if name != "seed"
    )
    facts = (
        ("window", window if detail.trained_from_ns else f"{figures.UNKNOWN} not written down"),
        ("data", f"{sizes}{f', {detail.source}' if detail.source else ''}"),
        ("symbols", f"{len(detail.symbols)}: {names}" if detail.symbols else figures.UNKNOWN),
        ("settings", f"seed {detail.seed}{f', {settings}' if settings else ''}"),
        ("file", detail.path),
        ("sha256", detail.sha256),
    )
    return section("Made of") + [((padded(name, _LABEL), "muted"), (text, "text")) for name, text in facts]


def _setting(value: int | float | str | bool) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
