"""The pictures of a backtest's page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from engine.portfolio.performance import Series, Times, drawdowns_pct
from engine.portfolio.report.numbers import moment, number
from engine.portfolio.report.picture import LEFT, Plot, picture, thinned
from engine.research.report.figures import figure
from engine.research.result import Backtest, Chart, Trade

MARKS = 300
"""Trades drawn in one chart: the newest."""
HIDDEN = 0.2
"""Of the height: a curve that moves less is drawn once more by itself."""
_HEIGHT, _ALONE, _BELOW, _PRICES = 260, 140, 90, 280


def key(*entries: tuple[str, str]) -> str:
    """What lines of these classes mean."""
    drawn = "".join(
        f'<span><svg viewBox="0 0 26 10" aria-hidden="true">'
        f'<line class="{kind}" x1="0" x2="26" y1="5" y2="5"/></svg>{escape(text)}</span>'
        for kind, text in entries
    )
    return f'<p class="key">{drawn}</p>'


def equity(backtest: Backtest) -> str:
    """Equity beside buying and holding, by itself where that hides it, and how far it fell."""
    ns, curve = _known(backtest.ns, backtest.equity)
    if len(ns) < 2:
        return "<p>There are too few points to draw a curve.</p>"
    held_ns, held = _known(backtest.ns, backtest.benchmark)
    falls = -drawdowns_pct(curve)
    ends, every = (int(ns[0]), int(ns[-1])), np.concatenate([curve, held])
    low, high = float(curve.min()), float(curve.max())
    above = Plot(*ends, float(every.min()), float(every.max()), top=20, height=_HEIGHT)
    parts = [f'<text x="{LEFT}" y="12">equity, {escape(backtest.currency)}</text>', above.scale()]
    if len(held) > 1:
        parts.append(above.line("other", *thinned(held_ns, held)))
    parts.append(above.line("equity", *thinned(ns, curve)))
    base = above.base
    if high - low < HIDDEN * float(np.ptp(every)):
        alone = Plot(*ends, low, high, top=base + 50, height=_ALONE)
        parts += [_name("this backtest alone", alone), alone.scale()]
        parts.append(alone.line("equity", *thinned(ns, curve)))
        base = alone.base
    deepest = float(falls.min())
    below = Plot(*ends, deepest or -1.0, 0.0, top=base + 50, height=_BELOW)
    parts += [_name("drawdown", below), below.scale(" %", most=3)]
    parts += [below.area("below", *thinned(ns, falls)), below.times()]
    told = (
        f"from {number(float(curve[0]))} to {number(float(curve[-1]))} {backtest.currency}, deepest fall "
        f"{number(-deepest)} %" + (f"; bought and held: {number(float(held[-1]))}" if len(held) else "")
    )
    drawn = picture("equity", "Equity and drawdown", told, below.base + 24, parts)
    return drawn + key(("equity", "this backtest"), ("other", "buy and hold"))


def _name(text: str, plot: Plot) -> str:
    return f'<text x="{LEFT}" y="{plot.top - 8:g}">{text}</text>'


def exposure(backtest: Backtest) -> str:
    """Gross, percent of equity."""
    ns, used = _known(backtest.ns, backtest.exposure)
    if len(ns) < 2:
        return ""
    most = float(used.max())
    plot = Plot(int(ns[0]), int(ns[-1]), 0.0, most or 1.0, top=10, height=_BELOW)
    told = f"at the ends of bars or steps: mean {figure(float(used.mean()), 1)} %, most {figure(most, 1)} %"
    parts = (plot.scale(" %", most=3), plot.area("used", *thinned(ns, used)), plot.times())
    return picture("exposure", "Gross exposure, percent of equity", told, plot.base + 24, parts)


def prices(number_of: int, chart: Chart, trades: Sequence[Trade]) -> str:
    """The symbol's prices with its trades; ``number_of`` sets the chart apart from others in the page."""
    if len(chart.ns) < 2:
        return "<p>There are too few prices to draw.</p>"
    shown = trades[-MARKS:]
    seen = [float(price) for trade in shown for price in (trade.entry_price, trade.exit_price)]
    low, high = min(*chart.low, *seen), max(*chart.high, *seen)
    begin = min(chart.ns[0], *(trade.opened_ns for trade in shown), chart.ns[-1])
    end = max(chart.ns[-1], *(trade.closed_ns for trade in shown), chart.ns[0])
    plot = Plot(begin, end, low, high, top=10, height=_PRICES)
    band = plot.points((*chart.ns, *reversed(chart.ns)), (*chart.high, *reversed(chart.low)))
    parts = [
        plot.scale(),
        f'<polygon class="range" points="{band}"/>',
        plot.line("price", chart.ns, chart.close),
        plot.times(),
        *(_trade(plot, trade) for trade in shown),
    ]
    told = f"from {number(chart.close[0], 4)} to {number(chart.close[-1], 4)}, {len(trades)} trades" + (
        f", the last {MARKS} of them drawn" if len(trades) > MARKS else ""
    )
    drawn = picture(f"prices{number_of}", f"{chart.symbol}: prices and trades", told, plot.base + 24, parts)
    note = "" if len(trades) <= MARKS else f"<p>The last {MARKS} of {len(trades):,} trades are drawn.</p>"
    return note + drawn


def trades_key() -> str:
    drawn = (("bought", _mark(13, 2, bought=True)), ("sold", _mark(13, 8, bought=False)))
    marks = "".join(
        f'<span><svg viewBox="0 0 26 10" aria-hidden="true">{mark}</svg>{name}</span>' for name, mark in drawn
    )
    lines = key(("won", "trade that won"), ("lost", "trade that lost"), ("price", "close, with high and low"))
    return f'<p class="key">{marks}</p>{lines}'


def _trade(plot: Plot, trade: Trade) -> str:
    long = trade.side == "BUY"
    x, y = plot.x(trade.opened_ns), plot.y(float(trade.entry_price))
    to_x, to_y = plot.x(trade.closed_ns), plot.y(float(trade.exit_price))
    net = float(trade.net)
    told = (
        f"{'long' if long else 'short'} {trade.quantity}: {moment(trade.opened_ns)[:16]} at "
        f"{trade.entry_price}, {moment(trade.closed_ns)[:16]} at {trade.exit_price}, net {number(net)}"
    )
    kind = "won" if net > 0 else "lost"
    return (
        f"<g><title>{escape(told)}</title>"
        f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'
        f"{_mark(x, y, bought=long)}{_mark(to_x, to_y, bought=not long)}</g>"
    )


def _mark(x: float, y: float, *, bought: bool) -> str:
    """A triangle whose tip is at the price."""
    down = 6 if bought else -6
    return (
        f'<path class="{"bought" if bought else "sold"}" '
        f'd="M{x:.1f} {y:.1f}L{x - 4:.1f} {y + down:.1f}L{x + 4:.1f} {y + down:.1f}Z"/>'
    )


def _known(ns: Sequence[int], values: Sequence[float]) -> tuple[Times, Series]:
    """Without what is not known."""
    found = np.array(values, np.float64)
    times = np.array(ns[: len(found)], np.int64)
    finite = np.isfinite(found)
    return times[finite], found[finite]
