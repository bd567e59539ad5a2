"""The desk: every pane at once where they fit, one at a time where they do not."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from console.keymap import PANES, bindings, footer
from console.link_protocol import LinkState
from console.view import DeskView
from widgets.banner import Banner
from widgets.coach import Coach
from widgets.funnel import FunnelStrip
from widgets.grid import Grid
from widgets.keys import KeysBar
from widgets.logs import LogsPane
from widgets.opportunities import OpportunitiesPane
from widgets.orders import FINAL, OrdersPane
from widgets.positions import PositionsPane
from widgets.status import STALE_S, WARMING, StatusBar, StatusView
from widgets.strategies import StrategiesPane
from widgets.tabbed import TabbedPane
from widgets.tabs import PaneTabs
from widgets.ticks import TicksPane

COMPACT = (80, 24)
"""Least columns and rows for one full pane; below, only status and positions are shown."""
MEDIUM = (110, 36)
"""Least for two panes side by side."""
WIDE = (160, 36)
"""Least for three."""
_OPPORTUNITIES, _POSITIONS = 2, 3
_LAYOUTS = ("-tiny", "-compact", "-medium", "-wide")


def layout_for(width: int, height: int) -> str:
    """The name of the layout that fits a terminal of this size."""
    fitting = "-tiny"
    for name, (columns, rows) in zip(_LAYOUTS[1:], (COMPACT, MEDIUM, WIDE), strict=True):
        if width >= columns and height >= rows:
            fitting = name
    return fitting


def grid_of(pane: Widget) -> Grid:
    """The table of a pane: the pane itself, or the one that is open in it."""
    if isinstance(pane, Grid):
        return pane
    assert isinstance(pane, (TabbedPane, PositionsPane))
    return pane.grid


class DeskScreen(Screen[None], inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    AUTO_FOCUS = None

    def __init__(self, view: DeskView, *, first_run: bool = False, stale_s: float = STALE_S) -> None:
        super().__init__(id="desk")
        self.view = view
        self.frozen = False
        self.zoomed = False
        self.notice = ""
        """What became, or may become, of a command; above all else but a wait."""
        self.receipt = ""
        """Of what was stopped; until Esc."""
        self.waiting = ""
        """The command that the engine has not answered yet."""
        self._chosen = 1
        self._stale_s = stale_s
        self._silent_s = 0
        self._first_run = first_run
        self.status_bar = StatusBar(id="status")
        self.banner = Banner(id="banner")
        self.tabs = PaneTabs(PANES, id="tabs")
        self.ticks = TicksPane(id="ticks")
        self.opportunities = OpportunitiesPane(id="opportunities")
        self.positions = PositionsPane(id="positions")
        self.orders = OrdersPane(id="orders")
        self.strategies = StrategiesPane(id="strategies")
        self.funnel = FunnelStrip(id="funnel")
        self.logs = LogsPane(id="logs")
        self.keys = KeysBar(id="keys")
        self.panes: tuple[Widget, ...] = (
            self.ticks,
            self.opportunities,
            self.positions,
            self.orders,
            self.strategies,
            self.logs,
        )

        self.grids: tuple[Grid, ...] = (
            self.ticks,
            self.opportunities,
            self.positions.grid,
            *self.orders.grids,
            *self.strategies.grids,
            self.logs,
        )

    def compose(self) -> ComposeResult:
        yield self.status_bar
        yield self.banner
        yield self.tabs
        with Container(id="panes"):
            yield self.ticks
            yield self.opportunities
            yield self.strategies
            yield self.positions
            yield self.orders
            yield self.funnel
            yield self.logs
        yield self.keys
        if self._first_run:
            yield Coach(id="coach")

    def on_mount(self) -> None:
        for number, pane in enumerate(self.panes, 1):
            pane.add_class("pane")
            self._entitle(number)
        self.funnel.border_title = "Funnel"
        self.go_to(1)

    def on_resize(self, event: events.Resize) -> None:
        layout = layout_for(*event.size)
        for name in _LAYOUTS:
            self.set_class(name == layout, name)
        self._show_layout()
        self.set_focus(self.grid)  # the pane that had it may be hidden now

    @property
    def layout_name(self) -> str:
        return next((name for name in _LAYOUTS if self.has_class(name)), "-wide")

    @property
    def active(self) -> int:
        """The pane (1 to 6) that the keys work on: the chosen one, where there is more than one."""
        return _POSITIONS if self.has_class("-tiny") else self._chosen

    # --- drawing ---------------------------------------------------------------------------------

    def paint(self, *, force: bool = False, traffic: str = "") -> int:
        """Draw what changed in the view since the last time. Returns the number of lines that changed."""
        view, silent_s = self.view, int(self.view.silent_s)
        if not (view.changed or force or silent_s != self._silent_s) or not self.is_mounted:
            return 0
        view.changed = False
        self._silent_s = silent_s
        lines = self.status_bar.show(
            StatusView(
                view.status,
                list(view.feeds.values()),
                list(view.models.values()),
                view.link.value,
                traffic,
                silent_s,
                self._stale_s,
            )
        )
        self._paint_banner()
        self._paint_keys()
        if self.frozen:
            return lines
        lost = view.link in (LinkState.LOST, LinkState.ENGINE_GONE)
        for grid in self.grids:
            grid.faded = lost
        return lines + self._paint_panes(lost)

    def _paint_panes(self, lost: bool) -> int:
        view, now, lines = self.view, self.view.now_ns, 0
        if self.ticks.display:
            warm = view.status is None or view.status.phase not in WARMING
            lines += self.ticks.show(
                (row, view.tick_age_ns(row) if warm else None) for row in view.ticks.values()
            )
        if self.opportunities.display:
            lines += self.opportunities.show(view.opportunities.values(), now)
        if self.positions.display:
            halted = view.risk_state == "halted"
            lines += self.positions.grid.show(view.positions.values(), now, halted=halted)
            lines += self.positions.totals.show(view.account, lost)
        if self.orders.display:
            lines += self.orders.show(view.orders.values())
        if self.strategies.display:
            lines += self._paint_strategies(now)
        if self.logs.display:
            lines += self.logs.show(view.logs.values())
        if self.funnel.display and view.status is not None:
            lines += self.funnel.show(view.status.funnel, view.status.drops, faded=lost)
        if self.tabs.display:
            live = sum(row.status == "live" for row in view.opportunities.values())
            at_work = sum(row.state not in FINAL for row in view.orders.values())
            counts = (len(view.ticks), live, len(view.positions), at_work, len(view.strategies), 0)
            lines += self.tabs.show(self.active, counts)
        return lines

    def _paint_strategies(self, now: int) -> int:
        view, pane = self.view, self.strategies
        lines = 0
        if pane.strategies.display:
            lines += pane.strategies.show(view.strategies.values(), now)
        if pane.models.display:
            lines += pane.models.show(view.models.values(), now)
        if pane.automations.display:
            lines += pane.automations.show(view.automations.values(), now)
        if pane.tabs.display:
            counts = (len(view.strategies), len(view.models), len(view.automations))
            lines += pane.tabs.show(pane.tab, counts)
        return lines

    def _paint_banner(self) -> None:
        """The most urgent thing to say across the screen, or nothing."""
        view = self.view
        detail = f": {view.link_detail}" if view.link_detail else ""
        if self.waiting:
            self.banner.show(f"{self.waiting} sent, waiting for the engine…", "badge-warn")
        elif self.notice:
            self.banner.show(self.notice)
        elif view.link is LinkState.ENGINE_GONE:
            self.banner.show(f"ENGINE GONE{detail} · what you see is the past")
        elif view.link is LinkState.LOST:
            self.banner.show(f"LINK LOST{detail} · what you see is the past · reconnecting")
        elif self.frozen:
            self.banner.show("DISPLAY FROZEN · the desk goes on behind it · f thaws", "badge-warn")
        elif self.has_class("-tiny"):
            columns, rows = COMPACT
            self.banner.show(f"terminal too small: {columns}×{rows} shows the desk", "badge-warn")
        elif self.receipt:
            self.banner.show(f"{self.receipt} · Esc closes", "badge-good")
        elif view.status is not None and not self.status_bar.reason_is_whole:
            self.banner.show(f"{view.risk_state.upper()}: {view.status.risk_reason}", "badge-warn")
        else:
            self.banner.show("")

    def _paint_keys(self) -> None:
        self.keys.show(footer(self.active, self.view.risk_state, tiny=self.has_class("-tiny")))

    # --- panes -----------------------------------------------------------------------------------

    @property
    def grid(self) -> Grid:
        """The table of the active pane."""
        return grid_of(self.panes[self.active - 1])

    def go_to(self, number: int) -> None:
        """Make a pane (1 to 6) the active one; where only the positions fit, they stay."""
        if self.has_class("-tiny"):
            return
        self._chosen = number
        self._show_layout()
        self.set_focus(self.grid)

    def _show_layout(self) -> None:
        layout = self.layout_name
        single = self.zoomed or layout == "-compact"
        for index, pane in enumerate(self.panes, 1):
            pane.set_class(index == self.active, "-active")
            if layout == "-tiny":
                pane.display = pane is self.positions
            else:
                pane.display = not single or index == self.active or (pane is self.logs and not self.zoomed)
        # Where there is no room for the funnel, what fell stands below the opportunities.
        below = layout == "-compact" and self.active == _OPPORTUNITIES and not self.zoomed
        self.funnel.display = below or (not single and layout != "-tiny")
        self.strategies.make_brief(layout == "-medium" and not single)
        for pane in (self.orders, self.strategies):
            pane.make_tabbed(layout == "-compact")
        self.set_class(single, "-single")
        self.logs.header = self.logs.HEADER and not (layout == "-compact" and self.active != len(PANES))
        self.tabs.activate(self.active)
        self.paint(force=True)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        # A click focuses a table without a key: the active pane follows.
        for number, pane in enumerate(self.panes, 1):
            if number != self.active and pane in event.widget.ancestors_with_self:
                self.go_to(number)
                return

    def on_pane_tabs_picked(self, event: PaneTabs.Picked) -> None:
        self.go_to(event.number)

    def action_pane(self, number: int) -> None:
        self.go_to(number)

    def action_next_pane(self, step: int) -> None:
        self.go_to((self.active - 1 + step) % len(PANES) + 1)

    def action_move(self, lines: int) -> None:
        self.grid.move_by(lines)

    def action_page(self, pages: int) -> None:
        self.grid.move_page(pages)

    def action_home(self) -> None:
        self.grid.move_home()

    def action_end(self) -> None:
        self.grid.move_end()

    def action_zoom(self) -> None:
        self.zoomed = True
        self._show_layout()

    def action_unzoom(self) -> None:
        self.zoomed = False
        self._show_layout()

    def action_sort(self) -> None:
        self.grid.next_sort()
        self._entitle(self.active)
        self.paint(force=True)

    def action_tab(self, step: int) -> None:
        """The next table of a pane that has several."""
        pane = self.panes[self.active - 1]
        if isinstance(pane, TabbedPane):
            pane.go_to((pane.tab + step) % len(pane.grids))
            self._entitle(self.active)
            self.set_focus(self.grid)
            self.paint(force=True)

    def _entitle(self, number: int) -> None:
        """Name a pane by number, name or tabs, and how it is sorted."""
        pane = self.panes[number - 1]
        name = pane.title if isinstance(pane, TabbedPane) else PANES[number - 1]
        mode = grid_of(pane).sort_mode
        pane.border_title = f"{number} {name}" + (f" · by {mode}" if mode else "")

    def action_freeze(self) -> None:
        self.frozen = not self.frozen
        self.paint(force=True)

    def action_close_inner(self) -> None:
        """Esc: the innermost thing that can be closed."""
        coach = self.query(Coach)
        if coach:
            coach.remove()
        elif self.notice or self.receipt:
            self.notice = self.receipt = ""
            self.paint(force=True)
        elif self.frozen:
            self.action_freeze()
        elif self.zoomed:
            self.action_unzoom()
