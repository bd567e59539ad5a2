"""No colour or theme setting of the person who runs the tests; a screen's picture in three themes."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import pytest
from pytest_textual_snapshot import SVGImageExtension, normalize_svg
from syrupy.assertion import SnapshotAssertion
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from console.app import DeskApp
from tests.models.tried_once import tried_once

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


@pytest.fixture(autouse=True, scope="package")
def _parsed_once() -> Iterator[None]:
    """What one app's stylesheet was parsed to serves the others with the same colours: it is only read."""
    parse = Stylesheet._parse_rules
    kept: dict[Hashable, list[RuleSet]] = {}

    def parse_once(sheet: Stylesheet, *source: Hashable, **more: Hashable) -> list[RuleSet]:
        key = (source, *more.items(), *sheet._variables.items())
        if (rules := kept.get(key)) is None:
            rules = kept[key] = parse(sheet, *source, **more)  # type: ignore[arg-type]
        return rules

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


@pytest.fixture(autouse=True, scope="package")
def _tried_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with tried_once(tmp_path_factory.mktemp("tried")):
        yield


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    """What a console froze for the collector goes with its test."""
    yield
    gc.unfreeze()


@pytest.fixture
def compare_pictures(snapshot: SnapshotAssertion, tmp_path: Path) -> Compare:
    """Compare what an app shows, once prepared, with what is kept.

    That is the picture in the first theme, and a digest of the picture in each other one. With
    ``--snapshot-update`` what is shown now is kept. One run of the app serves all themes. A picture that
    differs is written to a file. No dialog waits to be opened: each is made at its key, however long the
    machine takes.
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

        app.keep_spares = lambda: None  # type: ignore[method-assign]
        app.run(headless=True, auto_pilot=take, size=size)
        assert list(pictures) == list(themes), "the app ended before its pictures were taken"
        differing = []
        for theme, picture in pictures.items():
            if theme == THEMES[0]:
                same = picture == kept
            else:
                same = sha256(normalize_svg(picture).encode()).hexdigest() == snapshot(name=theme)
            if not same:
                differing.append(tmp_path / f"{theme}.svg")
                differing[-1].write_text(picture)
        assert not differing, f"shown now: {', '.join(map(str, differing))}"

    return compare
