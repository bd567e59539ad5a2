"""No meaning by colour alone: what colours tell, signs, marks, words, frames and attributes tell as well."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style
from textual.widget import Widget

from console.app import DeskApp
from console.colours import Colours
from console.themes import Looks
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from widgets.cells import CELL_STYLES, CURSOR, CURSOR_IDLE, Cell, on_cursor
from widgets.grid import Grid

APART = (
    ("up", "down", "flat"),
    ("good", "warn", "bad"),
    ("text", "badge", "heading"),
    ("badge-good", "badge-warn", "badge-bad"),
    ("stale", "text", "bold"),
)
"""In each, every one means something else."""
SIGNS = re.compile(r"[▲▼+−~✓✗!●◐◌○■%-]|buy|sell|long|short|bid|ask|\bA\b|\bB\b", re.IGNORECASE)
BARE = re.compile(r"[^A-Za-z]*\d[^A-Za-z]*")
NUMBER = re.compile(r"\d[\d,.]*")
PRESSED = ("3", "4 ] ]", "5", "7", "8", "2 enter", "P", "L", "D")
"""The panes, what opens from them, and the dialogs that show figures."""


def lines_of(widget: Widget) -> Iterator[tuple[Cell, ...]]:
    if isinstance(widget, Grid):
        yield from (row.cells for row in widget.rows)
    for line in getattr(widget, "lines", None) or getattr(widget, "_drawn", None) or ():
        if isinstance(line, tuple) and all(isinstance(cell, tuple) and len(cell) == 2 for cell in line):
            yield line


def bare(style: Style) -> tuple[bool, ...]:
    """What is left of a style without its colours."""
    flags = (style.bold, style.dim, style.italic, style.underline, style.reverse)
    return tuple(bool(flag) for flag in flags)


async def test_every_meaning_is_told_without_colours() -> None:
    frame = sample.full_frame(risk_state="halted", risk_reason="daily loss", drifts=2)
    app = DeskApp(FakeLink(frame), frames_per_s=0.5, looks=Looks(colours=Colours.NONE))
    columns: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    coloured = 0
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause()
        app.paint()
        await pilot.pause()
        ticks = app.desk.ticks
        styles = ticks.cell_styles()
        assert set(CELL_STYLES) <= set(styles)
        for group in APART:
            assert len({bare(styles[name]) for name in group}) == len(group), group
        assert ticks.has_focus and bare(styles[CURSOR]) != bare(styles[CURSOR_IDLE])
        shown = ticks.render_lines(ticks.outer_size.region)
        inside = [s for s in shown[2] if s.text.strip(" ┃")]  # below the frame and the titles
        assert inside and all(s.style and s.style.reverse for s in inside)
        assert not any(s.style and s.style.reverse for s in shown[4])
        assert not any(s.style and (s.style.color or s.style.bgcolor) for line in shown for s in line)

        for keys in PRESSED:
            for key in keys.split():
                await pilot.press({"]": "right_square_bracket"}.get(key, key))
            for _ in range(3):
                await pilot.pause()
            app.paint()
            for widget in app.screen.query("*"):
                if isinstance(widget, Grid):
                    for row in widget.rows:
                        for column, (text, style) in zip(widget.COLUMNS, row.cells, strict=True):
                            if style in ("up", "down", "flat", "good", "bad"):
                                pattern = NUMBER.sub("0", text.strip())
                                columns[type(widget).__name__, column.key][pattern].add(style)
                for line in lines_of(widget):
                    # Shapes tell of candles and curves, words of labels: bare numbers need a sign.
                    if any(style in ("up", "down") and BARE.fullmatch(text.strip()) for text, style in line):
                        coloured += 1
                        told = "".join(text for text, _ in line)
                        assert SIGNS.search(told), (type(widget), told)
            if not isinstance(app.screen, type(app.desk)):
                assert app.screen.focused is not None, "a dialog has the focus: everything by keyboard"
                app.pop_screen()
                await pilot.pause()
            else:
                focused = app.screen.focused
                assert focused is not None
                panes = [pane for pane in app.desk.query(".pane") if pane.display]
                framed = [pane for pane in panes if pane.styles.border_top[0] == "heavy"]
                assert len(framed) <= 1, "at most one pane is framed as the one with the focus"
                assert not panes or framed or len(panes) == 1
    assert coloured > 50
    two = {key: found for key, texts in columns.items() for found in texts.items() if len(found[1]) > 1}
    assert not two, "the same text in two colours"


def test_a_badge_keeps_its_surface_on_the_cursors_line() -> None:
    plain, cursor = Style(color="#dddddd", bgcolor="#101010"), Style(bgcolor="#0000aa", underline=True)
    badge = Style(color="#000000", bgcolor="#00ff00", bold=True)
    text, marked = on_cursor([Segment("a", plain), Segment("b", badge)], cursor, plain)
    assert text.style == plain + cursor
    assert marked.style == badge + Style(underline=True)
