"""The desk: every pane at once where they fit, one at a time where they do not."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from console.keymap import PANES, KeyMap, bindings, footer, keys_of
from console.screens.active_pane import ActivePaneScreen
from console.screens.desk_banner import Said, banner
from console.screens.desk_frames import Frames
from console.screens.desk_layout import (
    DESK,
    LAYOUTS,
    LOG,
    MARKET,
    POSITIONS,
    SYMBOL_PANES,
    TICKS,
    PanesArea,
    Scene,
    layout_for,
)
from console.screens.desk_panes import DeskPanes, Part, left_out, part_of
from console.view import DeskView
from console.watchlist import Watchlist
from widgets.banner import Banner
from widgets.coach import Coach
from widgets.command_line import CommandPlace
from widgets.keys import KeysBar
from widgets.status import STALE_S, StatusBar, StatusView
from widgets.tabs import PaneTabs

LEAST_POINTS, MOST_POINTS = 60, 1000


class DeskScreen(ActivePaneScreen, inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    AUTO_FOCUS = None

    def __init__(
        self, view: DeskView, *, first_run: bool = False, stale_s: float = STALE_S, flash: bool = True
    ) -> None:
        """``stale_s``: see ``StatusView``; ``flash``: see ``DeskPanes``."""
        super().__init__(id="desk")
        self.view = view
        self._still: DeskView | None = None
        """What the panes show while the display is frozen; None: it is not."""
        self.zoomed = False
        self.hidden: frozenset[int] = frozenset()
        """Panes that a person does not want to see."""
        self.alerts = 0
        """That came and were not seen off by Esc yet."""
        self.watchlist: Watchlist | None = None
        """Of the ticks; None: all symbols."""
        self.notice = ""
        """What became, or may become, of a command; above all else but a wait."""
        self.receipt = ""
        """Of what was stopped; until Esc."""
        self.waiting = ""
        """The command that the engine has not answered yet."""
        self.left: tuple[Part, str | None] | None = None
        """The table of ``SYMBOL_PANES`` that was active before, and the row selected there."""
        self.is_placed = False
        """Its size is known: before, the panes of the widest layout are displayed, and nobody sees them."""
        self._chosen = 1
        self._beside = MARKET
        self._stale_s = stale_s
        self._silent_s = 0
        self._first_run = first_run
        self._frames = Frames()
        self._footers: dict[tuple[int, str, bool, KeyMap, bool], list[tuple[str, str]]] = {}
        self.status_bar = StatusBar(id="status")
        self.status_view = StatusView(None, (), (), "connecting")
        """What its bar shows, for the screens that cover it."""
        self.banner = Banner(id="banner")
        self.tabs = PaneTabs(PANES, id="tabs")
        self.keys = KeysBar(id="keys")
        panes = self._panes = DeskPanes(flash=flash)
        self.ticks, self.opportunities, self.positions = panes.ticks, panes.opportunities, panes.positions
        self.orders, self.strategies, self.logs = panes.orders, panes.strategies, panes.logs
        self.market, self.desk_pane, self.funnel = panes.market, panes.desk, panes.funnel
        self.panes, self.grids = panes.all, panes.grids
        self.area = PanesArea(panes.numbers, id="panes")
        self.line_place = CommandPlace()

    def compose(self) -> ComposeResult:
        yield self.status_bar
        yield self.banner
        yield self.tabs
        yield self.area
        yield self.keys
        yield self.line_place
        if self._first_run:
            yield Coach(keys_of(self.app).shown, id="coach")

    def on_mount(self) -> None:
        for number, pane in enumerate(self.panes, 1):
            pane.add_class("pane")
            self.entitle(number)
        self.show_layout()
        self.set_focus(self.grid)

    def on_resize(self) -> None:
        layout = layout_for(*self.app.size)  # what is told late was of another
        for name in LAYOUTS:
            self.set_class(name == layout, name)
        self.is_placed = True
        self.show_layout()
        if self._search is not None:
            self.call_after_refresh(self.place_search)  # letters that are typed in it are no keys
        else:
            self.set_focus(self.grid)  # the pane that had it may be hidden now

    @property
    def frozen(self) -> bool:
        return self._still is not None

    @property
    def shown(self) -> DeskView:
        """What the panes are drawn from: frozen, all of them are of one moment, whichever is looked at."""
        return self._still or self.view

    @property
    def layout_name(self) -> str:
        return next((name for name in LAYOUTS if self.has_class(name)), "-wide")

    @property
    def active(self) -> int:
        """The pane (1 to 8) that the keys work on: the chosen one, where there is more than one."""
        return POSITIONS if self.has_class("-tiny") else self._chosen

    # --- drawing ---------------------------------------------------------------------------------

    def paint(self, *, force: bool = False, traffic: str = "") -> int:
        """Draw what changed in the view since the last time. Returns the number of lines that changed."""
        view, silent_s = self.view, int(self.view.silent_s)
        changed = view.changed or force or silent_s != self._silent_s
        if not changed or not self.is_mounted:
            return 0
        view.changed = False
        self._silent_s = silent_s
        self.status_view = StatusView(
            view.status,
            list(view.feeds.values()),
            list(view.models.values()),
            view.link.value,
            traffic,
            silent_s,
            self._stale_s,
            view.standing.badge(keys_of(self.app).words("{control}")),
            self.alerts,
            view.is_worth_stale,
        )
        lines = self.status_bar.show(self.status_view)
        self._paint_banner()
        self._paint_keys()
        if self.frozen and not force:
            return lines
        mode = self.ticks.mode
        lines += self._paint_panes()
        if self.tabs.display:
            lines += self.tabs.show(self.active, self._panes.counts(self.shown))
        for number, pane in enumerate(self.panes, 1):
            if left_out(part_of(pane)):
                self.entitle(number)  # its counts change
        if mode != self.ticks.mode:
            self.entitle(TICKS)
        return lines

    def sees(self, name: str) -> bool:
        """Whether a pane in sight is drawn from what ``DeskView`` keeps under ``name``."""
        if self.frozen:
            return False
        if name == "account" and self.positions.display:
            return True
        return self.desk_pane.display and self.desk_pane.needs(name)

    @property
    def curve_points(self) -> int:
        """Of the equity curve: two for every cell."""
        return min(max(2 * self.desk_pane.size.width, LEAST_POINTS), MOST_POINTS)

    def _paint_banner(self) -> None:
        said = Said(
            self.waiting,
            self.notice,
            self.receipt,
            self.frozen,
            self.has_class("-tiny"),
            self.status_bar.reason_is_whole,
            keys_of(self.app).shown("freeze") or ":freeze",
        )
        self.banner.show(*banner(self.view, said))

    def _paint_keys(self) -> None:
        reads = self.view.standing.read_only
        told = self.active, self.view.risk_state, self.has_class("-tiny"), keys_of(self.app), reads
        if told not in self._footers:
            pane, risk, tiny, keys, reads = told
            self._footers[told] = footer(pane, risk, tiny=tiny, keys=keys, reads=reads)
        self.keys.show(self._footers[told])

    # --- panes -----------------------------------------------------------------------------------

    def go_to(self, number: int) -> None:
        """Make a pane (1 to 8) the active one; where only the positions fit, they stay."""
        if self.has_class("-tiny"):
            return
        if self._chosen in SYMBOL_PANES and number != self._chosen:
            self.left = self.grid, self.grid.cursor_key
        if number != self._chosen:
            for coach in self._coaches():
                coach.remove()  # who walks has read it, and wants to see the panes
        self._chosen = number
        self.hidden -= {number}  # who goes there wants to see it
        if number in (MARKET, DESK):
            self._beside = number
        scene = self.scene
        if self.area.stands(scene):
            self._mark_active()
            self._paint_keys()
        elif self.is_mounted and scene.turns(self.area.scene):
            self._turn_to(scene)
        else:
            self.show_layout()
        self.set_focus(self.grid)

    def _turn_to(self, scene: Scene) -> None:
        """Show another pane in the place of the one that has the screen: all else stays as it is."""
        before = {pane for pane in self._panes.numbers if pane.display}
        self._display(scene)
        self.entitle(self.active)
        self._mark_active()
        self._paint_keys()
        for pane in self._panes.numbers:
            if pane.display and (pane not in before or pane is self.logs):
                self._paint_panes(pane)
        if self.tabs.display:
            self.tabs.show(self.active, self._panes.counts(self.shown))

    def paint_pane(self, pane: Widget) -> None:
        if self.is_mounted:
            self._paint_panes(pane)

    def _paint_panes(self, only: Widget | None = None) -> int:
        """``only``: one of them; None: all that are seen."""
        view = self.shown
        return self._panes.paint(
            view, lost=view.is_past, frozen=self.frozen, watchlist=self.watchlist, only=only
        )

    def _coaches(self) -> list[Coach]:
        return [child for child in self.children if isinstance(child, Coach)]

    def hide(self, number: int) -> None:
        """Do without a pane, or show it again; the last one stays."""
        if number in self.hidden:
            self.go_to(number)
            return
        left = [other for other in range(1, len(PANES) + 1) if other not in self.hidden | {number}]
        if left:
            self.hidden |= {number}
            self.go_to(self._chosen if self._chosen in left else left[0])

    @property
    def scene(self) -> Scene:
        return Scene(self.layout_name, self.size.height, self.active, self.zoomed, self.hidden, self._beside)

    def show_layout(self) -> None:
        """Put each pane where it belongs now, and draw what is seen."""
        scene, layout = self.scene, self.layout_name
        self._display(scene)
        shared = scene.shared and not {MARKET, DESK} & self.hidden
        for number, other in ((MARKET, DESK), (DESK, MARKET)):
            here = f"{other} {PANES[other - 1]} stands here too"
            self.panes[number - 1].border_subtitle = here if shared else ""
        self.strategies.make_brief(layout == "-medium" and not self.zoomed)
        for tabbed in (self.orders, self.strategies, self.market, self.desk_pane):
            tabbed.make_tabbed(layout == "-compact")
        for number in range(1, len(PANES) + 1):
            self.entitle(number)
        self._mark_active()
        self.paint(force=True)

    def _display(self, scene: Scene) -> None:
        shown = scene.shown()
        for pane, number in self._panes.numbers.items():
            pane.display = number in shown
        # A few lines of the log need no heading.
        self.logs.header = self.logs.HEADER and scene.single and self.active == LOG

    def _mark_active(self) -> None:
        active = self.active
        for number, pane in enumerate(self.panes, 1):
            self._frames.mark(pane, number == active)
        self.area.stage(self.scene)
        self.tabs.activate(self.active)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        # A click focuses a table without a key: the active pane follows. Of keys that come faster than the
        # focus is told, what an earlier one led to is the past.
        if event.widget is not self.focused:
            return
        for number, pane in enumerate(self.panes, 1):
            if number != self.active and pane in event.widget.ancestors_with_self:
                self.go_to(number)
                return

    def on_pane_tabs_picked(self, event: PaneTabs.Picked) -> None:
        self.go_to(event.number)

    def action_pane(self, number: int) -> None:
        self.go_to(number)

    def action_next_pane(self, step: int) -> None:
        """The next one that is not hidden."""
        number = self.active
        for _ in PANES:
            number = (number - 1 + step) % len(PANES) + 1
            if number not in self.hidden:
                break
        self.go_to(number)

    def action_hide_pane(self, number: int) -> None:
        self.hide(number)

    def action_zoom(self) -> None:
        self.zoomed = True
        self.show_layout()

    def action_unzoom(self) -> None:
        self.zoomed = False
        self.show_layout()

    # --- what is told, and what Esc takes back -------------------------------------------------------

    def note_alerts(self, count: int) -> None:
        """So many came: marked until Esc."""
        self.alerts += count
        self.paint(force=True)

    def action_freeze(self) -> None:
        if self.view.status is None:
            self.app_says("nothing is shown yet that could be frozen")
            return
        self._still = None if self.frozen else self.view.still()
        self.paint(force=True)

    def thaw(self) -> None:
        """What it shows is of a desk that is not shown any more."""
        self._still = None

    def action_close_inner(self) -> None:
        """Esc: the innermost thing that can be closed."""
        if coaches := self._coaches():
            for coach in coaches:
                coach.remove()
        elif self.notice or self.receipt:
            self.notice = self.receipt = ""
            self.paint(force=True)
        elif self.alerts:
            self.alerts = 0
            self.paint(force=True)
        elif self.end_search():
            pass
        elif self.frozen:
            self.action_freeze()
        elif self.zoomed:
            self.action_unzoom()
