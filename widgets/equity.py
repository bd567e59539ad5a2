"""The equity curve as lines: the account in braille, below it how far it is below its highest."""

from __future__ import annotations

from engine.api.trading_protocol import EquityCurve
from widgets import figures
from widgets.braille import curve
from widgets.cells import fit
from widgets.lines import Line, section

HEIGHT, DRAWDOWN_HEIGHT = 5, 2
_LABEL = 13


def curve_lines(equity: EquityCurve | None, width: int) -> list[Line]:
    """The curve over ``width`` cells, its range at the right."""
    if equity is None or len(equity.equity) < 2:
        return [*section("Equity curve"), (("not known yet", "muted"),)]
    values, drawdowns = equity.equity, equity.drawdown_pct
    span = f"{figures.clock(equity.ns[0])}Z, {figures.age(equity.ns[-1] - equity.ns[0])}"
    across = max(width - _LABEL - 1, 1)
    lines = section("Equity curve", f"since {span}")
    rows = curve(values, across, HEIGHT)
    labels = {0: figures.number(max(values)), HEIGHT - 1: figures.number(min(values))}
    lines += [_row(row, labels.get(index, ""), "accent") for index, row in enumerate(rows)]
    # Drawn downwards: the deeper the fall, the lower the line.
    falls = curve([-fall for fall in drawdowns], across, DRAWDOWN_HEIGHT)
    deepest = f"{-max(drawdowns):z.2f}%"
    labels = {0: "drawdown 0", DRAWDOWN_HEIGHT - 1: f"max {deepest}"}
    lines += [_row(row, labels.get(index, ""), "warn") for index, row in enumerate(falls)]
    now = f"now {-drawdowns[-1]:z.2f}%"
    return [
        *lines,
        (("equity ", "muted"), (figures.number(values[-1]), "text"), (f"  drawdown {now}", "muted")),
    ]


def _row(drawn: str, label: str, style: str) -> Line:
    return ((drawn, style), (" ", "text"), (fit(label, _LABEL, right=True), "muted"))
