"""Watchlists: which symbols the ticks show, what is typed, and the keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.memory import FILE, ConsoleMemory
from console.screens.editor import REFRESH_S
from console.screens.watchlists import WatchlistsScreen
from console.watchlist import MOST_SYMBOLS, Watchlist, list_name, typed, typed_symbols
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, press, text_of, toasts, until

KNOWN = ["a:BTC-USD", "a:ETH-USD", "b:BTC-USD", "b:SOL-USD"]


def test_what_is_held_is_never_hidden() -> None:
    chosen = Watchlist("x", ("b:SOL-USD", "gone:X", "a:BTC-USD"))
    assert chosen.shown(KNOWN, {"a:ETH-USD", "a:BTC-USD", "gone:Y"}) == [
        "b:SOL-USD",
        "a:BTC-USD",
        "a:ETH-USD",
    ]


def test_symbols_as_they_are_typed() -> None:
    assert typed_symbols("sol-usd, a:btc-usd  SOL-USD", KNOWN, ()) == ["b:SOL-USD", "a:BTC-USD"]
    assert typed_symbols("OLD-USD", KNOWN, ["c:OLD-USD"]) == ["c:OLD-USD"]
    assert typed(["b:SOL-USD", "a:BTC-USD"], KNOWN) == "SOL-USD a:BTC-USD"
    with pytest.raises(ValueError, match="several venues"):
        typed_symbols("btc-usd", KNOWN, ())
    with pytest.raises(ValueError, match=r"no symbol of this desk is called doge$"):
        typed_symbols("doge", KNOWN, ())
    with pytest.raises(ValueError, match=r"no symbol of this desk is called sol; there is SOL-USD$"):
        typed_symbols("sol", KNOWN, ())
    with pytest.raises(ValueError, match=r"called s; there is S0, S1, S10 and 37 more$"):
        typed_symbols("s", [f"a:S{n}" for n in range(40)], ())
    with pytest.raises(ValueError, match="at most"):
        typed_symbols(" ".join(f"S{n}" for n in range(MOST_SYMBOLS + 1)), [f"a:S{n}" for n in range(600)], ())
    for name in ("", " ", "all", "taken", "x" * 25):
        with pytest.raises(ValueError, match=r"name|taken"):
            list_name(name, {"taken"})


async def test_a_list_without_a_symbol_of_the_desk_is_no_wait_for_ticks() -> None:
    memory = ConsoleMemory()
    memory.memory.watchlists, memory.memory.watchlist = {"old": ["gone:X-USD"]}, "old"
    async with desk(FakeLink(), memory=memory) as (app, pilot):
        app.view.positions.clear()
        app.view.orders.clear()
        app.desk.paint(force=True)
        await press(pilot, "1")
        told = app.desk.ticks.render_line(1).text
        assert not app.desk.ticks.rows and "in watchlist old: 8 symbols are left out" in told
        await press(pilot, "W", "g", "enter")
        assert len(app.desk.ticks.rows) == 8 and app.desk.ticks.empty == "waiting for the first tick"


async def test_lists_are_made_filled_chosen_and_kept(tmp_path: Path) -> None:
    memory = ConsoleMemory(tmp_path / FILE)
    async with desk(FakeLink(), memory=memory) as (app, pilot):
        app.view.positions.clear()
        app.view.orders.clear()
        everything = len(app.view.ticks)
        await press(pilot, "1", "j", "asterisk")
        chosen = app.desk.ticks.cursor_key
        assert memory.memory.watchlists == {"watchlist": [chosen]} and "W shows it" in toasts(app)[-1]
        await press(pilot, "W", "a", *"my list", "enter")
        assert isinstance(app.screen, WatchlistsScreen)
        await until(pilot, lambda: "my list is made" in text_of(app))
        await press(pilot, "e", *"eth-usd btc-usd", "enter")
        await until(pilot, lambda: "my list: 2 symbols" in text_of(app))
        await press(pilot, "e", *"doge", "enter")
        await until(pilot, lambda: "no symbol of this desk is called doge" in text_of(app))
        await press(pilot, "escape", "r", *"crypto", "enter")
        await until(pilot, lambda: "my list is called crypto" in text_of(app))
        await press(pilot, "G", "K", "enter")
        assert list(memory.memory.watchlists) == ["crypto", "watchlist"]
        assert [row.key for row in app.desk.ticks.rows] == ["simulated:ETH-USD", "simulated:BTC-USD"]
        assert f"crypto (2 of {everything})" in str(app.desk.ticks.border_title)
        await press(pilot, "g", "asterisk")
        assert [row.key for row in app.desk.ticks.rows] == ["simulated:BTC-USD"]
        await press(pilot, "W", "j", "d", "down", "enter")
        await until(pilot, lambda: "crypto is deleted" in text_of(app))
        assert len(app.desk.ticks.rows) == everything
    again = ConsoleMemory(tmp_path / FILE)
    again.load()
    assert again.memory.watchlists == {"watchlist": [chosen]} and again.memory.watchlist == ""


async def test_what_is_typed_into_a_list_is_added_to_it() -> None:
    """A word typed where the list stands was all that it held then."""
    async with desk(FakeLink()) as (app, pilot):
        kept = app.memory.memory
        long = [f"venue:{n:03}-{'X' * 20}" for n in range(MOST_SYMBOLS - 1)]
        kept.watchlists = {"metals": ["simulated:BTC-USD"], "zinc": long}
        await press(pilot, "W", "j", "e", *"eth-usd", "enter")
        await until(pilot, lambda: "metals: 2 symbols" in text_of(app))
        assert kept.watchlists["metals"] == ["simulated:BTC-USD", "simulated:ETH-USD"]
        await press(pilot, "e", "ctrl+u", *"sol-usd", "enter")
        await until(pilot, lambda: kept.watchlists["metals"] == ["simulated:SOL-USD"])
        await press(pilot, "j", "e", *"eth-usd", "enter")
        await until(pilot, lambda: kept.watchlists["zinc"] == [*long, "simulated:ETH-USD"])


async def test_a_new_list_is_the_one_that_is_filled_though_the_dialog_is_sorted_or_filtered() -> None:
    async with desk(FakeLink()) as (app, pilot):
        kept = app.memory.memory
        kept.watchlists = {"metals": ["simulated:BTC-USD"], "zinc": ["simulated:ETH-USD"]}
        await press(pilot, "W")
        screen = app.screen
        assert isinstance(screen, WatchlistsScreen)
        screen.grid.sort_by(1, True)  # by name, downwards
        await press(pilot, "a", *"alpha", "enter")
        await until(pilot, lambda: "alpha is made" in text_of(app))
        await press(pilot, "e", *"sol-usd", "enter")
        await until(pilot, lambda: kept.watchlists["alpha"] == ["simulated:SOL-USD"])
        await press(pilot, "slash", *"zinc", "enter", "a", *"beta", "enter")
        await until(pilot, lambda: "beta is made" in text_of(app))
        await press(pilot, "e", *"ada-usd", "enter")
        await until(pilot, lambda: kept.watchlists["beta"] == ["simulated:ADA-USD"])
        assert kept.watchlists["zinc"] == ["simulated:ETH-USD"]
        assert kept.watchlists["metals"] == ["simulated:BTC-USD"]


async def test_a_layout_goes_with_its_list() -> None:
    async with desk(FakeLink()) as (app, pilot):
        kept = app.memory.memory
        kept.watchlists = {"old": ["simulated:SOL-USD"]}
        app.choose_watchlist("old")
        kept.layouts["night"] = app.capture_layout()
        await press(pilot, "W", "j", "r", *"new", "enter")
        await until(pilot, lambda: "old is called new" in text_of(app))
        await press(pilot, "escape")
        app.choose_watchlist("")
        app.take_up_layout(kept.layouts["night"])
        assert app.desk.watchlist is not None and app.desk.watchlist.name == "new"
        kept.watchlists.clear()
        app.take_up_layout(kept.layouts["night"])
        assert app.desk.watchlist is None and "watchlist new is gone" in toasts(app)[-1]


@pytest.mark.parametrize("size", [(60, 16)], ids=str)
async def test_the_dialog_fits(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        app.memory.memory.watchlists = {"x": ["simulated:BTC-USD"]}
        await press(pilot, "W", "a", "y")
        screen = app.screen
        assert isinstance(screen, WatchlistsScreen)
        loads = [timer for timer in screen._timers if timer._interval == REFRESH_S]
        assert len(loads) == 1, "Textual calls on_mount of each class by itself"
        assert screen._input.region.bottom < size[1] and screen._input.region.height == 1
