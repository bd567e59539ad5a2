"""Cells: plain text with the name of a style, fitted to exact terminal widths.

Text from outside is never markup: it becomes a ``Segment`` as it is. What is not printable (control, escape,
bidi) is cleaned here once more, so that no widget can send it to a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from engine.text import clean

Cell = tuple[str, str]
"""(text, style name); the names are those of ``CELL_STYLES``."""

CELL_STYLES = (
    "text",
    "muted",
    "stale",
    "bold",
    "heading",
    "up",
    "down",
    "flat",
    "good",
    "warn",
    "bad",
    "accent",
    "key",
    "badge",
    "badge-good",
    "badge-warn",
    "badge-bad",
    "hit",
    "flash-up",
    "flash-down",
)
"""What each looks like: ``widgets/cell_styles.py``."""

CURSOR, CURSOR_IDLE = "cursor", "cursor-idle"
"""What is laid over the cursor's line, with the focus and without."""

SCROLL_CSS = """
    overflow-x: hidden;
    overflow-y: auto;
    scrollbar-size: 1 1;
    scrollbar-background: $surface;
    scrollbar-color: $rule;
    background: $surface;
"""
"""For the DEFAULT_CSS of a widget that scrolls (inside its rule)."""

_DISPUTED: dict[int, str | None] = {
    **dict.fromkeys((0xFE0E, 0xFE0F)),
    **dict.fromkeys(range(0x1F3FB, 0x1F400)),
    **{0x1F1E6 + place: letter for place, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")},
}
"""Characters about whose width terminals disagree: variation selectors and skin tones go, the halves of a
flag become their letters."""


def printable(text: str) -> str:
    """``text`` as it may reach a terminal: one line, nothing but printable characters of a known width."""
    if text.isascii() and text.isprintable():
        return text
    return clean(text, 2000).translate(_DISPUTED)


def fit(text: str, width: int, right: bool = False) -> str:
    """``text`` in exactly ``width`` terminal cells.

    Too long: text ends in "…"; a right-aligned one (a number) becomes "#" all over, since a cut number lies.
    """
    text = printable(text)
    length = len(text) if text.isascii() else cell_len(text)
    if length < width:
        blank = " " * (width - length)
        return blank + text if right else text + blank
    if length == width:
        return text
    if right:
        return "#" * width
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """``text`` in at least ``width`` terminal cells; never cut, for lines that wrap."""
    text = printable(text)
    return text + " " * (width - cell_len(text))


def segments(cells: Iterable[Cell], styles: Mapping[str, Style]) -> list[Segment]:
    """One segment per run of one style: neighbours are merged, since every style change costs bytes."""
    out: list[Segment] = []
    run, run_style = "", None
    for text, name in cells:
        if not text:
            continue
        style = styles[name]
        if style is run_style:
            run += text
        else:
            if run:
                out.append(Segment(run, run_style))
            run, run_style = text, style
    if run:
        out.append(Segment(run, run_style))
    return out


def on_cursor(line: Iterable[Segment], cursor: Style, plain: Style) -> list[Segment]:
    """``line`` as the cursor's: what has a surface of its own, a badge or a flash, keeps it, since its ink is
    made for that. ``plain``: the style of cells that have none."""
    marked = Style(bold=cursor.bold, underline=cursor.underline, reverse=cursor.reverse)
    return [
        Segment(text, style + (cursor if style.bgcolor == plain.bgcolor else marked) if style else cursor)
        for text, style, _ in line
    ]


def without_ink(style: Style) -> Style:
    """What the cursor's line lays over its cells: they keep their own inks."""
    return Style(
        bgcolor=style.bgcolor,
        bold=style.bold or None,
        underline=style.underline or None,
        reverse=style.reverse or None,
    )


def width_of(cells: Iterable[Cell]) -> int:
    return sum(cell_len(text) for text, _ in cells)
