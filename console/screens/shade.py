"""What a dialog stands over: the screen below, shaded."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

_NO_STYLE = Style()


def shaded(strip: Strip, shade: Color) -> Strip:
    """``strip`` under a translucent ``shade``; what a click on it would do is left out."""
    return Strip(
        [Segment(text, _shaded(style or _NO_STYLE, shade)) for text, style, control in strip if not control],
        strip.cell_length,
    )


@lru_cache(4096)
def _shaded(style: Style, shade: Color) -> Style:
    # A screen has some dozens of styles and thousands of cells: to mix each anew took most of the time.
    ink, ground = (
        (Color.from_rich_color(colour) + shade).rich_color if colour is not None else None
        for colour in (style.color, style.bgcolor)
    )
    return style.clear_meta_and_links() + Style.from_color(ink, ground)
