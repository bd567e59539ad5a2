"""A heat map in a terminal of 80 columns: a number in each cell, and its colour or a shade beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from console.colours import Colours
from console.filters import in_eight_bit, in_sixteen

if TYPE_CHECKING:
    from engine.research.heat_map import HeatMap

_WIDTH = 80
CELL = 7
LABEL = 9
_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:+#"
_SCALE = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Viridis, whose steps are even to the eye and for the colour-blind: https://bids.github.io/colormap/"""
_SIXTEEN = ("blue", "cyan", "green", "yellow", "bright_yellow")


def lines(of: HeatMap, colours: Colours, *, ascii_only: bool, largest_is_best: bool = True) -> list[str]:
    known = [value for row in of.cells for value in row if value is not None]
    down, across = (key.rpartition(".")[2] for key in (of.down, of.across))
    head = [f"{of.field} by {down} (down) and {across} (across)"[:_WIDTH]]
    if of.most > 1:
        head.append(f"a cell is the mean of up to {of.most} runs")
    if not known:
        return [*head, "no run has this figure"]
    low, high = min(known), max(known)
    best, told = _best(of, len(known), largest_is_best) if low < high else (None, "")
    text = [*head, (" " * LABEL + "".join(map(_over, of.columns))).rstrip()]
    for label, row, can in zip(of.rows, of.cells, of.chosen, strict=True):
        cells = (
            _cell(value, low, high, one and value == best, colours, ascii_only)
            for value, one in zip(row, can, strict=True)
        )
        text.append(_cut(label, LABEL - 1, ">") + " " + _drawn(cells, colours))
    text.append(f"{'':{LABEL}}{number(low)} to {number(high)}{told}")
    return [_ascii(line) for line in text] if ascii_only else text


def _best(of: HeatMap, known: int, largest_is_best: bool) -> tuple[float | None, str]:
    """Of the cells in which a run can be chosen, and what is said of its mark."""
    able = [
        value
        for row, can in zip(of.cells, of.chosen, strict=True)
        for value, chosen in zip(row, can, strict=True)
        if chosen and value is not None
    ]
    if not able:
        return None, ", none can be chosen"
    told = "the best" if len(able) == known else "the best that can be chosen"
    return (max if largest_is_best else min)(able), f", {told} marked *"


def number(value: float) -> str:
    """In at most five characters; six of what has three digits in its exponent."""
    if abs(value) < 1e-99:
        return "0"
    for digits in (3, 2, 1):
        text = f"{value:.{digits}g}"
        if len(text) <= 5 and "e" not in text:
            return text
    text = f"{value:.0f}"
    if len(text) <= 5 and abs(value) >= 1:
        return text
    return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def _cell(
    value: float | None, low: float, high: float, best: bool, colours: Colours, ascii_only: bool
) -> tuple[str, Style]:
    if value is None:
        return f"{'-' if ascii_only else '·':>{CELL - 2}}  ", Style()
    place = (value - low) / (high - low) if high > low else 1.0
    mark = "*" if best else " "
    if colours is Colours.NONE:
        shades = _ASCII_SHADES if ascii_only else _SHADES
        shade = shades[min(int(place * len(shades)), len(shades) - 1)]
        return _marked(value, mark if mark == "*" else shade), Style()
    return _marked(value, mark), _style(place, colours)


def _marked(value: float, mark: str) -> str:
    """The mark right behind its own number, then a blank where there is room: nobody takes it for the next
    one's."""
    return f"{number(value) + mark:>{CELL - 1}} "[:CELL]


def _over(label: str) -> str:
    """A column's head, up to where its marks stand."""
    return f"{label[: CELL - 1]:>{CELL - 1}} "


def _style(place: float, colours: Colours) -> Style:
    if colours is Colours.SIXTEEN:
        name = _SIXTEEN[min(int(place * len(_SIXTEEN)), len(_SIXTEEN) - 1)]
        return Style(color="black" if name != "blue" else "bright_white", bgcolor=name)
    at = place * (len(_SCALE) - 1)
    before = min(int(at), len(_SCALE) - 2)
    red, green, blue = (
        round(one + (two - one) * (at - before))
        for one, two in zip(_SCALE[before], _SCALE[before + 1], strict=True)
    )
    bright = 0.299 * red + 0.587 * green + 0.114 * blue > 120
    ink = Color.from_rgb(0, 0, 0) if bright else Color.from_rgb(255, 255, 255)
    return Style(color=ink, bgcolor=Color.from_rgb(red, green, blue))


def _drawn(cells: Iterator[tuple[str, Style]], colours: Colours) -> str:
    if colours is Colours.NONE:
        return "".join(text for text, _ in cells).rstrip()
    convert = {Colours.SIXTEEN: in_sixteen, Colours.EIGHT_BIT: in_eight_bit}.get(colours)
    console = Console(color_system="truecolor", force_terminal=True, _environ={})
    return console._render_buffer(
        Segment(text, convert(style) if convert else style) for text, style in cells
    )


def _cut(label: str, width: int, side: str) -> str:
    """A gap of one is kept to the cell before."""
    return f" {label[: width - 1]:{side}{width - 1}}"


def _ascii(text: str) -> str:
    return text.replace("…", "~").encode("ascii", "replace").decode()
