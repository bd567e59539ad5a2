"""The report as one web page that needs nothing else: no script, no other file, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import msgspec

from engine.portfolio.report.numbers import moment, number
from engine.portfolio.report.page import bullets, document
from engine.portfolio.report.table import Section, figures
from engine.portfolio.report.table import as_html as table
from engine.research.report import pictures, sections
from engine.research.report.figures import figure, unit
from engine.research.report.monthly import MONTHS, monthly
from engine.research.report.not_modelled import not_modelled
from engine.research.result import Backtest, Trade
from engine.research.summary import Summary

CHARTS = 24
"""Symbols whose prices are drawn: those that were traded most."""
TRADES = 500
"""Newest that are listed; JSON has all."""
POINTS = 60
"""Rows of the table behind a curve."""


def as_html(backtest: Backtest, summary: Summary) -> str:
    days = f"{number(summary.days, 1)} days, symbols: {summary.symbols:,}"
    parts = [
        f'<p class="sub">{escape(days)}; strategies: {escape(", ".join(backtest.strategies) or "none")}</p>',
        _warnings(summary.warnings),
        _headline(summary),
        "<h2>Equity and drawdown</h2>",
        pictures.equity(backtest),
        _details("The curve as a table", _curve(backtest)),
        "<h2>Exposure</h2>",
        pictures.exposure(backtest),
        "<h2>Returns by month</h2>",
        _months(backtest),
        "<h2>How far to believe it</h2>",
        *(table(heads, rows, name) for name, heads, rows in sections.certainty(summary)),
        bullets(sections.rests_on(summary)),
        *_sections(sections.parts(backtest)),
        *_sections([sections.costs(backtest, summary)]),
        *_prices(backtest),
        *_sections(sections.held(backtest)),
        *_sections(sections.stages(backtest)),
        *_sections(sections.data(backtest)),
        "<h2>Not modelled</h2>",
        bullets(not_modelled(backtest)),
        "<h2>To run it again</h2>",
        f'<div class="wide" tabindex="0">{figures(sections.identity(backtest))}</div>',
        f"<p><code>{escape(msgspec.json.encode(backtest.plan).decode())}</code></p>",
    ]
    return document(sections.title(backtest), [part for part in parts if part])


def _warnings(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    return f'<section class="warn" role="note"><h2>Warnings</h2>{bullets(texts)}</section>'


def _headline(summary: Summary) -> str:
    pairs = sections.headline(summary)
    half = -(-len(pairs) // 2)
    return f'<div class="beside">{figures(pairs[:half])}{figures(pairs[half:])}</div>'


def _curve(backtest: Backtest) -> str:
    step = -(-len(backtest.ns) // POINTS) or 1
    rows = [
        (moment(ns)[:16], number(equity), number(held), figure(used, 1))
        for ns, equity, held, used in list(
            zip(backtest.ns, backtest.equity, backtest.benchmark, backtest.exposure, strict=False)
        )[::-1][::step][::-1]
    ]
    return table(("time (UTC)", ">equity", ">buy and hold", ">exposure, %"), rows)


def _months(backtest: Backtest) -> str:
    rows = monthly(backtest)
    if not rows:
        return "<p>There is no whole curve.</p>"
    name, times = unit(one for _, months, whole in rows for one in (*months, whole))
    heads = "".join(f'<th scope="col" class="n">{head}</th>' for head in (*MONTHS, "year"))
    body = "".join(
        f'<tr><th scope="row">{year}</th>{"".join(_signed(one, times) for one in (*months, whole))}</tr>'
        for year, months, whole in rows
    )
    return (
        '<div class="wide" tabindex="0"><table>'
        f"<caption>{escape('percent' if times == 1.0 else name)}</caption>"
        f'<thead><tr><th scope="col">year</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _signed(value: float | None, times: float) -> str:
    if value is None:
        return '<td class="n"></td>'
    shown = round(value * times, 1) + 0.0  # without the sign of a zero
    kind = "plus" if shown > 0 else "minus" if shown < 0 else "zero"
    return f'<td class="n {kind}">{f"{shown:+.1f}" if shown else "0.0"}</td>'


def _prices(backtest: Backtest) -> Iterable[str]:
    """A chart of each symbol with its trades listed behind; the rest of the trades by themselves."""
    of: dict[str, list[Trade]] = {}
    for trade in backtest.trades:
        of.setdefault(trade.symbol, []).append(trade)
    charts = sorted(backtest.charts, key=lambda chart: -len(of.get(chart.symbol, ())))
    if not charts and not of:
        return
    yield "<h2>Prices and trades</h2>"
    if charts:
        yield pictures.trades_key()
    drawn = set()
    for at, chart in enumerate(charts[:CHARTS]):
        those = of.get(chart.symbol, [])
        drawn.add(chart.symbol)
        yield f"<h3>{escape(chart.symbol)}</h3>"
        yield pictures.prices(at, chart, those)
        if those:
            yield _details(f"{len(those):,} trades of {chart.symbol}", _trades(those))
    if len(charts) > CHARTS:
        yield f"<p>The {CHARTS} symbols with the most trades of {len(charts)} are drawn.</p>"
    rest = [trade for trade in backtest.trades if trade.symbol not in drawn]
    if rest:
        yield _details(f"{len(rest):,} trades of other symbols", _trades(rest))


def _trades(those: Sequence[Trade]) -> str:
    _, heads, rows = sections.trades(those[-TRADES:], dated=16)
    left_out = len(those) - len(rows)
    return table(heads, rows, f"the newest; {left_out:,} more are left out" if left_out else "")


def _sections(those: Iterable[Section]) -> Iterable[str]:
    for name, heads, rows in those:
        yield f"<h2>{escape(name)}</h2>{table(heads, rows)}"


def _details(name: str, inner: str) -> str:
    return f"<details><summary>{escape(name)}</summary>{inner}</details>"
