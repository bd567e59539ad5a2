"""The desk as a whole: how its account went, how near its limits are, how fast it is, what gets through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.api.market_protocol import LatencyDetail
from engine.api.protocol import StatusRow, StrategyRow
from engine.api.trading_protocol import AccountDetail, EquityCurve, LimitRow
from widgets import figures
from widgets.cells import Cell
from widgets.equity import drawn_lines, since, with_now
from widgets.funnel_detail import funnel_lines
from widgets.gauges import Gauge, GaugesGrid, gauge_lines, gauges
from widgets.latency import latency_lines
from widgets.lines import Line, faded, join_items
from widgets.positions import of_prices, signed_money
from widgets.sheet import Sheet
from widgets.tabbed import TabbedPane

TABS = ("Equity", "Risk", "Latency", "Funnel")
EQUITY, RISK, LATENCY, FUNNEL = range(4)
_MOST_GAUGES = 4
_LEAST_CURVE = 3


class EquitySheet(Sheet):
    """The curve over what room there is, and below it the limits that are nearest."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.curve: EquityCurve | None = None
        self.status: StatusRow | None = None
        self.gauges: Sequence[Gauge] = ()
        self.stale = False
        """A position's price is, and with it what the account is worth."""

    def content(self, width: int, height: int) -> list[Line]:
        curve, status = self.curve, self.status
        worth = figures.decimal(status.equity) if status is not None else None
        if curve is not None and status is not None and worth is not None:
            curve = with_now(curve, float(worth), status.engine_ns)
        lines = equity_lines(curve, status, self.gauges, width, height, stale=self.stale)
        return [faded(line) for line in lines] if self.faded else lines


class LatencySheet(Sheet):
    detail: LatencyDetail | None = None

    def content(self, width: int, height: int) -> list[Line]:
        lines = latency_lines(self.detail, width, height)
        return [faded(line) for line in lines] if self.faded else lines


class FunnelSheet(Sheet):
    status: StatusRow | None = None

    def content(self, width: int, height: int) -> list[Line]:
        status = self.status
        lines = funnel_lines(status.funnel, status.drops, width) if status is not None else []
        return [faded(line) for line in lines] if self.faded else lines


def equity_lines(
    curve: EquityCurve | None,
    status: StatusRow | None,
    found: Sequence[Gauge],
    width: int,
    height: int,
    *,
    stale: bool = False,
) -> list[Line]:
    """At least the figures; the curve, its drawdown and the limits as far as ``height`` reaches."""
    head = _figures_line(curve, status, width, stale)
    if curve is None or len(curve.equity) < 2:
        said = "the curve is not known yet" if curve is None else "the curve begins within minutes"
        return [head, ((said, "muted"),), *gauge_lines(found, width, _MOST_GAUGES)]
    shown = min(len(found), _MOST_GAUGES, max(height - 1 - 2 * _LEAST_CURVE, 0))
    room = max(height - 1 - shown, 1)
    fall = 0 if room < _LEAST_CURVE + 1 else 1 if room < 6 else room // 4 + 1
    return [head, *drawn_lines(curve, width, room - fall, fall), *gauge_lines(found, width, shown)]


def _figures_line(curve: EquityCurve | None, status: StatusRow | None, width: int, stale: bool) -> Line:
    items: list[tuple[int, Line]] = []
    if status is not None:
        worth: Cell = ("unknown", "warn")
        if status.equity:
            shown = f"{figures.money(status.equity)} {status.account_currency}"
            worth = of_prices((shown, "bold"), stale)
        items.append((0, (("equity ", "muted"), worth)))
        if status.day_pnl:
            items.append((1, (("day ", "muted"), signed_money(status.day_pnl, stale))))
        if status.equity:
            fallen = of_prices((f"{-abs(status.drawdown_pct):z.2f}%", "text"), stale)
            items.append((2, (("drawdown ", "muted"), fallen)))
    if curve is not None and curve.ns:
        items.append((3, ((f"since {since(curve)}", "muted"),)))
    return join_items(items, width, ("  ", "text"))


class DeskPane(TabbedPane):
    """Equity, risk, latency and funnel in turn."""

    def __init__(self, *, id: str | None = None) -> None:
        self.equity = EquitySheet(id="desk-equity")
        self.risk = GaugesGrid(id="desk-risk")
        self.latency = LatencySheet(id="desk-latency")
        self.funnel = FunnelSheet(id="desk-funnel")
        parts = (self.equity, self.risk, self.latency, self.funnel)
        super().__init__(TABS, parts, id=id, heading="Desk", counted=False)

    def needs(self, name: str) -> bool:
        """Whether the open tab shows what ``DeskView`` keeps under ``name``."""
        return name in {
            EQUITY: ("curve", "limits", "account"),
            RISK: ("limits", "account"),
            LATENCY: ("latency",),
        }.get(self.tab, ())

    def show(
        self,
        status: StatusRow | None,
        *,
        curve: EquityCurve | None,
        limits: Sequence[LimitRow] | None,
        account: AccountDetail | None,
        strategies: Iterable[StrategyRow],
        latency: LatencyDetail | None,
        faded: bool = False,
        stale: bool = False,
    ) -> int:
        """Draw the open tab; ``faded``: all of it is of the past, ``stale``: a position's price is.

        Returns the number of lines that changed.
        """
        lines = 0
        if self.tabs.display:
            lines += self.tabs.show(self.tab, (0,) * len(TABS))
        part = self.part
        part.faded = faded
        if part is self.funnel:
            self.funnel.status = status
        elif part is self.latency:
            self.latency.detail = latency
        else:
            found = gauges(limits, account, strategies, stale=stale) if limits is not None else None
            if part is self.risk:
                return lines + self.risk.show(status, found)
            self.equity.curve, self.equity.status, self.equity.gauges = curve, status, found or ()
            self.equity.stale = stale
        assert isinstance(part, Sheet)
        return lines + part.draw()
