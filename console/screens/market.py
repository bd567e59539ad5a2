"""The market of one symbol on the whole screen: the chart large, book and time & sales beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console.keymap import keys_of
from console.screens.modal import Modal
from widgets.box import Box
from widgets.keys import KeysBar
from widgets.market.pane import MarketPane
from widgets.status import StatusBar, StatusView
from widgets.titles import entitle

if TYPE_CHECKING:
    from console.market import MarketApp

_FOOTER = (
    ("interval", "interval"),
    ("study", "indicators"),
    ("tab_right", "part"),
    ("left", "older"),
    ("right", "newer"),
    ("end", "newest"),
    ("ticket", "order"),
    ("freeze", "freeze"),
    ("halt", "HALT"),
    ("dialog_close", "close"),
)


class MarketScreen(Modal[None], inherit_bindings=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "close", show=False, id="dialog_close"),
        Binding("i", "app.interval", show=False, id="interval"),
        Binding("I", "app.study", show=False, id="study"),
        Binding("right_square_bracket", "tab(1)", show=False, id="tab_right"),
        Binding("left_square_bracket", "tab(-1)", show=False, id="tab_left"),
        Binding("h,left", "in_time(-1)", show=False, id="left"),
        Binding("l,right", "in_time(1)", show=False, id="right"),
        Binding("j,down", "move(1)", show=False, id="down"),
        Binding("k,up", "move(-1)", show=False, id="up"),
        Binding("pagedown", "page(1)", show=False, id="pagedown"),
        Binding("pageup", "page(-1)", show=False, id="pageup"),
        Binding("g,home", "home", show=False, id="home"),
        Binding("G,end", "end", show=False, id="end"),
        Binding("o", "app.ticket", show=False, id="ticket"),
        Binding("f", "freeze", show=False, id="freeze"),
        Binding("S", "app.screenshot", show=False, id="screenshot"),
    ]
    DEFAULT_CSS = """
    MarketScreen {
        & > .dialog { width: 100%; height: 100%; padding: 0; }
        & StatusBar { height: 1; }
        & MarketPane { height: 1fr; }
        & KeysBar { height: 1; }
        & ToastRack { margin-bottom: 2; }  /* above the keys */
    }
    """

    def __init__(self, study: str) -> None:
        super().__init__()
        self.pane = MarketPane(number=0)
        self.pane.chart.study = study
        self.status_bar = StatusBar()
        self._keys = KeysBar()
        self.dialog = Box(self.status_bar, self.pane, self._keys, classes="dialog")

    def compose(self) -> ComposeResult:
        yield self.dialog

    def on_mount(self) -> None:
        self.pane.make_tabbed(True)
        self.set_focus(self.pane.grid)
        keys = keys_of(self.app)
        self._keys.show([(keys.shown(id), label) for id, label in _FOOTER])

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._market.follow_market)

    @property
    def _market(self) -> MarketApp:
        return cast("MarketApp", self.app)

    def tell(self, text: str, status: StatusView) -> None:
        """What the desk's banner and its status bar say of all that is shown."""
        entitle(self.dialog, text)
        self.status_bar.show(status)

    def action_tab(self, step: int) -> None:
        self.pane.go_to((self.pane.tab + step) % len(self.pane.names))
        self.set_focus(self.pane.grid)
        self._market.follow_market()

    def action_in_time(self, bars: int) -> None:
        self.pane.chart.move_by(bars)

    def action_move(self, lines: int) -> None:
        self.pane.grid.move_by(lines)

    def action_page(self, pages: int) -> None:
        self.pane.grid.move_page(pages)

    def action_home(self) -> None:
        self.pane.grid.move_home()

    def action_end(self) -> None:
        self.pane.grid.move_end()

    def action_freeze(self) -> None:
        self._market.desk.action_freeze()
        self._market.follow_market()
