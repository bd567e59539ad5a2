"""Lines that scroll: wrapped to the width, drawn again only where they changed."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from themes import THEMES, VARIABLE_DEFAULTS
from widgets.lines import Line, Lines, faded


class Host(App[None]):
    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self.register_theme(THEMES["tickdesk-dark"])
        self.theme = "tickdesk-dark"
        self.lines = Lines(lines)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.lines


def shown(lines: Lines) -> list[str]:
    return [lines.render_line(y).text.rstrip() for y in range(lines.size.height)]


def numbered(count: int) -> list[Line]:
    return [((f"line {n}", "text"),) for n in range(count)]


async def test_long_lines_wrap_with_an_indent() -> None:
    app = Host([(("head ", "bold"), ("word " * 6, "text"))])
    async with app.run_test(size=(22, 6)):
        assert shown(app.lines)[:3] == ["head word word word", "    word word word", ""]
        assert app.lines.lines == [(("head ", "bold"), ("word " * 6, "text"))], "as given"


async def test_scrolling_stops_at_both_ends() -> None:
    app = Host(numbered(30))
    async with app.run_test(size=(20, 10)) as pilot:
        app.lines.move_end()
        await pilot.pause()
        assert shown(app.lines)[-1] == "line 29"
        app.lines.move_page(-1)
        await pilot.pause()
        assert shown(app.lines)[0] == "line 11"
        app.lines.move_by(-99)
        await pilot.pause()
        assert shown(app.lines)[0] == "line 0"


async def test_only_changed_lines_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Host(numbered(8))
    async with app.run_test(size=(20, 10)) as pilot:
        await pilot.pause()
        drawn: list[tuple[object, ...]] = []
        monkeypatch.setattr(app.lines, "refresh", lambda *regions, **how: drawn.append((regions, how)))
        changed = numbered(8)
        changed[3] = (("other", "text"),)
        app.lines.set_lines(changed)
        assert drawn == [((Region(0, 3, 20, 1),), {})]


def test_a_faded_line_keeps_its_text() -> None:
    assert faded((("a", "bold"), ("b", "badge-bad"))) == (("a", "stale"), ("b", "stale"))
