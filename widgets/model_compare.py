"""Two models side by side: the shadow beside the active one, and old against new before a switch."""

from __future__ import annotations

from engine.api.model_protocol import Comparison, DriftRow, EstimateRow, LiveRow, ModelEntry, ModelsDetail
from widgets import figures
from widgets.cells import Cell, fit
from widgets.columns import FILL, Column
from widgets.lines import Line, section
from widgets.models import bars_of, gain_cell, ic, interval, is_few, live_style, millis, scored, steps_cell
from widgets.text_table import table_lines

SHIFTED = 0.1
"""Population stability index from which a feature is told to be on its way."""
_FULL = 0.5
"""Index of a full bar."""
_ALIKE: Cell = ("alike", "muted")
_EARLY: Cell = ("? chance", "muted")
_SHIFTED: Cell = ("~ shifted", "warn")
_DRIFTED: Cell = ("! drifted", "bad")
_LABEL, _SIDE = 17, 17
HIT = "hit rate"
"""The line that a dialog without room for all is without."""
_DRIFT = (
    Column("feature", "feature", 12, 0, grow=4),
    Column("psi", "PSI", 6, 0, right=True),
    Column("says", "", 10, 0),
    Column("importance", "gain", 6, 1, right=True),
    Column("missing", "missing", 7, 1, right=True),
    Column("bar", "", 10, 2, grow=FILL),
)


def _pair(label: str, left: Cell, right: Cell) -> Line:
    return (
        (fit(label, _LABEL), "muted"),
        (" " + fit(left[0], _SIDE, right=True), left[1]),
        (" " + fit(right[0], _SIDE, right=True), right[1]),
    )


def _plain(text: str) -> Cell:
    return (text, "muted" if text == figures.UNKNOWN else "text")


def _live_pairs(left: LiveRow | None, right: LiveRow | None) -> list[Line]:
    """Live figures of both; unknown where a side never ran here, or is not scored yet."""
    sides = scored(left), scored(right)
    return [
        _pair("live rank IC", *map(_live_ic, sides)),
        _pair(HIT, *map(_hit, sides)),
        _pair("paper after costs", *(gain_cell(live.pnl_pct if live else None) for live in sides)),
        _pair("steps≈independent", *map(_steps, (left, right))),
    ]


def _live_ic(live: LiveRow | None) -> Cell:
    value = None if live is None else live.rank_ic
    return (ic(value), live_style(live, value))


def _hit(live: LiveRow | None) -> Cell:
    return (
        figures.percent(None if live is None else live.hit_rate, 1),
        "muted" if live is None or is_few(live) else "text",
    )


def _steps(live: LiveRow | None) -> Cell:
    known = scored(live)
    if known is not None and is_few(known):
        return (f"{steps_cell(known)}, few", "warn")
    return (steps_cell(live), "text" if known is not None else "muted")


def _agreement(comparison: Comparison) -> list[Line]:
    alike = figures.number(comparison.rank_correlation)
    return [
        (
            ("rank correlation ", "muted"),
            (alike, "bold"),
            ("  weights in common ", "muted"),
            (figures.percent(comparison.weight_overlap), "bold"),
        ),
        (
            ("a switch would trade ", "muted"),
            (figures.percent(comparison.turnover_to_switch), "bold"),
            (" of one side's weights", "muted"),
        ),
    ]


def comparison_lines(detail: ModelsDetail, how: str) -> list[Line]:
    """The shadow against the active model, or ``how`` to have one: where a person reads this, by key or by
    command."""
    comparison = detail.comparison
    shadow = next((row for row in detail.models if row.role == "shadow"), None)
    if comparison is None:
        lines = section("Shadow")
        if shadow is not None:
            active = next((row for row in detail.models if row.role == "active"), None)
            return [*lines, *_alone(shadow, active)]
        return [*lines, ((f"none runs: {how} runs it beside the active one, without trading", "muted"),)]
    batches = f"{comparison.batches:,} batches" if comparison.batches != 1 else "batch"
    lines = section("Shadow against active", f"the same {batches}")
    if comparison.batches == 0:
        said = "no prediction of both yet"
        return [*lines, ((f"{said}{_first(shadow)}", "muted"),)]
    left, right = comparison.active_live, comparison.shadow_live
    lines.append(_pair("", (f"● {comparison.active}", "good"), (f"◐ {comparison.shadow}", "accent")))
    lines += _live_pairs(left, right)
    turnover = (_plain(figures.percent(side.turnover)) for side in (left, right))
    lines.append(_pair("turnover", *turnover))
    latency = (_plain(millis(side.latency_p50_ms)) for side in (left, right))
    lines.append(_pair("milliseconds", *latency))
    return lines + _agreement(comparison)


def _first(shadow: ModelEntry | None) -> str:
    """When it speaks, at the earliest."""
    if shadow is None or not shadow.next_ns:
        return ""
    return f": the next one is at {figures.clock(shadow.next_ns)} UTC, when enough bars are known"


def _alone(shadow: ModelEntry, active: ModelEntry | None) -> list[Line]:
    """Why a shadow is not compared, and how it does by itself."""
    said = f"{shadow.version} runs beside the desk; nothing to compare it with yet"
    if active is not None and shadow.bar_interval_s != active.bar_interval_s:
        said = f"{shadow.version} is not compared: {bars_of(shadow)} bars, the active one's {bars_of(active)}"
    lines: list[Line] = [((said, "muted"),)]
    live = scored(shadow.live)
    if live is None:
        return [*lines, ((f"its own figures: none scored yet{_first(shadow)}", "muted"),)]
    own: Line = (("by its own bars: live rank IC ", "muted"), _live_ic(live), ("  hit ", "muted"), _hit(live))
    return [*lines, (*own, ("  steps ", "muted"), _steps(live))]


def switch_lines(
    old: ModelEntry | None,
    new: ModelEntry,
    comparison: Comparison | None,
    windows: tuple[str, str] = ("", ""),
) -> list[Line]:
    """Old against new, as asked before a switch; at most eleven lines, 55 wide.

    ``windows``: what each was trained on, in a few characters; "" unknown.
    """
    known = comparison
    if known is not None and (old is None or (known.active, known.shadow) != (old.version, new.version)):
        known = None
    sides = (old, new)
    names = ("● " + old.version if old is not None else "no model", "→ " + new.version)
    lines = [_pair("", (names[0], "bold"), (names[1], "bold"))]
    lines.append(
        _pair("bars × horizon", *(_plain(bars_of(row) if row else figures.UNKNOWN) for row in sides))
    )
    lines.append(_pair("trained on", *(_plain(window or figures.UNKNOWN) for window in windows)))
    lines.append(_pair("validated rank IC", *(_plain(_validated(row, "rank_ic")) for row in sides)))
    lines.append(_pair("  95 % interval", *(_plain(_interval(row)) for row in sides)))
    left = known.active_live if known else old.live if old else None
    right = known.shadow_live if known else new.live
    lines += _live_pairs(left, right)
    other = old is not None and bars_of(old) != bars_of(new)
    if other:
        lines.append((("not comparable: other bars, or another horizon", "warn"),))
    if known is not None and known.batches:
        return [*lines, *_agreement(known)[int(other) :]]
    if old is not None and not other:
        lines.append((("not compared: it does not run as the shadow now", "warn"),))
    return lines


def _estimate(row: ModelEntry | None, name: str) -> EstimateRow | None:
    return None if row is None or row.metrics is None else getattr(row.metrics, name)


def _validated(row: ModelEntry | None, name: str) -> str:
    estimate = _estimate(row, name)
    return ic(estimate.value if estimate is not None else None)


def _interval(row: ModelEntry | None) -> str:
    estimate = _estimate(row, "rank_ic")
    return figures.UNKNOWN if estimate is None else interval(estimate)


def drift_lines(detail: ModelsDetail, width: int) -> list[Line]:
    """How today's features differ from those it was trained on, most drifted first."""
    if not detail.drift:
        lines = section("Drift of features")
        if not any(row.role == "active" for row in detail.models):
            return [*lines, (("– no model is active", "muted"),)]
        why = detail.drift_missing or f"{detail.drift_rows:,} live rows are too few"
        return [*lines, ((f"– not known of the active model: {why}", "muted"),)]
    limit = detail.drift_psi
    verdicts = [_verdict(row, limit) for row in detail.drift]
    drifted, shifted, early = (verdicts.count(one) for one in (_DRIFTED, _SHIFTED, _EARLY))
    lines = section("Drift of features", f"active model, {detail.drift_rows:,} live rows against training")
    counts: Line = (
        (f"{drifted} drifted", "bad" if drifted else "text"),
        (f" (PSI from {limit:g})  ", "muted"),
        (f"{shifted} shifted", "warn" if shifted else "text"),
        (f" (from {SHIFTED:g})  ", "muted"),
        (f"{verdicts.count(_ALIKE)} alike", "text"),
    )
    lines.append(counts)
    if early:
        lines.append(((f"{early} may be chance: {detail.drift_rows:,} rows are too few to tell", "text"),))
    return [*lines, *table_lines(_DRIFT, [_drift(row, limit) for row in detail.drift], width)]


def _verdict(row: DriftRow, limit: float) -> Cell:
    """What its index says: nothing yet where chance would make as much of so few rows."""
    if row.psi < min(limit, SHIFTED):
        return _ALIKE
    if row.psi <= row.noise:
        return _EARLY
    return _DRIFTED if row.psi >= limit else _SHIFTED


def _drift(row: DriftRow, limit: float) -> list[Cell]:
    word, style = _verdict(row, limit)
    return [
        (row.feature, "text"),
        (figures.number(row.psi, 3), style),
        (word, style),
        (figures.percent(row.importance, 1), "muted"),
        (figures.percent(row.missing, 1), "muted"),
        (figures.bar(row.psi, 10, _FULL), style),
    ]
