"""The panes of the desk by number, and what each is drawn from. What is not seen is not drawn."""

from __future__ import annotations

from textual.widget import Widget

from console.keymap import PANES
from console.screens.desk_layout import FUNNEL
from console.view import DeskView
from console.watchlist import Watchlist
from engine.api.protocol import TickRow
from engine.text import clean
from widgets.desk_pane import DeskPane
from widgets.funnel import FunnelStrip
from widgets.grid import Grid
from widgets.logs import LogsPane
from widgets.market.pane import MarketPane
from widgets.market.part import MarketPart
from widgets.opportunities import OpportunitiesPane
from widgets.orders import FINAL, OrdersPane
from widgets.positions import PositionsPane
from widgets.sheet import Sheet
from widgets.status import WARMING
from widgets.strategies import StrategiesPane
from widgets.tabbed import TabbedPane
from widgets.ticks import TicksPane

Part = Grid | Sheet | MarketPart
"""What the keys of a pane work on."""


def part_of(pane: Widget) -> Part:
    """The pane itself, or what is open in it."""
    if isinstance(pane, Grid):
        return pane
    if isinstance(pane, TabbedPane):
        return pane.part
    assert isinstance(pane, (PositionsPane, MarketPane))
    return pane.grid


def left_out(part: Part) -> list[str]:
    """Which rows a table does not show, or what is looked for in it, for a title."""
    if not isinstance(part, (Grid, Sheet)):
        return []
    said = [part.mode] if isinstance(part, (LogsPane, TicksPane)) and part.mode else []
    return [*said, f"/{part.sought} {part.found}"] if part.sought else said


def title_of(pane: Widget, number: int) -> str:
    """Number, name or tabs, how it is sorted, and what is left out of it."""
    name = pane.title if isinstance(pane, TabbedPane) else PANES[number - 1]
    part = part_of(pane)
    mode = f"by {part.sort_mode}" if part.sort_mode else ""
    return f"{number} " + " · ".join(said for said in (name, mode, *left_out(part)) if said)


class DeskPanes:
    def __init__(self, *, flash: bool = True) -> None:
        """``flash``: a last price that changed is marked for a moment."""
        self.ticks = TicksPane(id="ticks", flash=flash)
        self.opportunities = OpportunitiesPane(id="opportunities")
        self.positions = PositionsPane(id="positions")
        self.orders = OrdersPane(id="orders")
        self.strategies = StrategiesPane(id="strategies")
        self.logs = LogsPane(id="logs")
        self.market = MarketPane(id="market")
        self.desk = DeskPane(id="desk-pane")
        self.funnel = FunnelStrip(id="funnel")
        self.all: tuple[Widget, ...] = (
            self.ticks,
            self.opportunities,
            self.positions,
            self.orders,
            self.strategies,
            self.logs,
            self.market,
            self.desk,
        )
        """By number, from 1."""
        self.numbers: dict[Widget, int] = {
            **{pane: number for number, pane in enumerate(self.all, 1)},
            self.funnel: FUNNEL,
        }
        self.grids: tuple[Grid, ...] = (
            self.ticks,
            self.opportunities,
            self.positions.grid,
            *self.orders.grids,
            *self.strategies.grids,
            self.logs,
            *self.desk.grids,
        )

    def paint(
        self,
        view: DeskView,
        *,
        lost: bool,
        watchlist: Watchlist | None,
        frozen: bool = False,
        only: Widget | None = None,
    ) -> int:
        """Draw what changed; ``lost``: it is of the past; ``watchlist``: of the ticks, None for all;
        ``frozen``: no more is asked for; ``only``: of this pane.

        Returns the number of lines.
        """

        def seen(pane: Widget) -> bool:
            return pane.display and (only is None or pane is only)

        for grid in (*self.grids, self.strategies.below):
            grid.faded = lost
        now, lines = view.now_ns, 0
        if seen(self.ticks):
            warm = view.status is None or view.status.phase not in WARMING
            rows = self._listed_ticks(view, watchlist)
            lines += self.ticks.show(
                ((row, view.tick_age_ns(row) if warm else None) for row in rows),
                ordered=watchlist is not None,
                past=lost,
            )
        if seen(self.opportunities):
            lines += self.opportunities.show(view.opportunities.values(), now)
        if seen(self.positions):
            halted = view.risk_state == "halted"
            lines += self.positions.grid.show(view.positions.values(), now, halted=halted)
            lines += self.positions.totals.show(view.account, lost, view.is_worth_stale)
        if seen(self.orders):
            lines += self.orders.show(view.orders.values(), now)
        if seen(self.strategies):
            lines += self._paint_strategies(view, now)
        if seen(self.logs):
            lines += self.logs.show(view.logs.values(), now)
        if seen(self.market):
            lines += self.market.show(view.market, now, faded=lost, frozen=frozen)
        if seen(self.desk):
            lines += self._paint_desk(view, lost)
        if seen(self.funnel) and view.status is not None:
            lines += self.funnel.show(view.status.funnel, view.status.drops, faded=lost)
        return lines

    def _listed_ticks(self, view: DeskView, listed: Watchlist | None) -> list[TickRow]:
        """The symbols of the watchlist in its order, and what is held or ordered; all without a list."""
        if listed is None:
            self.ticks.mode = ""
            self.ticks.say_empty(TicksPane.EMPTY)
            return list(view.ticks.values())
        held = {*view.positions, *(row.symbol for row in view.orders.values() if row.state not in FINAL)}
        rows = [view.ticks[symbol] for symbol in listed.shown(view.ticks, held)]
        name = clean(listed.name, 24)
        self.ticks.mode = f"{name} ({len(rows)} of {len(view.ticks)})"
        none_of_it = f"nothing here is in watchlist {name}: {len(view.ticks)} symbols are left out"
        self.ticks.say_empty(none_of_it if view.ticks else TicksPane.EMPTY)
        return rows

    def _paint_strategies(self, view: DeskView, now: int) -> int:
        pane, lines = self.strategies, 0
        if pane.strategies.display:
            lines += pane.strategies.show(view.strategies.values(), now)
        pane.below.sort_as(pane.models)
        for models in (pane.models, pane.below):
            if models.display:
                lines += models.show(view.models.values(), now)
        if pane.automations.display:
            lines += pane.automations.show(view.automations.values(), now)
        if pane.tabs.display:
            counts = (len(view.strategies), len(view.models), len(view.automations))
            lines += pane.tabs.show(pane.tab, counts)
        return lines

    def _paint_desk(self, view: DeskView, lost: bool) -> int:
        return self.desk.show(
            view.status,
            curve=view.curve,
            limits=view.limits,
            account=view.account,
            strategies=view.strategies.values(),
            latency=view.latency,
            stale=view.is_worth_stale,
            faded=lost,
        )

    def counts(self, view: DeskView) -> tuple[int, ...]:
        """How many rows wait in each pane; 0 where that says nothing."""
        live = sum(row.status == "live" for row in view.opportunities.values())
        at_work = sum(row.state not in FINAL for row in view.orders.values())
        return (len(view.ticks), live, len(view.positions), at_work, len(view.strategies), 0, 0, 0)
