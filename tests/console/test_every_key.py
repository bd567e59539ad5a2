"""Every key of the desk is pressed where it works, and something comes of it; other keys do the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import DeskApp
from console.keymap import KEYS, Key, KeyMap
from console.keymap.key import CHART, DESK, OPENING, ORDERS, POSITIONS, ROWS, STRATEGIES, TABBED, TABLE
from console.keymap.key_map import Given
from console.screens.contributions import ContributionsScreen
from console.screens.explain import ExplainScreen
from console.screens.leave import LeaveScreen
from console.screens.limits import LimitsScreen
from tests.console.fake_link import FakeLink
from tests.console.pilot import WIDE, comes_true, desk, press, text_of, toasts, until
from widgets.grid import Grid

PANE = {DESK: 1, TABLE: 1, ROWS: 1, OPENING: 2, STRATEGIES: 5, POSITIONS: 3, ORDERS: 4, TABBED: 4, CHART: 7}
"""Where a key of each place is pressed."""
AT = {"pane1": 2, "previous": 2, "left": 2}
FROM_THE_END = {"up", "home", "pageup"}
SAYS = {
    "halt": "risk halted",
    "entries": "risk reducing",
    "cancel": "cancel ord-0008",
    "cancel_all": "cancel all",
    "toggle": "strategy",
    "reload": "reload",
    "open": "ExplainScreen",
    "ticket": "TicketScreen",
    "amend": "AmendScreen",
    "close": "CloseScreen",
    "flatten": "ConfirmScreen",
    "limits": "LimitsScreen",
    "account": "AccountScreen",
    "feeds": "FeedsScreen",
    "daily": "DailyScreen",
    "bus": "BusScreen",
    "models": "ModelsScreen",
    "rollback": "RollbackScreen",
    "weights": "WeightsScreen",
    "redraw": "shows it again",
    "quit": "LeaveScreen",
    "help": "HelpScreen",
    "palette": "Palette",
}
"""What is found in the state of the desk afterwards; of the others, that something is another."""


def state(app: DeskApp) -> str:
    """What a key can change, in words."""
    screen, link = app.screen, app.link
    assert isinstance(link, FakeLink)
    grids = [app.desk.grid, *screen.query(Grid)]
    grid = [(one.cursor_key, one.sort_mode, one.sought) for one in grids if isinstance(one, Grid)]
    borders = [str(pane.border_title) for pane in app.desk.panes]
    words = [
        type(screen).__name__,
        text_of(app),
        app.desk.active,
        app.desk.zoomed,
        app.desk.frozen,
        app.theme,
        type(app.focused).__name__,
        grid,
        borders,
        app.memory.memory.watchlists,
        app.desk.market.chart.study,
        app.chart_interval_s,
        toasts(app),
    ]
    sent = "\n".join(" ".join(map(str, what)) for what in link.sent)
    return "\n".join(map(str, [*words, sent]))


async def settle(app: DeskApp, pilot: Pilot[None], key: Key) -> None:
    """The desk as it was, at the place of ``key``."""
    for _ in range(4):
        if app.screen is app.desk and app.focused is app.desk.grid and not app.desk.zoomed:
            break
        await press(pilot, "escape")
    assert app.screen is app.desk, key.id
    app.desk.action_unzoom()
    app.desk.go_to(AT.get(key.id, PANE[key.where]))
    for note in list(app._notifications):
        app._unnotify(note)
    if key.id.startswith("match"):
        app.desk.filter_to("usd")
        app.desk.logs.look_for("")
    grid = app.desk.grid
    if isinstance(grid, Grid):
        (grid.move_end if key.id in FROM_THE_END else grid.move_home)()
    if key.id in ("unzoom", "dismiss"):
        app.desk.action_zoom()
    if key.where == CHART:
        app.paint()
        await until(pilot, lambda: app.view.market.frame is not None)


async def test_every_key_of_the_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = FakeLink()
    nothing: list[str] = []
    async with desk(link, exports=tmp_path) as (app, pilot):
        monkeypatch.setattr(app, "action_redraw", lambda: app.say("the terminal shows it again"))
        for key in KEYS:
            for name in (name for name in key.keys.split(",") if key.action and name):
                await settle(app, pilot, key)
                before, wanted = state(app), SAYS.get(key.id, "")
                await pilot.press(name)
                if not await comes_true(pilot, lambda old=before, said=wanted: changed(app, old, said)):
                    nothing.append(f"{key.id} ({name}) {wanted}")
        assert nothing == []
        assert {path.suffix for path in tmp_path.iterdir()} >= {".csv", ".svg"}


def changed(app: DeskApp, before: str, said: str) -> bool:
    """Whether anything is another, and ``said`` is among what is new."""
    now = state(app)
    return now != before and said in "\n".join(set(now.split("\n")) - set(before.split("\n")))


async def test_other_keys_work_and_are_shown_where_they_are() -> None:
    """On the desk, in dialogs, in forms, in the footer and the subtitles; the old ones do nothing."""
    wanted = {"halt": "H f9", "limits": "Z", "down": "e down", "up": "i up", "export": "", "sort": "ctrl+t"}
    wanted |= {
        "palette": "f2",
        "freeze": "ctrl+p",
        "pane2": "f5 2",
        "layouts_save": "w",
        "watchlists_new": "",
    }
    wanted |= {"watchlists_new": "", "watchlists_edit": "E"}
    given = {**wanted, "explain_contributions": "z", "model_contributions": "u", "interval": "", "help": "?"}
    keys = KeyMap(Given("test", id, text) for id, text in given.items())
    link = FakeLink()
    async with desk(link, WIDE, keys=keys) as (app, pilot):
        first = app.desk.ticks.cursor_key
        await press(pilot, "e")
        assert app.desk.ticks.cursor_key != first
        await press(pilot, "i", "s", "L")
        assert app.desk.ticks.cursor_key == first and not app.desk.ticks.sort_mode and app.screen is app.desk
        await press(pilot, "ctrl+t")
        assert app.desk.ticks.sort_mode
        footer = str(app.desk.keys._keys)
        assert "('Z', 'limits')" in footer and "('ctrl+t', 'sort')" in footer and "export" not in footer
        assert "panes" not in footer  # their keys are not 1 to 8 in a row
        await press(pilot, "Z")
        assert isinstance(app.screen, LimitsScreen)
        subtitle = str(app.screen.query_one(".dialog").border_subtitle)
        assert subtitle.startswith("e i · enter edits")
        await until(pilot, lambda: bool(app.screen.fields))
        row = app.screen.grid.cursor_key
        await press(pilot, "e")
        assert app.screen.grid.cursor_key != row
        await press(pilot, "f9")
        assert link.sent == [("risk", "halted")]
        await press(pilot, "escape", "2", "enter")
        assert isinstance(app.screen, ExplainScreen)
        await until(pilot, lambda: "z what moved" in str(app.screen.query_one(".dialog").border_subtitle))
        await press(pilot, "z")
        assert isinstance(app.screen, ContributionsScreen)
        await press(pilot, "q", "escape", "question_mark")
        assert "Z  Risk limits" in text_of(app) and "H f9  HALT" in text_of(app)
        await press(pilot, "escape", "v", "s")
        assert app.screen is not app.desk and not isinstance(app.focused, Input)
        await press(pilot, "w")
        assert isinstance(app.focused, Input)
        assert str(app.screen.query_one(".dialog").border_subtitle).startswith("enter loads · w saves")
        await press(pilot, "escape", "escape", "W")
        assert "shows · E edit" in str(app.screen.query_one(".dialog").border_subtitle)
        await press(pilot, "escape", "ctrl+p")
        assert app.desk.frozen and app.screen is app.desk
        await press(pilot, "ctrl+p", "f2")
        assert type(app.screen).__name__ == "Palette"
        await press(pilot, "escape", "o", "e")
        assert app.screen.form.cursor == "type"  # type: ignore[attr-defined]
        await press(pilot, "escape", "m")
        assert "select the order to amend first: 4, then e and i" in toasts(app)
        await press(pilot, "q", "e", "i")
        assert isinstance(app.screen, LeaveScreen) and app.screen.choices.index == 0


async def test_the_palette_goes_to_symbols_tabs_and_themes() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        for typed, done in (
            ("go to ended", lambda: app.desk.active == 4 and app.desk.orders.tab == 2),
            ("theme tickdesk-light", lambda: app.theme == "tickdesk-light"),
        ):
            await press(pilot, "ctrl+p")
            await press(pilot, *("space" if character == " " else character for character in typed))
            await pilot.pause(0.2)
            await press(pilot, "down", "enter")
            await until(pilot, done)
