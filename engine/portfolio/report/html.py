"""The daily report as one HTML file: no script, nothing that is loaded from elsewhere, all text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from engine.portfolio.report.day import DayReport, Point
from engine.portfolio.report.text import Rows, moment, number, sections, summary, title

_WIDTH, _HEIGHT, _BELOW, _LEFT = 960, 240, 90, 90
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #667; --rule: #ccd; --line: #1763b6; }
.below { --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --dim: #99a; --rule: #345; --line: #6db3ff; }
  .below { --bad: #ff8a80; }
}
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); max-width: 1060px; }
body { margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.4em; } h2 { font-size: 1.05em; margin: 2em 0 .5em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2em .8em .2em 0; vertical-align: top; }
th, td { border-bottom: 1px solid var(--rule); }
th { color: var(--dim); font-weight: 500; } .n { text-align: right; }
.wide { overflow-x: auto; } svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--dim); }
.equity { fill: none; stroke: var(--line); stroke-width: 1.5; }
.below { fill: var(--bad); fill-opacity: .35; stroke: var(--bad); stroke-width: 1; }
.rule { stroke: var(--rule); } li { margin: .2em 0; }
"""


def as_html(report: DayReport) -> str:
    head = escape(title(report))
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{head}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><h1>{head}</h1>",
        _curve(report.curve, report.currency),
        "<table>",
        *(_figure(name, value) for name, value in summary(report)),
        "</table>",
    ]
    for name, heads, rows in sections(report):
        parts += [f"<h2>{escape(name)}</h2>", _table(heads, rows)]
    for name, texts in (("Notes", report.notes), ("Not modelled by paper fills", report.not_modelled)):
        if texts:
            parts += [f"<h2>{name}</h2><ul>", *(f"<li>{escape(text)}</li>" for text in texts), "</ul>"]
    return "\n".join([*parts, f"<p>Made {moment(report.made_ns)} UTC.</p></body></html>"]) + "\n"


def _figure(name: str, value: str) -> str:
    return f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'


def _table(heads: Sequence[str], rows: Rows) -> str:
    classes = [' class="n"' if head.startswith(">") else "" for head in heads]
    top = "".join(
        f"<th{kind}>{escape(head.removeprefix('>'))}</th>" for head, kind in zip(heads, classes, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, classes, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _curve(points: Sequence[Point], currency: str) -> str:
    """Equity, and below it how far it was under its highest."""
    if len(points) < 2:
        return "<p>Equity was not recorded often enough to draw it.</p>"
    low, high = min(point.equity for point in points), max(point.equity for point in points)
    deepest = max(point.drawdown_pct for point in points)
    begin, end = points[0].ns, points[-1].ns
    inner, top = _WIDTH - _LEFT - 10, 16

    def x(ns: int) -> float:
        return _LEFT + (ns - begin) / max(1, end - begin) * inner

    def y(equity: float) -> float:
        return top + (high - equity) / ((high - low) or 1.0) * (_HEIGHT - top)

    base = _HEIGHT + 30
    equity = " ".join(f"{x(point.ns):.1f},{y(point.equity):.1f}" for point in points)
    below = " ".join(
        f"{x(point.ns):.1f},{base + point.drawdown_pct / (deepest or 1.0) * _BELOW:.1f}" for point in points
    )
    size, depth = base + _BELOW + 24, f"{number(-deepest if deepest else 0.0, 3)} %"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {size}" role="img" aria-label="equity and drawdown">'
        f'<text x="{_LEFT - 6}" y="{top + 4}" text-anchor="end">{number(high)}</text>'
        f'<text x="{_LEFT - 6}" y="{_HEIGHT}" text-anchor="end">{number(low)}</text>'
        f'<text x="{_LEFT}" y="10">equity, {escape(currency)}</text>'
        f'<line class="rule" x1="{_LEFT}" y1="{base}" x2="{_LEFT + inner}" y2="{base}"/>'
        f'<polyline class="equity" points="{equity}"/>'
        f'<polygon class="below" points="{_LEFT},{base} {below} {_LEFT + inner},{base}"/>'
        f'<text x="{_LEFT}" y="{base - 6}">drawdown</text>'
        f'<text x="{_LEFT - 6}" y="{base + _BELOW}" text-anchor="end">{depth}</text>'
        f'<text x="{_LEFT}" y="{size - 4}">{moment(begin)}</text>'
        f'<text x="{_LEFT + inner}" y="{size - 4}" text-anchor="end">{moment(end)}</text></svg>'
    )
