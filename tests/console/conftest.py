"""No colour or theme setting of the person who runs the tests; a screen's picture in three themes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from console.app import DeskApp

THEMES = ("tickdesk-dark", "tickdesk-light", "tickdesk-contrast")
"""The first one's pictures carry no name of a theme."""


class Compare(Protocol):
    def __call__(
        self,
        app: DeskApp,
        size: tuple[int, int],
        prepare: Callable[[Pilot[None]], Awaitable[None]],
        themes: Sequence[str] = THEMES,
    ) -> None: ...


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "TMUX", "COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def compare_pictures(snapshot: SnapshotAssertion, tmp_path: Path) -> Compare:
    """Compare what an app shows, once prepared, with the pictures that are kept, one for each theme.

    ``--snapshot-update`` keeps what is shown now. One run of the app serves all themes.
    """
    kept = snapshot.use_extension(SVGImageExtension)

    def compare(
        app: DeskApp,
        size: tuple[int, int],
        prepare: Callable[[Pilot[None]], Awaitable[None]],
        themes: Sequence[str] = THEMES,
    ) -> None:
        pictures: dict[str, str] = {}

        async def take(pilot: Pilot[None]) -> None:
            await prepare(pilot)
            for theme in themes:
                app.theme = theme
                await pilot.pause()
                pictures[theme] = app.export_screenshot(title=app.title, simplify=True)
            app.exit()

        app.run(headless=True, auto_pilot=take, size=size)
        assert list(pictures) == list(themes), "the app ended before its pictures were taken"
        differing = []
        for theme, picture in pictures.items():
            if picture != (kept if theme == THEMES[0] else kept(name=theme)):
                differing.append(tmp_path / f"{theme}.svg")
                differing[-1].write_text(picture)
        assert not differing, f"shown now: {', '.join(map(str, differing))}"

    return compare
