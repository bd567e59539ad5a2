"""What the desk's compositor draws is what Textual's own draws of the same widgets."""

from __future__ import annotations

from random import Random

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual._compositor import Compositor
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from console.app import DeskApp
from console.screens.compositor import DeskCompositor
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, until


def cells(strips: list[Strip]) -> list[list[tuple[str, object]]]:
    """Character and style of each cell."""
    return [
        [(character, style) for text, style, _ in Segment.simplify(strip) for character in text]
        for strip in strips
    ]


def textuals_own(screen: Screen[object]) -> list[list[tuple[str, object]]]:
    compositor = screen._compositor
    chops = Compositor._render_chops(compositor, compositor.size.region, lambda y: True)
    return cells([Strip.join(line.values()) for line in chops])


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_it_draws_what_textual_draws(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        for keys in ((), ("2",), ("z",), ("?",), ("escape", "o"), ("escape", "z", "colon", "h")):
            await pilot.press(*keys)
            await pilot.pause()
            compositor = app.screen._compositor
            assert isinstance(compositor, DeskCompositor)
            assert cells(compositor.render_strips()) == textuals_own(app.screen), keys


async def test_a_part_of_a_frame_holds_what_stands_there() -> None:
    chance = Random(3)
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await pilot.press("o")
        await pilot.pause()
        compositor = app.screen._compositor
        whole = cells(compositor.render_strips())
        for _ in range(60):
            x, y = chance.randrange(WIDE[0]), chance.randrange(WIDE[1])
            region = Region(x, y, chance.randrange(1, 90), chance.randrange(1, 9))
            compositor._dirty_regions = {region}
            update = compositor.render_partial_update()
            assert update is not None and compositor.render_partial_update() is None
            for line, first, last in update.spans:
                assert cells([Strip.join(update.chops[line].values())])[0] == whole[line][first:last]


async def test_what_has_gone_keeps_its_place_until_the_next_layout() -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        await pilot.press("d", "slash")
        await pilot.pause()
        search = app.screen.query_one("#search")
        compositor = app.screen._compositor
        with app.batch_update():  # no layout meanwhile
            await search.remove()
            assert search in compositor.full_map and not search.is_attached
            for y, line in enumerate(compositor.render_strips()):
                assert line.cell_length == COMPACT[0], y


async def test_a_toast_that_has_gone_takes_no_more_than_its_place() -> None:
    app = DeskApp(FakeLink())
    async with app.run_test(size=COMPACT, notifications=True) as pilot:
        await pilot.pause()
        app.say("told")
        await until(pilot, lambda: bool(app.screen.query("Toast")))
        await pilot.pause()
        toast = app.screen.query_one("Toast")
        compositor = app.screen._compositor
        with app.batch_update():
            await toast.remove()
            assert toast in compositor.full_map and not toast.is_attached
            for y, line in enumerate(compositor.render_strips()):
                assert cell_len(line.text) == COMPACT[0], y
