"""Explain: the whole chain behind an opportunity or an order, as lines to read."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.api.protocol import Explanation
from engine.events import Blend, FeatureRow, Fill, OrderEvent, Verdict
from widgets import figures
from widgets.cells import Cell, fit
from widgets.lines import Line
from widgets.opportunities import SIDES, status_cell

_BAR = 12
FEATURES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("quote", (("bid", "bid"), ("ask", "ask"), ("bid size", "bid_size"), ("ask size", "ask_size"))),
    ("bar", (("open", "open"), ("high", "high"), ("low", "low"), ("close", "close"), ("volume", "volume"))),
    (
        "window",
        (
            ("change %", "window_change_pct"),
            ("volume", "window_volume"),
            ("bought", "window_buy_volume"),
            ("trades", "window_count"),
            ("vwap", "window_vwap"),
        ),
    ),
    (
        "trend",
        (
            ("ema fast", "ema_fast"),
            ("ema slow", "ema_slow"),
            ("sma fast", "sma_fast"),
            ("sma slow", "sma_slow"),
        ),
    ),
    ("swing", (("rsi", "rsi"), ("macd", "macd"), ("signal", "macd_signal"), ("momentum", "momentum"))),
    ("range", (("bb upper", "bb_upper"), ("bb lower", "bb_lower"), ("atr", "atr"), ("vol σ", "return_std"))),
)


def explanation_lines(explanation: Explanation) -> list[Line]:
    """From the decision back to what it rests on, then forward to what became of it."""
    lines: list[Line] = [((explanation.headline, "bold"),)]
    if explanation.opportunity is not None:
        row = explanation.opportunity
        lines += _section("Opportunity")
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
                (figures.clock_ms(row.expires_ns), "text"),
                (f"  {row.merged} later blends merged" if row.merged else "", "muted"),
                ("  id ", "muted"),
                (row.id, "muted"),
            )
        )
        lines.append(((row.reason, "text"),))
    if explanation.blend is not None:
        lines += _blend(explanation.blend, explanation.notes)
    if explanation.verdict is not None:
        lines += _verdict(explanation.verdict)
    if explanation.order_events or explanation.fills:
        lines += _order(explanation.order_events, explanation.fills)
    if explanation.model is not None:
        model = explanation.model
        lines += _section("Model")
        lines.append(
            (
                (model.version or "none", "bold"),
                (f"  {model.status}  {model.metric}", "text"),
                (f"  ! {model.error}" if model.error else "", "bad"),
            )
        )
    if explanation.features is not None:
        lines += _features(explanation.features)
    return lines


def _section(title: str, note: str = "") -> list[Line]:
    return [(), ((title, "heading"), (f"  {note}" if note else "", "muted"))]


def _blend(blend: Blend, notes: Sequence[str]) -> list[Line]:
    lines = _section("Why", "score × weight = contribution; older signals count less")
    largest = max((abs(part.contribution) for part in blend.inputs), default=0.0) or 1.0
    for part in sorted(blend.inputs, key=lambda part: (-abs(part.contribution), part.source)):
        style = figures.direction(part.contribution)
        lines.append(
            (
                (fit(part.source, 16), "bold"),
                (figures.signed(part.score).rjust(6), figures.direction(part.score)),
                (" × ", "muted"),
                (f"{part.weight:4.0%}", "text"),
                (" = ", "muted"),
                (figures.signed(part.contribution, 3).rjust(6), style),
                (" " + figures.bar(part.contribution, _BAR, largest) + " ", style),
                (figures.age(part.age_ns).rjust(4) + " ", "muted"),
                (part.reason, "muted"),
            )
        )
    lines.append(
        (
            (fit("blended score", 16), "bold"),
            (" " * 16, "text"),
            (figures.signed(blend.score, 3).rjust(6), figures.direction(blend.score)),
            (f"   confidence {blend.confidence:.0%}, agreement {blend.agreement:.0%}", "muted"),
        )
    )
    if blend.absent and not notes:
        names = ", ".join(family.replace("_", " ") for family in blend.absent)
        lines.append((("absent: ", "warn"), (names, "text"), (" (their weight went to the others)", "muted")))
    lines += [((note, "muted"),) for note in notes]
    return lines


def _verdict(verdict: Verdict) -> list[Line]:
    lines = _section("Risk", verdict.client_order_id)
    lines.append(
        (("✓ approved", "good"),)
        if verdict.approved
        else ((f"✗ denied {verdict.code} ", "bad"), (verdict.detail, "text"))
    )
    for check in verdict.checks:
        lines.append(
            (
                ("  ✓ ", "good") if check.passed else ("  ✗ ", "bad"),
                (fit(check.code, 24), "text" if check.passed else "bold"),
                (fit(check.value, 18) + " ", "text"),
                ("limit ", "muted"),
                (check.limit, "muted"),
            )
        )
    return lines


def _order(events: tuple[OrderEvent, ...], fills: tuple[Fill, ...]) -> list[Line]:
    """Events and fills in order of time, each with the time since the decision."""
    lines = _section("Order", events[0].client_order_id if events else fills[0].client_order_id)
    first = events[0] if events else None
    if first is not None and first.request is not None:
        request = first.request
        lines.append(
            (
                SIDES[request.side.value],
                (f" {request.quantity:f} {request.symbol} {request.type.value}", "text"),
                (f"  {request.purpose.value.replace('_', ' ')}  {request.reason}", "muted"),
            )
        )
    start = first.request.decision_ns if first and first.request else first.ns if first else fills[0].ns
    entries: list[tuple[int, Line]] = [
        (e.ns, ((e.state.value.replace("_", " "), "text"), (f"  {e.reason}", "warn"))) for e in events
    ]
    for fill in fills:
        slip = _slippage_bps(fill)
        cells: list[Cell] = [
            (f"fill {fill.quantity:f} @ {fill.price:f}", "good"),
            (f"  fee {fill.fee:f}  {fill.liquidity}", "muted"),
        ]
        if slip is not None:
            cells.append((f"  slippage {slip:+.1f} bp", "muted"))
        entries.append((fill.ns, tuple(cells)))
    for ns, cells_of in sorted(entries, key=lambda entry: entry[0]):
        since = f"+{figures.micros((ns - start) / 1000)}"
        lines.append(
            (("  ", "text"), (figures.clock_ms(ns), "muted"), (since.rjust(10) + "  ", "accent"), *cells_of)
        )
    return lines


def _slippage_bps(fill: Fill) -> float | None:
    """Basis points paid against the mid at the decision; positive is worse."""
    if not math.isfinite(fill.decision_price) or fill.decision_price <= 0:
        return None
    return (float(fill.price) / fill.decision_price - 1) * 1e4 * fill.side.sign


def _features(row: FeatureRow) -> list[Line]:
    lines = _section("Features", f"{row.symbol} at {figures.clock_ms(row.ns)}, bar {row.bars}")
    for group, fields in FEATURES:
        cells: list[Cell] = [(fit(group, 8), "muted")]
        for label, name in fields:
            cells.append((f"{label} ", "muted"))
            cells.append((fit(_feature(getattr(row, name)), 12), "text"))
        lines.append(tuple(cells))
    return lines


def _feature(value: float) -> str:
    if not math.isfinite(value):
        return figures.UNKNOWN
    return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:.5g}"
