"""What a terminal shows while dialogs open and close is what a whole frame would show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context

import pyte
import pytest
from rich.console import RenderableType
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.notifications import Notification
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets._toast import Toast, ToastHolder, ToastRack

from console.app import DeskApp
from console.patient import PatientApp
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk


class Shown:
    """The terminal of the app: every frame is drawn on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.screen = pyte.Screen(1, 1)
        self.whole = 0
        """Frames that drew all of the screen."""
        display, shown = PatientApp._display, self

        def draw(app: PatientApp, screen: Screen[object], renderable: RenderableType | None) -> None:
            display(app, screen, renderable)
            if isinstance(renderable, CompositorUpdate):
                shown.whole += isinstance(renderable, LayoutUpdate)
                shown.feed(app, renderable.render_segments(app.console))

        monkeypatch.setattr(PatientApp, "_display", draw)

    def feed(self, app: PatientApp, frame: str) -> None:
        width, height = app.size
        if (self.screen.columns, self.screen.lines) != (width, height):
            self.screen = pyte.Screen(width, height)
        pyte.Stream(self.screen).feed(frame.replace("\n", ""))

    def differing(self, app: DeskApp) -> list[int]:
        """The rows that a whole frame would draw otherwise."""
        anew = pyte.Screen(*app.size)
        frame = app.screen._compositor.render_full_update().render_segments(app.console)
        pyte.Stream(anew).feed(frame.replace("\n", ""))
        return [y for y in range(app.size.height) if anew.buffer[y] != self.screen.buffer[y]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    yield Shown(monkeypatch)


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_dialogs_come_and_go_without_a_trace(shown: Shown, size: tuple[int, int]) -> None:
    link = FakeLink()
    async with desk(link, size) as (app, pilot):
        for keys in (
            ("question_mark",),
            ("escape",),
            ("o",),
            ("down", "down", "down", "5"),
            ("escape",),
            ("X",),
            ("H",),
            ("escape",),
            ("colon", "h"),
            ("escape",),
            ("3", "o"),
            ("escape", "question_mark", "escape"),
            ("2",),
            ("5", "right_square_bracket"),
            ("6", "1", "8"),
            ("left_square_bracket",),
            ("z", "2", "3"),
            ("1", "escape"),
            ("t",),
            ("down", "enter"),
        ):
            for key in keys:
                await pilot.press(key)
            app.view.merge(sample.full_frame())
            app.paint()
            await pilot.pause(0.03)
            await pilot.pause()
            assert not shown.differing(app), keys


async def test_what_an_esc_will_show_is_drawn_before_it_is_known_for_one(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        pane = app.desk.opportunities
        drawn: list[int] = []
        drawer = pane.line_drawer

        def noted() -> Callable[[int], Strip]:
            draw = drawer()
            return lambda y: drawn.append(y) or draw(y)  # type: ignore[func-returns-value]

        monkeypatch.setattr(pane, "line_drawer", noted)
        await pilot.press("question_mark")
        await pilot.pause(0.03)
        pane.refresh()
        drawn.clear()
        # As the reader of the keys has it called: in a context of its own.
        Context().run(app.foresee_escape)
        ahead = len(drawn)
        await pilot.press("escape")
        await pilot.pause(0.03)
        assert len(drawn) == ahead > pane.size.height / 2
        assert not shown.differing(app)


async def test_no_dialog_draws_the_whole_screen(shown: Shown) -> None:
    async with desk(FakeLink(), WIDE) as (_, pilot):
        await pilot.pause(0.05)
        before = shown.whole
        for key in ("question_mark", "escape", "o", "escape", "colon", "escape"):
            await pilot.press(key)
            await pilot.pause(0.03)
        assert shown.whole == before


async def test_a_dialog_outlives_a_terminal_that_grows_around_it(shown: Shown) -> None:
    """It was drawn before the screen below had heard of that, and the console ended with a traceback."""
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        for _ in range(3):
            await pilot.press("question_mark")
            await pilot.resize_terminal(*WIDE)
            await pilot.press("escape", "question_mark")
            await pilot.resize_terminal(*COMPACT)
            await pilot.press("escape")
            await pilot.resize_terminal(*WIDE)
            await pilot.press("question_mark")
            await pilot.pause()
            assert shown.differing(app) == []
            below = app.desk._compositor.size
            assert len(app.screen.render_lines(Region(0, 2, below.width, below.height))) == below.height
            await pilot.press("escape")
            await pilot.resize_terminal(*COMPACT)
            await pilot.pause()
            assert shown.differing(app) == []


async def test_what_moves_is_drawn_though_somebody_asked_where_it_will_stand(shown: Shown) -> None:
    """A toast that comes moves those before it up: they stood on the screen where they had been."""
    app = DeskApp(FakeLink(), frames_per_s=0.1)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.say("one")
        await pilot.pause(0.05)
        places, new = app.desk._compositor, ToastHolder(Toast(Notification("two", timeout=60)))
        app.desk.query_one(ToastRack).mount(new)
        for _ in range(20):
            places.update_widgets({new})  # as where a frame is due before the layout
            if new.size.height:
                break
            await asyncio.sleep(0)
        await pilot.pause(0.05)
        assert len({toast.region.y for toast in app.query(Toast)}) == 2
        assert shown.differing(app) == []


async def test_what_is_told_stands_once_while_a_dialog_is_open(shown: Shown) -> None:
    """Below it stayed until the dialog went, beside the dialog's own."""
    app = DeskApp(FakeLink(), frames_per_s=0.1)
    async with app.run_test(size=COMPACT, notifications=True) as pilot:
        app.say("said once")
        await pilot.pause(0.05)
        for key, beside in (("K", 1), ("escape", 0), ("K", 1)):
            await pilot.press(key)
            await pilot.pause(0.05)
            assert len(app.screen_stack) == 1 + beside
            assert "\n".join(shown.screen.display).count("said once") == 1, key
            assert shown.differing(app) == []
        app.clear_notifications()
        await pilot.pause(0.05)
        assert "said once" not in "\n".join(shown.screen.display)
        assert shown.differing(app) == []
