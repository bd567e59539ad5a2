"""The desk's own keys: panes and rows are walked, sorted, enlarged and copied; help and the coach."""

from __future__ import annotations

import base64

import pytest
from textual import events
from textual.widgets import Input

from console.app import DeskApp
from console.keymap.key_map import Given, KeyMap
from console.screens.help import HelpScreen, help_lines
from console.screens.limits import LimitsScreen
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, press, text_of, toasts, until
from themes import THEMES
from widgets.coach import Coach
from widgets.keys import KeysBar


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_shows_the_keys_of_this_place(key: str) -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        await pilot.press("5", key)
        assert isinstance(app.screen, HelpScreen)
        text = "\n".join("".join(t for t, _ in line) for line in app.screen._lines.lines)
        assert "Switch the selected strategy" in text
        assert "Explain this" not in text
    of_ticks = "\n".join("".join(t for t, _ in line) for line in help_lines(1))
    assert "change: since the oldest trade of the last few seconds" in of_ticks


async def test_keys_that_are_wrong_are_said_at_the_start_and_in_help() -> None:
    keys = KeyMap.of_what_is_right([Given("keys.toml", "sort", "f99"), Given("keys.toml", "{x}", "f7")])
    async with desk(FakeLink(), COMPACT, keys=keys) as (app, pilot):
        (said,) = toasts(app)
        assert "keys.toml: sort: there is no key 'f99'" in said and "1 more · ? lists" in said
        await press(pilot, "question_mark")
        assert "keys.toml: {x}: no action is called so" in text_of(app)


async def test_unused_keys_do_nothing() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("ctrl+q", "ctrl+s", "ctrl+a", "ctrl+b", "ctrl+z")
        await pilot.pause()
        assert app.is_running and app.screen is app.desk
    assert link.sent == []


async def test_numbers_tab_and_sideways_keys_walk_the_panes() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for number in range(1, 9):
            await pilot.press(str(number))
            assert app.desk.active == number
            assert app.focused is app.desk.grid
        await pilot.press("tab")
        assert app.desk.active == 1
        await pilot.press("shift+tab")
        assert app.desk.active == 8
        await pilot.press("l", "right", "h", "left")
        assert app.desk.active == 8


async def test_rows_are_walked_by_keys() -> None:
    async with desk(FakeLink()) as (app, pilot):
        grid = app.desk.ticks
        keys = [row.key for row in grid.rows]
        seen = []
        for key in ("j", "down", "k", "up", "G", "g", "end", "home", "pagedown", "pageup"):
            await pilot.press(key)
            seen.append(keys.index(grid.cursor_key or ""))
        last = len(keys) - 1
        assert seen == [1, 2, 1, 0, last, 0, last, 0, last, 0]


async def test_sort_shows_its_column_and_the_cursor_keeps_its_row() -> None:
    async with desk(FakeLink()) as (app, pilot):
        grid = app.desk.ticks
        await pilot.press("j")
        key = grid.cursor_key
        await pilot.press("s", "s", "s")
        assert "last" in str(app.desk.ticks.border_title)
        prices = [row.order[1] for row in grid.rows]
        assert prices == sorted(prices, reverse=True)
        assert grid.cursor_key == key


async def test_zoom_shows_one_pane_and_back() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await pilot.press("3", "plus")
        assert [pane.display for pane in app.desk.panes] == [n == 3 for n in range(1, 9)]
        await pilot.press("4")
        assert [pane.display for pane in app.desk.panes] == [n == 4 for n in range(1, 9)]
        await pilot.press("underscore")
        assert all(pane.display for pane in app.desk.panes)


async def test_theme_key_walks_the_themes() -> None:
    async with desk(FakeLink()) as (app, pilot):
        walked = [app.theme]
        for _ in THEMES:
            await pilot.press("t")
            walked.append(app.theme)
        assert walked == [*THEMES, "tickdesk-dark"]


@pytest.mark.parametrize("tmux", [False, True])
async def test_copy_sends_osc_52(monkeypatch: pytest.MonkeyPatch, tmux: bool) -> None:
    if tmux:
        monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    async with desk(FakeLink()) as (app, pilot):
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("3", "y")
        await pilot.pause()
    sequence = next(text for text in written if "]52;" in text)
    assert sequence.startswith("\x1bPtmux;\x1b\x1b]52;c;" if tmux else "\x1b]52;c;")
    copied = base64.b64decode(sequence.split(";c;")[1].split("\a")[0]).decode()
    assert copied.startswith("BTC-USD\t▲ LONG\t0.0312\t▲+3.07")


async def test_the_coach_is_dismissed_once() -> None:
    async with desk(FakeLink(), COMPACT, first_run=True) as (app, pilot):
        assert app.desk.query(Coach)
        await pilot.press("escape")
        await pilot.pause()
        assert not app.desk.query(Coach)
        await app.desk.mount(Coach(app.key_map.shown))
        await press(pilot, "1")
        assert app.desk.query(Coach)
        await press(pilot, "8")  # another pane is to be seen
        assert not app.desk.query(Coach)


def _at(app: DeskApp, hint: str) -> tuple[int, int]:
    """Where the footer shows it."""
    bar = app.screen.query_one(KeysBar)
    (line,) = bar.layout_lines(bar.size.width, 1)
    return "".join(text for text, _ in line).index(hint), 0


async def test_a_key_of_the_footer_can_be_clicked() -> None:
    link = FakeLink()
    async with desk(link, WIDE) as (app, pilot):
        await pilot.click(KeysBar, offset=_at(app, "/ filter"))
        await until(pilot, lambda: isinstance(app.focused, Input))
        await press(pilot, "escape")
        await pilot.click(KeysBar, offset=_at(app, "L limits"))
        await until(pilot, lambda: isinstance(app.screen, LimitsScreen))
        await press(pilot, "escape")
        await pilot.click(KeysBar, offset=_at(app, "C cancel all"))
        await pilot.pause()
        assert link.sent == [] and "click twice, or press C: cancel all" in toasts(app)[-1]
        await pilot.click(KeysBar, offset=_at(app, "C cancel all"), times=2)
        await until(pilot, lambda: len(link.sent) == 1)


async def test_two_clicks_on_what_changes_between_them_send_nothing() -> None:
    link = FakeLink()
    async with desk(link, WIDE) as (app, pilot):
        bar = app.desk.keys
        bar.show([("L", "limits"), ("q", "leave"), ("?", "help")])
        await pilot.click(KeysBar, offset=(2, 0))
        bar.show([("C", "cancel all"), ("q", "leave"), ("?", "help")])
        bar.post_message(events.Click(bar, 2, 0, 0, 0, 1, False, False, False, chain=2))
        await until(pilot, lambda: any("click twice, or press C" in said for said in toasts(app)))
        assert link.sent == []


async def test_a_click_on_the_footer_types_no_letter_but_halts() -> None:
    link = FakeLink()
    async with desk(link, WIDE) as (app, pilot):
        await press(pilot, "slash", "b")
        await pilot.click(KeysBar, offset=_at(app, "C cancel all"), times=2)
        await until(pilot, lambda: any("esc first, then C" in said for said in toasts(app)))
        await pilot.click(KeysBar, offset=_at(app, "H HALT"))
        await until(pilot, lambda: any("click twice, or press ctrl+g: HALT" in said for said in toasts(app)))
        assert link.sent == []
        await pilot.click(KeysBar, offset=_at(app, "H HALT"), times=2)
        await until(pilot, lambda: [kind for kind, *_ in link.sent] == ["risk"])
        assert isinstance(app.focused, Input) and app.focused.value == "b"
