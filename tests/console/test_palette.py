"""The palette of actions: it runs what is chosen, and what closes it may come while it searches."""

from __future__ import annotations

import asyncio

import pytest
from textual.command import CommandList, Hits
from textual.widgets import Input, OptionList

from console.commands import DeskCommands, Palette
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, press, until


async def test_it_is_closed_while_it_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    found, searching = asyncio.Event(), asyncio.Event()
    discover = DeskCommands.discover

    async def slow(self: DeskCommands) -> Hits:
        searching.set()
        await found.wait()
        async for hit in discover(self):
            yield hit

    monkeypatch.setattr(DeskCommands, "discover", slow)
    async with desk(FakeLink()) as (app, pilot):
        await pilot.press("ctrl+p")
        await searching.wait()
        palette = app.screen
        assert isinstance(palette, Palette)
        await palette.query_one(CommandList).remove()  # as when its screen goes, which takes a while
        found.set()
        await until(pilot, lambda: all(w.is_finished for w in app.workers if w.node is palette))
        assert app._exception is None
        palette.dismiss()
        await pilot.pause()
        assert app.screen is app.desk


async def test_keys_that_come_at_once_open_close_and_open_it() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for _ in range(10):
            await pilot.press("ctrl+p", "escape", "escape")
        await until(pilot, lambda: app.screen is app.desk)
        await press(pilot, "ctrl+p")
        assert isinstance(app.screen, Palette)


async def test_a_second_enter_does_what_was_chosen_once_and_closes_nothing_else() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "ctrl+p", *"freeze the display")
        palette = app.screen
        assert isinstance(palette, Palette)
        await until(pilot, lambda: palette.query_one(CommandList).option_count == 1)
        for _ in range(3):
            palette.query_one(CommandList).action_select()
            palette._select_or_command()
        await until(pilot, lambda: app.screen is app.desk)
        await pilot.pause()
        palette._select_or_command()
        await pilot.pause()
        assert app.desk.frozen and app._exception is None


async def test_enter_means_what_is_typed_and_not_what_is_listed_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = asyncio.Event()
    search = DeskCommands.search

    async def slow(self: DeskCommands, query: str) -> Hits:
        await found.wait()
        async for hit in search(self, query):
            yield hit

    monkeypatch.setattr(DeskCommands, "search", slow)
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "ctrl+p")
        palette = app.screen
        assert isinstance(palette, Palette)
        await until(pilot, lambda: palette.query_one(CommandList).option_count > 1)
        for key in (*"freeze the display", "enter"):
            await pilot.press(key)
        assert app.screen is palette and palette.query_one(CommandList).option_count > 1
        found.set()
        await until(pilot, lambda: app.screen is app.desk)
        await until(pilot, lambda: app.desk.frozen)


async def test_enter_means_what_is_typed_where_the_search_for_it_has_not_begun() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await press(pilot, "ctrl+p")
        palette, typed = app.screen, "freeze the display"
        assert isinstance(palette, Palette)
        await until(pilot, lambda: palette._listed == "")
        line = palette.query_one(Input)
        with palette.prevent(Input.Changed):
            line.value = typed
        palette.post_message(Input.Changed(line, typed))
        palette.post_message(Input.Submitted(line, typed))  # both at once, as of a palette that is busy
        await until(pilot, lambda: app.screen is not palette)
        await until(pilot, lambda: app.desk.frozen)


async def test_an_enter_that_more_was_typed_after_does_nothing() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await press(pilot, "ctrl+p")
        palette = app.screen
        assert isinstance(palette, Palette)
        palette._wanted = "fre"
        await press(pilot, *"freeze")
        await until(pilot, lambda: palette._listed == "freeze")
        assert app.screen is palette and not app.desk.frozen


async def test_the_palette_runs_an_action() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("ctrl+p", *"halt")
        palette = app.screen
        for _ in range(100):
            if palette.query_one("CommandList", OptionList).option_count:
                break
            await pilot.pause(0.02)
        await pilot.press("enter", "enter")
        for _ in range(100):
            if link.sent:
                break
            await pilot.pause(0.02)
    assert link.sent == [("risk", "halted")]
