"""The equity curve as lines: the account in braille, below it how far it is below its highest."""

from __future__ import annotations

import math

from engine.api.trading_protocol import EquityCurve
from widgets import figures
from widgets.braille import curve
from widgets.cells import fit
from widgets.lines import Line, section

HEIGHT, DRAWDOWN_HEIGHT = 5, 2
_LABEL = 13


def curve_lines(equity: EquityCurve | None, width: int) -> list[Line]:
    """Under a heading: the curve over ``width`` cells, its range at the right."""
    if equity is None or len(equity.equity) < 2:
        return [*section("Equity curve"), (("not known yet", "muted"),)]
    return [
        *section("Equity curve", f"since {since(equity)}"),
        *drawn_lines(equity, width, HEIGHT, DRAWDOWN_HEIGHT),
        now_line(equity),
    ]


def with_now(equity: EquityCurve, value: float, ns: int) -> EquityCurve:
    """The curve as it goes on: measured now and then, worth ``value`` at ``ns``."""
    if not equity.ns or ns <= equity.ns[-1] or not math.isfinite(value):
        return equity
    fallen = equity.drawdown_pct[-1] / 100
    high = max(equity.equity[-1] / (1 - fallen) if fallen < 1 else value, value)
    below = (high - value) / high * 100 if high > 0 else 0.0
    return EquityCurve((*equity.ns, ns), (*equity.equity, value), (*equity.drawdown_pct, below))


def since(equity: EquityCurve) -> str:
    """``12:00:07Z, 3h``."""
    first, last = equity.ns[0], equity.ns[-1]
    return f"{figures.on_day(first, figures.day_of(last))}Z, {figures.age(last - first)}"


def drawn_lines(equity: EquityCurve, width: int, height: int, fall_height: int) -> list[Line]:
    """The account over ``height`` lines, below it the drawdown over ``fall_height`` lines (0: none)."""
    values, drawdowns = equity.equity, equity.drawdown_pct
    across = max(width - _LABEL - 1, 1)
    labels = {0: figures.number(max(values)), height - 1: figures.number(min(values))}
    lines = [
        _row(row, labels.get(index, ""), "accent") for index, row in enumerate(curve(values, across, height))
    ]
    if fall_height:
        # Drawn downwards: the deeper the fall, the lower the line.
        falls = curve([-fall for fall in drawdowns], across, fall_height)
        labels = {0: "drawdown 0", fall_height - 1: f"max {-max(drawdowns):z.2f}%"}
        lines += [_row(row, labels.get(index, ""), "down") for index, row in enumerate(falls)]
    return lines


def now_line(equity: EquityCurve) -> Line:
    """Where the account is now."""
    fall = f"  drawdown now {-equity.drawdown_pct[-1]:z.2f}%"
    return (("equity ", "muted"), (figures.number(equity.equity[-1]), "text"), (fall, "muted"))


def _row(drawn: str, label: str, style: str) -> Line:
    return ((drawn, style), (" ", "text"), (fit(figures.rounded(label, _LABEL), _LABEL, right=True), "muted"))
