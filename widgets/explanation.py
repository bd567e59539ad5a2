"""Explain: the whole chain behind an opportunity or an order, as lines to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from engine.api.protocol import Explanation, Step
from engine.events import Blend, Check, Fill, OrderChange, OrderRequest, OrderType, Verdict
from widgets import figures
from widgets.blend import ARITHMETIC, absent_line, input_lines, score_line
from widgets.cells import Cell, padded
from widgets.features import feature_lines
from widgets.lines import Line, section
from widgets.opportunities import SIDES, status_cell


def explanation_lines(explanation: Explanation, taken_apart: str = "e: what moved it") -> list[Line]:
    """From the decision back to what it rests on, then forward to what became of it. ``taken_apart``: how the
    reader gets its prediction taken apart."""
    lines: list[Line] = [((explanation.headline, "bold"),)]
    if explanation.opportunity is not None:
        row = explanation.opportunity
        day = figures.day_of(row.created_ns)
        lines += section("Opportunity", f"{figures.date(row.created_ns)}, UTC")
        lines.append(
            (
                SIDES.get(row.side, (row.side, "text")),
                (f" {row.symbol}  ", "bold"),
                ("score ", "muted"),
                (figures.signed(row.score), figures.direction(row.score)),
                ("  confidence ", "muted"),
                (f"{row.confidence:.0%}  ", "text"),
                status_cell(row.status),
            )
        )
        lines.append(
            (
                ("seen ", "muted"),
                (figures.clock_ms(row.created_ns), "text"),
                ("  expires ", "muted"),
                (figures.clock_ms(row.expires_ns, day), "text"),
                (f"  {row.merged} later blends merged" if row.merged else "", "muted"),
                ("  id ", "muted"),
                (row.id, "muted"),
            )
        )
        lines.append(((row.reason, "text"),))
    if explanation.blend is not None:
        lines += _blend(explanation.blend, explanation)
    if explanation.filters:
        lines += section("Filters", "what an opportunity has to pass")
        lines += _checks(explanation.filters)
    if explanation.held:
        lines += _held(explanation)
    if explanation.verdict is not None:
        lines += _verdict(explanation.verdict)
    if explanation.order_events or explanation.fills:
        lines += _order(explanation)
    if explanation.model is not None or explanation.model_version:
        lines += _model(explanation, taken_apart)
    if explanation.features is not None:
        lines += feature_lines(explanation.features)
    return lines


def _model(explanation: Explanation, taken_apart: str) -> list[Line]:
    """The one that spoke in it, and the one that is active now."""
    lines = section("Model")
    model, spoke = explanation.model, explanation.model_version
    if spoke:
        when = f" on the bar closed {figures.clock(explanation.model_ns)}" if explanation.model_ns else ""
        what = taken_apart if explanation.model_ns else "which prediction it was is no longer known"
        lines.append(((spoke, "bold"), (f" spoke{when}", "text"), (f"  {what}", "muted")))
    if model is not None:
        lines.append(
            (
                ("now " if spoke else "", "muted"),
                (model.version or "none", "text" if spoke else "bold"),
                (f"  {model.status}  {model.metric}", "text"),
                (
                    f"  live rank IC {figures.signed(model.live_rank_ic, 3)}" if model.live_steps else "",
                    "muted",
                ),
                (f"  ! {model.error}" if model.error else "", "bad"),
            )
        )
    return lines


def _blend(blend: Blend, explanation: Explanation) -> list[Line]:
    lines = section("Why", ARITHMETIC)
    lines += input_lines(blend.inputs)
    lines.append(score_line(blend.score, blend.confidence, blend.agreement))
    if explanation.weights:
        percents = ", ".join(f"{f.replace('_', ' ')} {w:g} %" for f, w in explanation.weights.items())
        lines.append((("weights as configured then: ", "muted"), (percents, "text")))
    if blend.absent and not explanation.notes:
        lines.append(absent_line(blend.absent))
    lines += [((note, "muted"),) for note in explanation.notes]
    return lines


def _held(explanation: Explanation) -> list[Line]:
    """What stood in the way of an order."""
    code, _, detail = explanation.held.partition(": ")
    times = f", {explanation.held_times} times so far" if explanation.held_times > 1 else ""
    seen = explanation.opportunity
    day = figures.day_of(seen.created_ns) if seen is not None else 0
    return [
        *section("In the way of an order", "a live opportunity is tried again when it is merged"),
        (
            (f"✗ {code} ", "bad"),
            (f"{detail}  ", "text"),
            (figures.on_day(explanation.held_ns, day) + times, "muted"),
        ),
    ]


def _verdict(verdict: Verdict) -> list[Line]:
    lines = section("Risk", verdict.client_order_id)
    lines.append(
        (("✓ approved", "good"),)
        if verdict.approved
        else ((f"✗ denied {verdict.code} ", "bad"), (verdict.detail, "text"))
    )
    return lines + _checks(verdict.checks)


def _checks(checks: Sequence[Check]) -> list[Line]:
    return [
        (
            ("  ✓ ", "good") if check.passed else ("  ✗ ", "bad"),
            (padded(check.code, 18) + " ", "text" if check.passed else "bold"),
            (padded(check.value, 20) + " ", "text"),
            ("limit ", "muted"),
            (check.limit, "muted"),
        )
        for check in checks
    ]


def _order(explanation: Explanation) -> list[Line]:
    """Events and fills in order of time, each with the time since the decision; then each step's own time."""
    events, fills = explanation.order_events, explanation.fills
    first = events[0] if events else None
    begun = first or fills[0]
    lines = section("Order", f"{begun.client_order_id}, {figures.date(begun.ns)}")
    if first is not None and first.request is not None:
        request = first.request
        lines.append(
            (
                SIDES[request.side.value],
                (f" {request.quantity:f} {request.symbol} {_terms(request)}", "text"),
                (f"  {request.purpose.value.replace('_', ' ')}  {request.reason}", "muted"),
            )
        )
    start = first.request.decision_ns if first and first.request else first.ns if first else fills[0].ns
    entries: list[tuple[int, Line]] = [
        (e.ns, ((e.state.value.replace("_", " "), "text"), (f"  {e.reason}", "warn"))) for e in events
    ]
    slips = explanation.slippages_bps or tuple(_slippage_bps(fill) for fill in fills)
    entries += [(change.ns, _change(change)) for change in explanation.order_changes]
    for fill, slip in zip_longest(fills, slips[: len(fills)]):
        cells: list[Cell] = [
            (f"fill {fill.quantity:f} @ {fill.price:f}", "good"),
            (f"  fee {fill.fee:f}  {fill.liquidity}", "muted"),
        ]
        if slip is not None:
            cells.append((f"  slippage {slip:+.1f} bp", "muted"))
        entries.append((fill.ns, tuple(cells)))
    for ns, cells_of in sorted(entries, key=lambda entry: entry[0]):
        since = f"+{figures.micros((ns - start) / 1000)}"
        at = figures.clock_ms(ns, figures.day_of(begun.ns))
        lines.append((("  ", "text"), (at, "muted"), (since.rjust(10) + "  ", "accent"), *cells_of))
    if explanation.latencies:
        lines.append(_steps(explanation.latencies))
    if explanation.slippage_bps is not None:
        slip_text = f"{explanation.slippage_bps:+.1f} bp"
        lines.append(
            (("slippage of the order  ", "muted"), (slip_text, "text"), ("  above 0: worse", "muted"))
        )
    return lines


def _terms(request: OrderRequest) -> str:
    """Its type, and at which prices and how long it stands."""
    levels = (("at", request.price), ("trigger", request.stop_price), ("trail", request.trail))
    said = [request.type.value.replace("_", " ")]
    said += [f"{label} {price:f}" for label, price in levels if price is not None]
    if request.type is not OrderType.MARKET:
        said.append(request.time_in_force.value.upper())
    return " ".join(said)


def _change(change: OrderChange) -> Line:
    """``update asked: price 64100`` and who asked, or why it was refused."""
    cells: list[Cell] = [(change.kind.value.replace("_", " "), "accent")]
    if change.amendment is not None:
        wanted = msgspec.structs.asdict(change.amendment)
        said = ", ".join(
            f"{name.replace('_', ' ')} {value:f}" for name, value in wanted.items() if value is not None
        )
        cells.append((f": {said}" if said else "", "text"))
    cells.append((f"  {change.reason}" if change.reason else "", "muted"))
    if change.verdict is not None and not change.verdict.approved:
        cells.append((f"  ✗ {change.verdict.code} {change.verdict.detail}", "bad"))
    return tuple(cells)


def _steps(steps: Sequence[Step]) -> Line:
    """``seen → 12µs decision → 90µs submitted``: how long each took."""
    cells: list[Cell] = [("step by step  ", "muted")]
    for number, step in enumerate(steps):
        if number:
            cells += [(" → ", "heading"), (f"+{figures.micros(step.after_ns / 1000)} ", "accent")]
        cells.append((step.name.replace("_", " "), "text"))
    return tuple(cells)


def _slippage_bps(fill: Fill) -> float | None:
    """Basis points paid against the mid at the decision; positive is worse."""
    if not math.isfinite(fill.decision_price) or fill.decision_price <= 0:
        return None
    return (float(fill.price) / fill.decision_price - 1) * 1e4 * fill.side.sign
