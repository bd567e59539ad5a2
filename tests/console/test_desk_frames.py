"""From pane to pane: the frames alone change, as the stylesheet has them."""

from __future__ import annotations

import pytest
from textual.css.stylesheet import Stylesheet
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from console.app import DeskApp
from console.screens.desk import DeskScreen
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, until
from widgets.frame_lines import SIDE, FrameLines

_WALK = ("2", "3", "5", "1", "6", "2")


def rules(pane: Widget) -> dict[str, object]:
    return dict(pane.styles.base._rules)


def screen_of(app: DeskApp) -> list[str]:
    return [strip.text for strip in app.screen._compositor.render_strips()]


def assert_as_styled(app: DeskApp) -> None:
    for pane in app.desk.panes:
        dressed = rules(pane)
        app.stylesheet.update_nodes([pane])
        assert rules(pane) == dressed, pane


@pytest.mark.parametrize("size", [COMPACT, (120, 40), WIDE])
async def test_a_frame_looks_as_the_stylesheet_has_it(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        for theme in ("tickdesk-dark", "tickdesk-contrast"):
            app.theme = theme
            await pilot.pause()
            for key in _WALK * 2:
                await pilot.press(key)
                active = [
                    number for number, pane in enumerate(app.desk.panes, 1) if pane.has_class("-active")
                ]
                assert active == [app.desk.active] == [int(key)]
            assert_as_styled(app)
        await pilot.resize_terminal(*(COMPACT if size != COMPACT else WIDE))
        await pilot.press(*_WALK)
        assert_as_styled(app)


async def test_who_walks_on_has_nothing_styled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[object] = []
    update = Stylesheet.update_nodes

    def count(sheet: Stylesheet, nodes: object, animate: bool = False) -> None:
        passes.append(nodes)
        update(sheet, nodes, animate)  # type: ignore[arg-type]

    async with desk(FakeLink(), WIDE) as (app, pilot):
        await pilot.press(*_WALK[:4])
        # A widget of a new kind, as the first dialog brings them, has the stylesheet read anew.
        app.stylesheet.add_source("Newcomer { color: red; }", is_default_css=True)
        await pilot.press(*_WALK[4:])
        await until(pilot, lambda: len(app._spares or ()) == len(app.spare_makers()))
        monkeypatch.setattr(Stylesheet, "update_nodes", count)
        await pilot.press(*_WALK)
        assert not passes


async def test_who_walks_on_has_no_frame_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = FrameLines.draw

    def count(cache: FrameLines, widget: Widget, y: int, lines: dict[int, Strip]) -> Strip:
        if widget in app.desk.panes[:6]:  # the title of the market tells what is selected
            drawn.append(y)
        return draw(cache, widget, y, lines)

    async with desk(FakeLink(), WIDE) as (app, pilot):
        for key in (*_WALK, *_WALK):
            await pilot.press(key)
        monkeypatch.setattr(FrameLines, "draw", count)
        await pilot.press("3", "5", "1", "6", "2")
        assert not drawn
        app.desk.panes[2].refresh(Region(0, -1, 9, 1))  # the line of the title
        await pilot.press("3", "2")
        assert drawn == [0, 0], "in both looks"
        app.desk.panes[2].border_title = "another"
        await pilot.press("3", "2")
        assert drawn[2:] == [0, drawn[3], SIDE] * 2, "all of the frame, in both looks"
        shown = screen_of(app)
        for pane in app.desk.panes:
            pane.refresh()
        assert screen_of(app) == shown


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_another_pane_shows_what_a_whole_layout_shows(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        for key in (*_WALK, "4", "7", "8", "6", "z", "3", "6", "1"):
            await pilot.press(key)
            for _ in range(4):
                app.paint()  # what a pane needs is asked for when it is seen
                await pilot.pause()
            turned = screen_of(app)
            app.desk.show_layout()
            await pilot.pause()
            assert screen_of(app) == turned, key


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_panes_chosen_faster_than_the_focus_is_told(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_to: list[int] = []
    go_to = DeskScreen.go_to

    def count(screen: DeskScreen, number: int) -> None:
        gone_to.append(number)
        go_to(screen, number)

    async with desk(FakeLink(), size) as (app, pilot):
        monkeypatch.setattr(DeskScreen, "go_to", count)
        for number in (2, 3, 5, 1, 4):
            app.desk.go_to(number)
        await pilot.pause()
        await pilot.pause()
        assert gone_to == [2, 3, 5, 1, 4]
        assert app.desk.active == 4 and app.focused is app.desk.grid
