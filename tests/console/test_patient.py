"""The app under a patient driver: what it could not draw, it draws later."""

from __future__ import annotations

import pytest
from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen

from console.app import DeskApp
from tests.console.fake_link import FakeLink


@pytest.mark.parametrize("screen", [None, Screen()], ids=["the desk", "a screen of Textual's own"])
async def test_a_frame_lost_on_a_busy_line_is_drawn_later(
    screen: Screen[None] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = DeskApp(FakeLink(), frames_per_s=0.5)
    drawn: list[Size] = []
    display = app._display

    def note(screen: Screen[None], update: RenderableType | None) -> None:
        if isinstance(update, LayoutUpdate) and not app._batch_count:
            drawn.append(update.region.size)
        display(screen, update)

    async with app.run_test(size=(80, 24)) as pilot:
        if screen is not None:
            await app.push_screen(screen)
        await pilot.pause()
        monkeypatch.setattr(app, "_display", note)
        with app.batch_update():
            await pilot.resize_terminal(120, 40)
            await pilot.pause()
        assert drawn == []
        app.line_free()
        await pilot.pause(0.05)
        assert set(drawn) == {(120, 40)}, "all of the screen"


async def test_a_terminal_that_was_another_size_for_a_moment_is_drawn_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = DeskApp(FakeLink(), frames_per_s=0.5)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for sizes in ([(80, 24)], [(60, 24), (80, 24)]):
            refreshed: list[tuple[object, ...]] = []
            with monkeypatch.context() as patched:
                patched.setattr(app.screen, "refresh", lambda *to, seen=refreshed, **how: seen.append(to))
                for size in sizes:
                    app.post_message(Resize(Size(*size), Size(*size)))
                await pilot.pause(0.05)
            assert () in refreshed, f"the whole screen, after {sizes}"
