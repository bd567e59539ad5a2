"""The daily report as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from engine.portfolio.report.day import DayReport, Point
from engine.portfolio.report.numbers import moment, number
from engine.portfolio.report.page import bullets, document
from engine.portfolio.report.picture import LEFT, Plot, picture
from engine.portfolio.report.table import as_html as table
from engine.portfolio.report.table import figures
from engine.portfolio.report.text import sections, summary, title

_HEIGHT, _BELOW = 230, 80


def as_html(report: DayReport) -> str:
    parts = [_curve(report.curve, report.currency), figures(summary(report))]
    for name, heads, rows in sections(report):
        parts += [f"<h2>{escape(name)}</h2>", table(heads, rows)]
    for name, texts in (("Notes", report.notes), ("Not modelled by paper fills", report.not_modelled)):
        if texts:
            parts += [f"<h2>{name}</h2>", bullets(texts)]
    return document(title(report), [*parts, f"<p>Made {moment(report.made_ns)} UTC.</p>"])


def _curve(points: Sequence[Point], currency: str) -> str:
    """Equity, and below it how far it was under its highest."""
    if len(points) < 2:
        return "<p>Equity was not recorded often enough to draw it.</p>"
    ns = [point.ns for point in points]
    equity, falls = [point.equity for point in points], [-point.drawdown_pct for point in points]
    above = Plot(ns[0], ns[-1], min(equity), max(equity), top=20, height=_HEIGHT)
    below = Plot(ns[0], ns[-1], min(falls) or -1.0, 0.0, top=_HEIGHT + 50, height=_BELOW)
    ends = f"from {number(equity[0])} to {number(equity[-1])} {currency}"
    told = f"{ends}, deepest fall {number(-min(falls), 3)} %"
    return picture(
        "curve",
        "Equity and drawdown",
        told,
        below.base + 24,
        (
            f'<text x="{LEFT}" y="12">equity, {escape(currency)}</text>',
            *(above.scale(), above.line("equity", ns, equity)),
            f'<text x="{LEFT}" y="{below.top - 8:g}">drawdown</text>',
            *(below.scale(" %", most=3), below.area("below", ns, falls), below.times()),
        ),
    )
