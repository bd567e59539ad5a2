"""Risk gauges: how much of each limit is used, and how far it is to the limit; the nearest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.api.protocol import StatusRow, StrategyRow
from engine.api.trading_protocol import AccountDetail, LimitRow
from widgets import figures
from widgets.cells import Cell
from widgets.columns import FILL, Column
from widgets.grid import Grid
from widgets.lines import Line
from widgets.rows import GridRow
from widgets.symbol_names import short_name

WARN, ALARM = 0.6, 0.8
"""Shares of a limit from which its gauge is marked."""
_BAR = 14
_DESK = "desk"
_EQUITY = "% of equity"
ENTRIES = "entries"
LOCKS = "locks"


class Gauge(NamedTuple):
    name: str
    used: Decimal
    limit: Decimal
    unit: str
    about: str
    stale: bool = False
    """Of prices of which one is."""

    @property
    def share(self) -> float:
        """1 is all of the limit."""
        return float(self.used / self.limit)


def gauges(
    limits: Iterable[LimitRow],
    account: AccountDetail | None,
    strategies: Iterable[StrategyRow] = (),
    *,
    stale: bool = False,
) -> list[Gauge]:
    """What is used of the desk's limits, of the largest position's and of the strategies' budgets.

    ``stale``: a price that shares are reckoned with is.
    """
    out: list[Gauge] = []
    exposures = account.exposures if account is not None else ()
    for row in limits:
        limit = figures.decimal(row.value)
        if row.scope != _DESK or limit is None or limit <= 0:
            continue
        used, about = figures.decimal(row.used), row.about
        if row.name == "max_position_pct":
            largest = max(
                (one for one in exposures if one.kind == "symbol"),
                key=lambda one: one.gross_pct,
                default=None,
            )
            if largest is not None:
                used, about = _share(largest.gross_pct), f"{about}: {short_name(largest.name)}"
        if used is not None:
            out.append(Gauge(row.name, used, limit, row.unit, about, stale and row.unit.startswith("%")))
    held = {one.name: one.gross_pct for one in exposures if one.kind == "strategy"}
    for strategy in strategies:
        if strategy.budget_pct > 0 and account is not None:
            used, budget = _share(held.get(strategy.name, 0.0)), _share(strategy.budget_pct)
            about = "what the strategy may hold"
            out.append(Gauge(f"budget {strategy.name}", used, budget, _EQUITY, about, stale))
    return sorted(out, key=lambda gauge: (-gauge.share, gauge.name))


def _share(value: float) -> Decimal:
    return Decimal(str(round(value, 2)))


def mark(gauge: Gauge) -> str:
    """``!`` near the limit, ``✗`` at it; else ``~`` for what a stale price makes."""
    return "✗" if gauge.share >= 1 else "!" if gauge.share >= ALARM else "~" if gauge.stale else ""


def style(gauge: Gauge) -> str:
    if gauge.share >= WARN:
        return "bad" if gauge.share >= ALARM else "warn"
    return "stale" if gauge.stale else "good"


def distance(gauge: Gauge) -> str:
    """``0.90 % left of 3``, ``at the limit of 2 orders``, ``0.40 % beyond 3``."""
    left = gauge.limit - gauge.used
    unit = "%" if gauge.unit.startswith("%") else gauge.unit
    limit = figures.amount(f"{gauge.limit.normalize():f}")
    if not left:
        return f"at the limit of {limit} {unit}".rstrip()
    told = figures.amount(f"{abs(left).normalize():f}")
    return f"{told} {unit} {'left of' if left > 0 else 'beyond'} {limit}"


def gauge_cells(gauge: Gauge) -> GridRow:
    share, ink = gauge.share, style(gauge)
    words = "text" if ink == "good" else ink
    return GridRow(
        gauge.name,
        (
            (mark(gauge), ink),
            (gauge.name, "bold"),
            (figures.bar(share, _BAR), ink),
            (figures.percent(share), words),
            (distance(gauge), words),
            (gauge.about, "muted"),
        ),
        (share, gauge.name, share, share, float(gauge.limit - gauge.used), gauge.about),
    )


def state_cells(status: StatusRow | None) -> list[GridRow]:
    """Whether entries are sent, and what rests; above the gauges, since it decides more than they."""
    if status is None:
        return []
    why = f": {status.risk_reason}" if status.risk_reason else ""
    said: tuple[str, str, str] = {
        "active": ("", "good", "sent: ACTIVE"),
        "reducing": ("!", "warn", f"off: REDUCING{why}"),
    }.get(status.risk_state, ("✗", "bad", f"off: {status.risk_state.upper()}{why}"))
    rows = [_state(ENTRIES, said, status.risk_state != "active")]
    if status.locked:
        names = ", ".join(short_name(symbol) for symbol in status.locked)
        rows.append(_state(LOCKS, ("!", "warn", f"not entered after stops: {names}"), True))
    return rows


def _state(name: str, said: tuple[str, str, str], urgent: bool) -> GridRow:
    sign, ink, words = said
    cells: tuple[Cell, ...] = (
        (sign, ink),
        (name, "bold"),
        ("", "text"),
        ("", "text"),
        (words, ink),
        ("", "text"),
    )
    share = 2.0 if urgent else None
    return GridRow(name, cells, (share, name, share, share, share, ""))


class GaugesGrid(Grid):
    COLUMNS = (
        Column("mark", "", 1, 0),
        Column("name", "limit", 23, 0),
        Column("bar", "", _BAR, 3),
        Column("share", "used", 5, 0, right=True),
        Column("left", "to go", 22, 0, grow=10),
        Column("about", "", 16, 5, grow=FILL),
    )
    EMPTY = "asking the engine…"

    def show(self, status: StatusRow | None, found: Sequence[Gauge] | None) -> int:
        """``found`` None: not known yet."""
        if found is None:
            return self.set_rows([])
        return self.set_rows([*state_cells(status), *(gauge_cells(gauge) for gauge in found)])


def gauge_lines(found: Sequence[Gauge], width: int, most: int | None = None) -> list[Line]:
    """One line per gauge, the nearest to its limit first; at most ``most``."""
    return [_line(gauge, width) for gauge in found[:most]]


def _line(gauge: Gauge, width: int) -> Line:
    share, ink = gauge.share, style(gauge)
    name, bar = 23, min(max(width - 60, 6), 24)
    return (
        (mark(gauge).ljust(2), ink),
        (gauge.name[: name - 1].ljust(name), "text"),
        (figures.bar(share, bar), ink),
        (figures.percent(share).rjust(6), "text" if ink == "good" else ink),
        (f"  {distance(gauge)}", "muted" if ink == "good" else ink),
    )
