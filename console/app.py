"""The terminal application: it draws the view state on one interval and turns keys into commands."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events, work
from textual.app import SystemCommand
from textual.binding import Binding
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import WorkerFailed

from console.alerts import SILENT, AlertsApp, Notices
from console.commands import DeskCommands, Palette
from console.control import ControlApp
from console.crash_log import CONSOLE
from console.driver import DeskDriver
from console.exporting import ExportingApp
from console.keymap import DEFAULT_KEYS, OPENING_PANES, ORDERS_PANE, KeyMap, sent_at_once
from console.keymap.key_names import key_name
from console.keystrokes import KeystrokesApp
from console.link_protocol import Link, LinkState
from console.market import MarketApp
from console.memory import ConsoleMemory
from console.patient import bytes_written
from console.replay import ReplayApp
from console.screens.bus import BusScreen
from console.screens.daily import DailyScreen
from console.screens.desk import DeskScreen
from console.screens.desk_layout import DESK, MARKET
from console.screens.feeds import FeedsScreen
from console.screens.leave import DETACH, FLATTEN_STOP, HALT_STOP, KILL, LeaveScreen
from console.screens.signals import SignalsScreen
from console.screens.weights import WeightsScreen
from console.spare_dialogs import SpareDialogsApp
from console.style_cache import keep_no_closed_widgets
from console.tapes import Tapes
from console.themes import PLAIN, Looks, ThemesApp
from console.traffic import Traffic
from console.view import DeskView
from console.watchlists import WatchlistsApp
from engine.api.protocol import StrategyPatch
from engine.errors import LinkError
from engine.text import clean
from widgets.desk_pane import EQUITY, LATENCY
from widgets.keys import KeysBar
from widgets.status import STALE_S


class DeskApp(
    ReplayApp,
    ControlApp,
    MarketApp,
    SpareDialogsApp,
    WatchlistsApp,
    AlertsApp,
    ExportingApp,
    ThemesApp,
    KeystrokesApp,
    inherit_bindings=False,
):
    """The console of one desk. ``frames_per_s`` bounds how often the screen is drawn."""

    TITLE = "tickdesk"
    CSS_PATH = Path(__file__).with_name("desk.tcss")
    COMMANDS: ClassVar[set[Any]] = {DeskCommands}
    ALLOW_SELECT = False
    ENABLE_COMMAND_PALETTE = False
    """Textual would bind a key of its own to it, on every screen; ours is in the key table."""
    BINDINGS: ClassVar[list[Any]] = [
        # Before what has the focus, be it a line of text or the palette of actions.
        Binding("ctrl+g", "halt", show=False, id="halt_anywhere", priority=True),
        Binding("ctrl+l", "redraw", show=False, id="redraw", priority=True),
    ]

    def __init__(
        self,
        link: Link,
        *,
        frames_per_s: float = 4.0,
        first_run: bool = False,
        stale_s: float = STALE_S,
        flash: bool = True,
        **options: Any,
    ) -> None:
        """``options``: what the classes above and Textual's take, as in ``run``."""
        super().__init__(**options)
        self.use_command_palette = True
        keep_no_closed_widgets()
        self.link = link
        self.view = DeskView()
        self.view.console, self.view.token_reads = link.console, link.token_reads
        self.animation_level = "none"
        self._frames_per_s = frames_per_s
        self._stale_s = stale_s
        self._traffic = Traffic()
        self.desk = DeskScreen(self.view, first_run=first_run, stale_s=stale_s, flash=flash)

    def get_default_screen(self) -> Screen[Any]:
        return self.desk

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: the key table is the palette."""
        return ()

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def on_mount(self) -> None:
        self.begin_with_layout()
        self._say_what_keys_are_wrong()
        self.set_interval(1 / self._frames_per_s, self.paint)
        self._run_link()
        self.keep_spares()
        # What is there now stays: the collector need not walk it again and again.
        self.call_after_refresh(gc.freeze)

    def _say_what_keys_are_wrong(self) -> None:
        if mistakes := self.key_map.mistakes:
            more = f" · {len(mistakes) - 1} more" if len(mistakes) > 1 else ""
            lists = self.key_map.words("{help} lists what has its default keys")
            self.say(f"{clean(mistakes[0], 130)}{more} · {lists}", "error", title="keys")

    def _handle_exception(self, error: Exception) -> None:
        """What goes with the app may miss what went before it: that is no crash."""
        if isinstance(error, WorkerFailed):
            error.__cause__ = error.error  # which tells where it was
        if self._exit:
            CONSOLE.warning("while the console ended", exc_info=error)
        else:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual would print the traceback with all that its functions held: ``run`` raises the fault."""
        self.bell()
        self._close_messages_no_wait()

    # --- the stream ------------------------------------------------------------------------------

    @work(group="link", exclusive=True)
    async def _run_link(self) -> None:
        view = self.view
        try:
            await self.link.run(view.merge, partial(self.link_changed, view))
        except LinkError as error:
            self.exit(return_code=error.exit_code, message=Text(f"tickdesk: {error}"))

    def link_changed(self, view: DeskView, state: LinkState, detail: str) -> None:
        """``view``: of the desk whose link it is, which may be behind a replay."""
        ended = (state is LinkState.ENGINE_GONE) != (view.link is LinkState.ENGINE_GONE)
        view.set_link(state, clean(detail, 120))
        if view is not self.view:
            return
        if state is LinkState.UP:
            self.ask_anew()
        else:
            self.paint()  # at once, not at the next frame
        if ended and isinstance(self.screen, LeaveScreen):
            # What it says and offers is no longer so.
            self.screen.dismiss(None)
            self.action_leave()

    def paint(self) -> None:
        """Draw what changed; toast what must be seen."""
        if not self._screen_stack:
            return  # the timer's last call, at the end
        heard = self.view.link is LinkState.UP and not self.view.silent_s
        if self._wanted_state and heard and self.view.risk_state == self._wanted_state:
            # It came after all.
            self._wanted_state = self.desk.notice = ""
        self.ask_what_is_due()
        self.follow_market()
        self.desk.paint(traffic=self._measure_traffic())
        if isinstance(self.screen, LeaveScreen):
            self.screen.follow(self.view.risk_state, len(self.view.positions))
        self.tell_alerts(self.view.take_alerts())

    def _measure_traffic(self) -> str:
        """Bytes per second from the engine and to the terminal."""
        written = bytes_written(self)
        if written is None:
            return ""
        return self._traffic.text(self.link, written, time.monotonic_ns())

    def action_reload(self) -> None:
        """What the selected row is made of: a strategy of its file, everything else of the model's."""
        pane, grid = self.desk.strategies, self.desk.grid
        if grid is pane.automations:
            self.say("automations need no reload: what is put or switched works at once")
        elif grid is pane.strategies and grid.cursor_key not in self.view.models:
            self.command("the strategies' reload", self.link.reload_strategies)
        else:
            self.action_reload_model()

    def action_reload_all(self) -> None:
        self.action_reload_model()
        self.command("the strategies' reload", self.link.reload_strategies)

    def action_switch_row(self) -> None:
        pane, grid, key = self.desk.strategies, self.desk.grid, self.desk.grid.cursor_key or ""
        strategy, automation = self.view.strategies.get(key), self.view.automations.get(key)
        if grid is pane.strategies and strategy is not None:
            patch = StrategyPatch(enabled=not strategy.enabled)
            self.command(f"switching {key}", lambda: self.link.set_strategy(key, patch))
        elif grid is pane.automations and automation is not None:
            active = not automation.active
            self.command(f"switching {key}", lambda: self.link.set_automation(key, active))
        else:
            first = "select a strategy or an automation first: {pane5}, then {down} and {up}"
            self.say(self.key_map.words(first))

    def action_weights(self) -> None:
        """The blend's weights, and what they come to for the symbol selected in the ticks."""
        self.push_screen(WeightsScreen(self.link, self.desk.ticks.cursor_key))

    def action_daily(self) -> None:
        self.push_screen(DailyScreen(self.link, self.view))

    def action_bus(self) -> None:
        self.push_screen(BusScreen(self.link))

    def action_feeds(self) -> None:
        self.push_screen(FeedsScreen(self.link, self.view, stale_s=self._stale_s))

    def action_open_row(self) -> None:
        """What stands behind the selected row."""
        pane, grid = self.desk.strategies, self.desk.grid
        key = grid.cursor_key
        if self.desk.active == DESK:
            tabs = {EQUITY: self.action_account, LATENCY: self.action_feeds}
            tabs.get(self.desk.desk_pane.tab, self.action_risk)()
        elif self.desk.active == MARKET:
            self.action_market()
        elif key is None and self.desk.active == ORDERS_PANE:
            self.say(self.key_map.words("no order stands in this tab: {tab_right} goes to the next"))
        elif key is None or self.desk.active not in OPENING_PANES:
            rows = "a symbol ({pane1}), an opportunity ({pane2}), an order ({pane4}) or a strategy ({pane5})"
            self.say(self.key_map.words(f"select {rows} first"))
        elif grid is self.desk.ticks:
            self.push_screen(SignalsScreen(key, self.link))
        elif grid is pane.models:
            self.action_models()
        elif grid is pane.strategies:
            self.open_strategy(key)
        elif grid is pane.automations:
            self.open_automation(key)
        else:
            self.open_explanation(key)

    def on_grid_activated(self) -> None:
        self.action_open_row()

    def on_keys_bar_picked(self, picked: KeysBar.Picked) -> None:
        """A key in a footer was clicked: as if it were pressed. What is sent at once takes two clicks."""
        key = picked.key
        if isinstance(self.focused, Input):  # it would be a letter of what is typed
            if key != self.key_map.shown("halt"):
                self.say(f"esc first, then {key}: here one types", about="click")
                return
            key = self.key_map.shown("halt_anywhere")
        with suppress(ValueError):  # a range of keys
            name = key_name(key)
            if picked.chain < 2 and sent_at_once(picked.key, picked.label, self.key_map):
                self.say(f"click twice, or press {key}: {picked.label}", about="click")
            else:
                self.post_message(events.Key(name, key_to_character(name)))

    # --- the console itself ----------------------------------------------------------------------

    def action_leave(self) -> None:
        if self.offer_way_back():
            return
        gone = self.view.link is LinkState.ENGINE_GONE
        held = len(self.view.positions)
        may = self.view.standing
        screen = LeaveScreen(held, may, risk_state=self.view.risk_state, engine_gone=gone)
        self.push_screen(screen, self._left)

    def _left(self, how: str | None) -> None:
        if how == DETACH:
            self.exit(return_code=0)
        elif how in (HALT_STOP, FLATTEN_STOP):
            self._stop_engine(how)
        elif how == KILL:
            self.command("KILL", self.kill, safer=True)

    @work(group="leave", exclusive=True)
    async def _stop_engine(self, how: str) -> None:
        """Make safe, then stop, then leave; stay when either is refused."""
        link = self.link
        if how == FLATTEN_STOP:
            made_safe = await self.ask_engine("FLATTEN", self.flatten)
        else:
            made_safe = await self.ask_engine(
                "HALT",
                lambda: link.set_risk("halted", "stopped from the console"),
                "halted",
                safer=True,
            )
        if made_safe is None or not made_safe.ok:
            return
        stopped = await self.ask_engine("STOP", link.stop_engine, link=link)
        if stopped is not None and stopped.ok:
            self.exit(return_code=0, message=Text(clean(f"{made_safe.text} · {stopped.text}")))


def run(
    link: Link,
    *,
    looks: Looks = PLAIN,
    frames_per_s: float = 4.0,
    first_run: bool = False,
    stale_s: float = STALE_S,
    flash: bool = True,
    memory: ConsoleMemory | None = None,
    keys: KeyMap = DEFAULT_KEYS,
    exports: Path | None = None,
    notices: Notices = SILENT,
    tapes: Tapes | None = None,
    driver_class: Any = DeskDriver,
) -> int:
    """Run the console in this terminal until the person leaves. Returns the exit code; raises what ended it
    by a fault of ours."""
    os.nice(10)  # the engine next door goes first
    # A frame makes thousands of small things and lets go of them. By default the collector stops after every
    # 700th: many times a frame, and now and then for as long as a frame takes.
    gc.set_threshold(20_000, 20, 50)
    app = DeskApp(
        link,
        looks=looks,
        frames_per_s=frames_per_s,
        first_run=first_run,
        stale_s=stale_s,
        flash=flash,
        memory=memory,
        keys=keys,
        exports=exports,
        notices=notices,
        tapes=tapes,
        driver_class=driver_class,
    )
    try:
        app.run()
    finally:
        app.end_replay()
    if app._exception is not None:
        raise app._exception
    return app.return_code or 0
