"""A console on a made-up desk, driven by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from console.app import DeskApp
from console.screens.models import ModelsScreen
from tests.console import sample_models
from tests.console.fake_link import FakeLink
from widgets.lines import Lines

WIDE, COMPACT = (200, 50), (80, 24)


@asynccontextmanager
async def desk(
    link: FakeLink, size: tuple[int, int] = COMPACT, **options: object
) -> AsyncIterator[tuple[DeskApp, Pilot[None]]]:
    app = DeskApp(link, frames_per_s=10, **options)  # type: ignore[arg-type]
    # One frame is all that a fake link sends by itself: that is no silence.
    app.view._clock = lambda: app.view._frame_at
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.paint()
        await pilot.pause()
        yield app, pilot


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("never came true")


async def comes_true(pilot: Pilot[None], holds: Callable[[], bool]) -> bool:
    """Where many things are tried in one run, and those that failed are told together."""
    try:
        await until(pilot, holds)
    except AssertionError:
        return False
    return True


def text_of(app: DeskApp) -> str:
    """What the lines of the dialog on top say."""
    shown = [lines for lines in app.screen.query(Lines) if lines.display]
    return "\n".join("".join(text for text, _ in line) for lines in shown for line in lines.lines)


def typing(app: DeskApp) -> bool:
    """Whether the command line is open."""
    return app.desk.line_place.line.is_open


def toasts(app: DeskApp) -> list[str]:
    return [note.message for note in app._notifications]


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def open_models(app: DeskApp, pilot: Pilot[None], *keys: str) -> ModelsScreen:
    await press(pilot, "M")
    await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and bool(app.screen._details))
    screen = app.screen
    assert isinstance(screen, ModelsScreen)
    await press(pilot, *keys)
    return screen


def models_link(**changes: object) -> FakeLink:
    """With another answer for the models screen."""
    link = FakeLink()
    link.registry = sample_models.models(**changes)
    return link
