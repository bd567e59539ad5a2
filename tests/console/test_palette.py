"""The palette of actions: what closes it may come while it searches."""

from __future__ import annotations

import asyncio

import pytest
from textual.command import CommandList, Hits

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
