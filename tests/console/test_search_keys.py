"""Searching, exporting and copying at the keyboard, on the desk and in dialogs."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key

from console.screens.explain import ExplainScreen
from console.screens.feeds import FeedsScreen
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, open_models, press, text_of, toasts, until


@pytest.mark.parametrize("size", [COMPACT, WIDE], ids=str)
async def test_a_table_is_filtered_while_it_is_typed(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        ticks = app.desk.ticks
        count = len(ticks.rows)
        await press(pilot, "1", "slash", *"btc")
        assert [row.key for row in ticks.rows] == ["simulated:BTC-USD"]
        line = app.screen.query_one(".search-line")
        assert line.region.bottom == app.desk.ticks.region.bottom and line.region.height == 1
        await pilot.pause()
        assert app.desk.status_bar.size.width == size[0], "no scrollbar came with it"
        await press(pilot, "q")
        assert not ticks.rows and app.screen is app.desk, "what is typed is no key"
        await press(pilot, "backspace", "enter")
        assert app.focused is ticks and not app.screen.query(".search-line")
        said = ticks.foot if size == COMPACT else str(ticks.border_title)
        assert f"/btc 1 of {count}" in said
        await press(pilot, "escape")
        assert len(ticks.rows) == count and "/btc" not in str(ticks.border_title) and not ticks.foot
        await press(pilot, "n")
        assert ticks.cursor_key == "simulated:BTC-USD"
        await press(pilot, "slash", *"zzz", "escape", "N")
        assert "nothing here matches zzz" in toasts(app)
        await press(pilot, "6", "slash", *"warn+", "enter", "right_square_bracket", "right_square_bracket")
        assert "warning and above" in str(app.desk.logs.border_title)


async def test_dialogs_are_searched_copied_and_exported(tmp_path: Path) -> None:
    link = FakeLink()
    async with desk(link, exports=tmp_path) as (app, pilot):
        await press(pilot, "F")
        await until(pilot, lambda: "Set aside" in text_of(app))
        await press(pilot, "slash", *"set aside", "enter")
        dialog = app.screen.query_one(".dialog")
        assert isinstance(app.screen, FeedsScreen) and "/set aside 1 of 1" in str(dialog.border_title)
        await press(pilot, "y")
        assert "text copied" in toasts(app) and "Set aside" in app.clipboard
        await press(pilot, "e", "S")
        await press(pilot, "escape")
        assert isinstance(app.screen, FeedsScreen) and "/set" not in str(dialog.border_title)
        await press(pilot, "escape", "2", "enter")
        await until(pilot, lambda: isinstance(app.screen, ExplainScreen) and "asking" not in text_of(app))
        await press(pilot, "ctrl+e", "escape", "P")
        await until(pilot, lambda: "equity" in text_of(app))
        await press(pilot, "e", "escape", "L")
        await until(pilot, lambda: app.screen.grid.cursor_key is not None)  # type: ignore[attr-defined]
        await press(pilot, "e", "slash", *"gross", "enter", "y", "escape", "escape", "1", "e")
        await open_models(app, pilot, "ctrl+e", "y", "slash", *"zz", "escape", "escape")
        assert app.screen is app.desk
        app._put_into_clipboard("kept")
        await press(pilot, "W", "escape")
    names = {path.name.rsplit("-", 1)[0] for path in tmp_path.iterdir()}
    assert {"feeds", "symbols", "set-aside", "screen", "explain", "balances", "ticks", "models"} <= names
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    picture = next(path for path in tmp_path.iterdir() if path.suffix == ".svg").read_text()
    assert picture.startswith('<svg xml:space="preserve" ') and "Feeds" in picture


async def test_what_is_too_long_to_copy_goes_to_a_file(tmp_path: Path) -> None:
    async with desk(FakeLink(), exports=tmp_path) as (app, pilot):
        app.desk.ticks.row_text = lambda key: "x" * 100_000  # type: ignore[method-assign]
        await press(pilot, "1", "y")
        (path,) = tmp_path.iterdir()
        assert path.read_text() == "x" * 100_000 and str(path) in toasts(app)[-1]


async def test_keys_that_mean_nothing_in_a_dialog_do_not_act_on_the_desk_that_it_uncovers() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "W")
        for key in ("T", "C", "D", "o", "enter"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.screen is app.desk)
        await pilot.pause()
        assert app.screen is app.desk and not link.sent and not toasts(app)


@pytest.mark.parametrize("sizes", [((100, 30), (80, 24)), ((200, 50), (60, 16), (40, 10), (80, 24))], ids=str)
async def test_what_is_typed_while_the_terminal_is_resized_is_no_key(
    sizes: tuple[tuple[int, int], ...],
) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "1", "slash", "s")
        for size in sizes:
            await pilot.resize_terminal(*size)
            await press(pilot, "H", "E", "C", "backspace", "backspace", "backspace")
        assert not link.sent, "HALT, entries off and cancel all: of letters of a name"
        await press(pilot, *"ol")
        assert [row.key for row in app.desk.ticks.rows] == ["simulated:SOL-USD"]
        line = app.screen.query_one(".search-line")
        assert line.region.bottom == app.desk.ticks.region.bottom, "and it stands where the table ends now"
        await press(pilot, "enter")
        assert app.focused is app.desk.ticks


async def test_the_line_comes_again_before_the_one_before_has_gone() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await press(pilot, "1", "slash")
        app.desk.close_search()
        await app.desk.action_search()
        await pilot.pause()
        assert len(app.screen.query(".search-line")) == 1
        await press(pilot, *"sol")
        assert [row.key for row in app.desk.ticks.rows] == ["simulated:SOL-USD"]


@pytest.mark.parametrize("keys", [("slash", "s", "o", "l"), ("n", "slash", "s", "o", "l")], ids=str)
async def test_keys_that_come_before_the_screen_is_there_wait_for_it(keys: tuple[str, ...]) -> None:
    """Typed while the console starts, or a tape is opened: it ended the console."""
    async with desk(FakeLink()) as (app, pilot):
        opening = FeedsScreen(app.link, app.view, stale_s=3.0)
        app.push_screen(opening)
        assert not opening.is_mounted
        for key in keys:
            app.post_message(Key(key, "/" if key == "slash" else key))
        await until(pilot, lambda: opening.is_mounted and opening._lines.sought == "sol")
