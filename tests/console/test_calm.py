"""What a key led to is drawn with the key, and what is drawn later is what Textual would have drawn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual import events
from textual.geometry import Region, Size
from textual.screen import Screen

from console.screens.calm import CalmScreen
from console.screens.pace import PERIOD_S, Pace
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk
from widgets.grid import Grid


@pytest.mark.parametrize("size", [COMPACT, WIDE])
@pytest.mark.parametrize("key", ["j", "2", "right_square_bracket", "s"])
async def test_a_key_is_drawn_before_the_loop_goes_on(
    key: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        await pilot.press("5")
        await asyncio.sleep(PERIOD_S)
        drawn: list[Screen[Any]] = []
        shown = app._display
        monkeypatch.setattr(
            app, "_display", lambda screen, frame: (drawn.append(screen), shown(screen, frame))
        )
        await app.on_event(events.Key(key, None))
        assert drawn == [app.desk]


async def test_the_focus_is_where_keys_act_in_the_first_frame() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await pilot.press("1")
        await pilot.pause()
        assert app.desk.ticks.has_focus
        await app.on_event(events.Key("2", "2"))
        assert isinstance(app.desk.focused, Grid) and app.desk.focused is app.desk.opportunities
        assert app.desk.opportunities.has_focus and not app.desk.ticks.has_focus
        await pilot.pause()
        assert app.desk.opportunities.has_focus and not app.desk.ticks.has_focus


async def test_frames_keep_their_distance() -> None:
    drawn: list[float] = []
    loop = asyncio.get_running_loop()
    pace = Pace(lambda: drawn.append(loop.time()))
    pace.draw()
    assert not drawn  # the first of a screen waits for its widgets
    while not drawn or loop.time() < drawn[0] + PERIOD_S:
        await asyncio.sleep(PERIOD_S / 4)
    pace.draw()
    pace.draw()
    assert len(drawn) == 2
    while len(drawn) < 3:
        await asyncio.sleep(PERIOD_S / 4)
    assert drawn[2] - drawn[1] >= PERIOD_S * 0.99


@pytest.mark.parametrize("by", ["a layout that waited", "a part of the screen"])
async def test_a_frame_takes_along_what_is_marked(by: str) -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        await pilot.press("d")
        await pilot.pause()
        screen, dialog = app.screen, app.screen.query_one(".dialog")
        assert isinstance(screen, CalmScreen)
        dialog.border_title = "told"
        dialog._repaint_required = False
        screen._dirty_widgets.add(dialog)
        if by == "a layout that waited":
            screen._compositor_refresh()
        else:
            screen.refresh(Region(0, 0, 2, 1))
            screen._on_timer_update()
        assert not dialog._repaint_regions and not screen._compositor._dirty_regions


async def test_sizes_that_are_told_late_do_not_call_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a terminal is resized while the console starts: it went on laying out for ever."""
    async with desk(FakeLink(), COMPACT) as (app, _):
        laid_out: list[Size | None] = []
        refresh = app.desk._refresh_layout

        def count(size: Size | None = None, scroll: bool = False) -> None:
            laid_out.append(size)
            app.desk.call_later(lambda: None)  # two that stand together would be one
            if len(laid_out) < 20:
                refresh(size, scroll)

        monkeypatch.setattr(app.desk, "_refresh_layout", count)
        for size in (Size(60, 16), Size(*COMPACT)):
            app.desk.post_message(events.Resize(size, size))
            app.desk.call_later(lambda: None)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(laid_out) < 5
        assert app.desk.size == COMPACT and app.desk.layout_name == "-compact"
