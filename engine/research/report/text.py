"""The report for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from engine.portfolio.report.table import Section, as_lines
from engine.research.report import sections
from engine.research.report.figures import unit
from engine.research.report.monthly import MONTHS, monthly
from engine.research.report.not_modelled import not_modelled
from engine.research.result import Backtest, Trade
from engine.research.summary import Summary

WIDTH = 80
TRADES = 20
"""Newest that are shown, and lines of a table; JSON has all."""
SCREEN = 48
"""Lines of the short form, when its warnings leave so many."""
LEAST_TRADES = 5


def as_screen(backtest: Backtest, summary: Summary, rest: str) -> str:
    """What matters first, on one screen: warnings, headline, the first trades. ``rest``: where the rest is,
    a line, which is kept whole."""
    lines = _opening(backtest, summary)
    ending = ["", *_wrapped(f"Digest of orders and fills: {backtest.sha256}"), rest]
    if backtest.trades:
        room = max(SCREEN - len(lines) - len(ending) - 4, LEAST_TRADES)  # four: the head of the table
        lines += _trades(backtest, backtest.trades[:room], "first")
    return "\n".join([*lines, *ending]) + "\n"


def as_text(backtest: Backtest, summary: Summary) -> str:
    lines = _opening(backtest, summary)
    for one in sections.certainty(summary):
        lines += _table(one)
    lines += [""]
    for text in sections.rests_on(summary):
        lines += _wrapped(text)
    lines += _months(backtest)
    for one in (*sections.parts(backtest), sections.costs(backtest, summary), *sections.held(backtest)):
        lines += _table(one)
    if backtest.trades:
        lines += _trades(backtest, backtest.trades[-TRADES:], "last")
    for one in (*sections.stages(backtest), *sections.data(backtest)):
        lines += _table(one)
    lines += ["", "Not modelled", *_bullets(not_modelled(backtest))]
    lines += ["", "To run it again", *_figures(sections.identity(backtest))]
    return "\n".join(lines) + "\n"


def _opening(backtest: Backtest, summary: Summary) -> list[str]:
    name = sections.title(backtest)
    lines = [*_wrapped(name), "=" * min(len(name), WIDTH)]
    if summary.warnings:
        lines += ["", "WARNINGS", *_bullets(summary.warnings)]
    return [*lines, "", *_figures(sections.headline(summary))]


def _trades(backtest: Backtest, those: Sequence[Trade], which: str) -> list[str]:
    title, heads, rows = sections.trades(those, dated=10)
    left_out = len(backtest.trades) - len(rows)
    said = f"{title} (the {which} {len(rows)} of {len(backtest.trades):,})" if left_out else title
    kept = [at for at, head in enumerate(heads) if head not in (">quantity", "ended by")]
    return _table((said, [heads[at] for at in kept], [[row[at] for at in kept] for row in rows]), len(rows))


def _table(section: Section, most: int = TRADES) -> list[str]:
    name, heads, rows = section
    left_out = len(rows) - most
    shown = rows[:most]
    lines = ["", *_wrapped(name), "-" * min(len(name), WIDTH), *as_lines(heads, shown, WIDTH)]
    return [*lines, f"… and {left_out:,} more"] if left_out > 0 else lines


def _months(backtest: Backtest) -> list[str]:
    rows = monthly(backtest)
    if not rows:
        return []
    name, times = unit(one for _, months, whole in rows for one in (*months, whole))
    lines = ["", f"Returns by month, {name}", "year" + "".join(name.rjust(5) for name in MONTHS) + "    year"]
    for year, months, whole in rows:
        cells = "".join(("" if one is None else _narrow(one * times)).rjust(5) for one in months)
        ended = "-" if whole is None else f"{round(whole * times, 1) + 0.0:,.1f}"
        lines.append(f"{year}{cells}{ended.rjust(8)}")
    return lines


def _narrow(value: float) -> str:
    """Four characters."""
    return f"{round(value, 1) + 0.0:.1f}" if abs(value) < 9.95 else f"{value:.0f}"


def _figures(pairs: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in pairs)
    lines = []
    for name, value in pairs:
        told = textwrap.wrap(value, WIDTH - width - 2) or [""]
        lines.append(f"{name.ljust(width)}  {told[0]}".rstrip())
        lines += [" " * (width + 2) + more for more in told[1:]]
    return lines


def _bullets(texts: Iterable[str]) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)
