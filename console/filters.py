"""What is done to every line on its way to a terminal that has few colours, or no letters but ASCII.

Filters of Textual: each gets the segments of a line of a widget, frames and titles included, so that nothing
drawn anywhere goes by them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from rich._palettes import EIGHT_BIT_PALETTE
from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as ScreenColor
from textual.filter import LineFilter

STYLES = 4096
"""Styles whose conversion is kept."""
_SURFACES = 8
"""A Linux console has that many for surfaces."""
_BLACK, _SILVER, _WHITE = 0, 7, 15
_BRIGHT = (2, 3, 6, 7)
"""Surfaces on which black is read best: their shade differs between terminals."""


class StyleFilter(LineFilter):
    """Converts each segment's style."""

    def __init__(self, convert: Callable[[Style], Style]) -> None:
        super().__init__()
        self._convert = convert

    def apply(self, segments: list[Segment], background: ScreenColor) -> list[Segment]:
        convert = self._convert
        return [
            Segment(text, None if style is None else convert(style), control)
            for text, style, control in segments
        ]


class AsciiFilter(LineFilter):
    """Puts an ASCII character in the place of each cell of any other."""

    def apply(self, segments: list[Segment], background: ScreenColor) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(in_ascii(segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(STYLES)
def without_colours(style: Style) -> Style:
    """Nothing but bold, dim, underline, reverse and their like."""
    return style.without_color + Style.from_meta(style.meta)


@lru_cache(STYLES)
def in_sixteen(style: Style) -> Style:
    """The nearest of the sixteen; ink is never of its surface's colour."""
    ink, surface = _number(style.color), _number(style.bgcolor)
    if surface is not None and surface >= _SURFACES:
        surface = _SILVER if surface == _WHITE else surface - _SURFACES
    if surface in _BRIGHT and ink in (_SILVER, _WHITE) and ink != surface:
        # A badge. Bold black is grey in some terminals.
        return style + Style(color=_coloured(_BLACK), bgcolor=_coloured(surface), bold=False)
    if ink is None or ink != surface:
        return style + Style(color=_coloured(ink), bgcolor=_coloured(surface))
    # Too near to be told apart.
    ink = _BLACK if surface in _BRIGHT else _SILVER
    return style + Style(color=_coloured(ink), bgcolor=_coloured(surface), dim=True)


@lru_cache(STYLES)
def in_eight_bit(style: Style) -> Style:
    """The nearest of the 240 that are the same everywhere."""
    return style + Style(color=_in_240(style.color), bgcolor=_in_240(style.bgcolor))


def _number(color: Color | None) -> int | None:
    if color is None or color.is_default:
        return None
    return color.downgrade(ColorSystem.STANDARD).number


def _coloured(number: int | None) -> Color | None:
    return None if number is None else Color.from_ansi(number)


@lru_cache(STYLES)
def _in_240(color: Color | None) -> Color | None:
    if color is None or color.triplet is None:
        return color
    wanted = _lab(color.triplet)
    return Color.from_ansi(
        min(_PALETTE, key=lambda n: sum((a - b) ** 2 for a, b in zip(wanted, _PALETTE[n], strict=True)))
    )


def _lab(triplet: ColorTriplet) -> tuple[float, float, float]:
    """CIELAB (D65) with more weight on lightness, so that contrasts stay."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in triplet.normalized]
    r, g, b = linear
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
        )
    )
    return 2.5 * (116 * y - 16), 500 * (x - y), 200 * (y - z)


_PALETTE = {number: _lab(EIGHT_BIT_PALETTE[number]) for number in range(16, 256)}

_CUT = re.compile(r"…(?=\d)|(?<=\d)…")
"""Beside a digit a dot would be a decimal point."""
_ASCII = str.maketrans(
    {
        **dict.fromkeys("─━═┄┈╌┅╍╴╶╸╺—–−▔", "-"),
        **dict.fromkeys("│┃║╵╷╹╻╽╿╏❚▏▎▍▌▐▕", "|"),
        **dict.fromkeys("▋▊▉▖▗▘▙▛▜▝▟", "#"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬╞╡", "+"),
        **dict(zip("▁▂▃▄▅▆▇█▀", "__.-=+*#^", strict=True)),
        **dict(zip("▲▼●◉◐◌○◆■✗✓▶▸◂•", "^v*@oo.o#x+>><*", strict=True)),
        **dict(zip("←↑→↓↗↝‹›«»…·×±≈≤≥µ§σ", "<^>v/><><>..x~~<>uss", strict=True)),
    }
)


def in_ascii(text: str) -> str:
    """``text`` in as many cells, of ASCII alone; a character that has no likeness becomes ``?``."""
    if "…" in text:
        text = _CUT.sub(r"\\", text)
    text = text.translate(_ASCII)
    return text if text.isascii() else "".join(map(_likeness, text))


@lru_cache(STYLES)
def _likeness(character: str) -> str:
    if character.isascii():
        return character
    if 0x2800 <= ord(character) <= 0x28FF:
        return " ..::++##"[(ord(character) - 0x2800).bit_count()]
    width = cell_len(character)
    # A letter without its accents. No look-alikes: ½ would be 1, 10² 102, and ≠ without its stroke =.
    plain = unicodedata.normalize("NFD", character)[0] if character.isalpha() else "?"
    plain = " " if character.isspace() else plain
    return plain if width == 1 and plain.isascii() and plain.isprintable() else "?" * width
