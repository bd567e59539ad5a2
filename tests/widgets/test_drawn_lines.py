"""Lines that are kept as they were drawn are those that Textual draws."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual._styles_cache import StylesCache
from textual.app import App, ComposeResult
from textual.filter import Monochrome
from textual.geometry import Region
from textual.strip import Strip

from themes import THEMES, VARIABLE_DEFAULTS
from widgets.drawn_lines import DrawnLines
from widgets.frame_lines import SIDE
from widgets.lines import Lines

LOOKS = {
    "framed": "border: round red;",
    "titled": "border: heavy $accent 50%; background: $panel;",
    "one-side": "border-left: solid green;",
    "foot": "border-bottom: solid green; border-right: tall blue;",
    "bare": "background: transparent;",
    "padded": "padding: 1 2; border: round red;",
    "tinted": "tint: red 30%;",
    "faint": "opacity: 40%; border: round red;",
    "pale": "text-opacity: 40%;",
    "hatched": "hatch: cross red;",
    "outlined": "outline: round red;",
}


class LinesApp(App[None]):
    CSS = "\n".join(f".{name} {{ {rules} }}" for name, rules in LOOKS.items())

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = "tickdesk-dark"
        self.lines = Lines([((f"line {n}", "text"), (" up", "up")) for n in range(4)])

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.lines


def cells(strips: list[Strip]) -> list[list[tuple[str, Style | None]]]:
    return [
        [(character, style) for text, style, _ in Segment.simplify(strip) for character in text]
        for strip in strips
    ]


def drawn(app: LinesApp, crop: Region) -> list[list[tuple[str, Style | None]]]:
    return cells(app.lines.render_lines(crop))


def textuals_own(app: LinesApp, crop: Region) -> list[list[tuple[str, Style | None]]]:
    return cells(StylesCache().render_widget(app.lines, crop))


@pytest.mark.parametrize("look", LOOKS)
async def test_they_are_textuals(look: str) -> None:
    app = LinesApp()
    async with app.run_test(size=(30, 9)) as pilot:
        lines = app.lines
        assert isinstance(lines._styles_cache, DrawnLines)
        whole = lines.outer_size.region
        assert drawn(app, whole) == textuals_own(app, whole)
        lines.add_class(look)
        lines.border_title = "title"
        await pilot.pause()
        whole = lines.outer_size.region
        for crop in (whole, whole, Region(3, 1, 9, 4)):
            assert drawn(app, crop) == textuals_own(app, crop)
        lines.set_lines([((f"other {n}", "down"),) for n in range(4)])
        assert drawn(app, whole) == textuals_own(app, whole)
        app._filters = [Monochrome()]
        assert drawn(app, whole) == textuals_own(app, whole)
        app.theme = "tickdesk-light"
        await pilot.pause()
        assert drawn(app, whole) == textuals_own(app, whole)
        lines.remove_class(look)
        await pilot.pause()
        assert drawn(app, whole) == textuals_own(app, whole)


async def test_its_sides_alone_are_not_taken_for_the_line_between_them() -> None:
    """To learn the sides of a look, a line is drawn: what had changed in that line is still to be drawn."""
    app = LinesApp()
    async with app.run_test(size=(30, 9)) as pilot:
        lines = app.lines
        lines.add_class("framed")
        await pilot.pause()
        whole = lines.outer_size.region
        drawn(app, whole)
        lines._lines = [((f"other {n}", "down"),) for n in range(4)]
        lines.refresh(Region(0, 0, 9, 1))
        lines.set_class(True, "of-no-look", update=False)
        cache = lines._styles_cache
        assert isinstance(cache, DrawnLines)
        kept = cache.lines_of(lines, (SIDE, 1))
        assert cells([kept[1]]) == textuals_own(app, whole)[1:2]


class Counted(Lines):
    asked: list[int]

    def render_line(self, y: int) -> Strip:
        self.asked.append(y)
        return super().render_line(y)


async def test_a_line_that_did_not_change_is_not_drawn_again() -> None:
    app = LinesApp()
    app.lines = counted = Counted(app.lines.lines)
    counted.asked = []
    async with app.run_test(size=(30, 9)) as pilot:
        counted.add_class("framed")
        await pilot.pause()
        counted.set_lines(counted.lines)
        whole = counted.outer_size.region
        drawn(app, whole)
        counted.asked.clear()
        drawn(app, whole)
        assert counted.asked == []
        counted.refresh(Region(0, 2, 9, 1))
        drawn(app, whole)
        assert counted.asked == [2]
