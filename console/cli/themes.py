"""``tickdesk themes [--json]``: ours and the user's, each with a sample in its own colours."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

import msgspec
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.theme import Theme

from console.cli.looks import theme_name, themes_folder
from console.cli.output import as_json
from console.cli.settings import configuration
from console.colours import Colours, ascii_only, colours_of
from console.filters import in_ascii, in_eight_bit, in_sixteen, without_colours
from engine.text import clean
from themes import THEMES, eight_bit, sixteen
from themes.contrast import BADGES, INKS, SURFACES, colour_of, worst
from themes.own import read_themes

_SAMPLE = (
    ("badge-ink", "primary", " PAPER "),
    ("foreground", "surface", " BTC-USD "),
    ("price-up", "surface", "▲+0.42% "),
    ("price-down", "surface", "▼-0.17% "),
    ("price-flat", "surface", "0.00% "),
    ("warning", "surface", "! warn "),
    ("error", "surface", "✗ error "),
    ("stale", "surface", "~stale "),
    ("foreground", "cursor", " selected "),
)
"""Ink, surface and text."""


class ThemeRow(msgspec.Struct):
    name: str
    base: str
    """One of ours; of ours, itself."""
    file: str
    """"": one of ours."""
    chosen: bool
    least_contrast: float
    """Of an ink on a surface, 1 to 21; 4.5 is WCAG's AA, 7 its AAA."""
    colours: dict[str, str]


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    own, wrong = read_themes(themes_folder(arguments, config))
    chosen = theme_name(arguments, config)
    found = [(theme, name, "") for name, theme in THEMES.items()]
    found += [(each.theme, each.base, str(each.path)) for each in own]
    rows = [_row(theme, base, file, chosen) for theme, base, file in found]
    if arguments.json:
        print(as_json(rows))
    else:
        system = colours_of(config.console.colours, os.environ) if sys.stdout.isatty() else Colours.NONE
        plain_letters = ascii_only(config.console.ascii, os.environ)
        width = max(len(row.name) for row in rows)
        for row, (theme, base, _) in zip(rows, found, strict=True):
            mark = "*" if row.chosen else " "
            print(f"{mark} {row.name:<{width}}  {row.least_contrast:4.1f}:1  ", end="")
            print(_sample(theme, base, system, plain_letters))
        print("* is worn; the theme key walks through them; --theme NAME or `theme` in [console] keeps one")
    for line in (*wrong, *(each.warning for each in own if each.warning)):
        print(f"tickdesk: {line}", file=sys.stderr)
    return 0


def _row(theme: Theme, base: str, file: str, chosen: str) -> ThemeRow:
    keys = dict.fromkeys((*INKS, *SURFACES, *BADGES, "badge-ink", "rule", "rule-focus"))
    return ThemeRow(
        name=theme.name,
        base=base,
        file=clean(file, 300),
        chosen=theme.name == chosen,
        least_contrast=round(worst(theme).ratio, 2),
        colours={key: colour_of(theme, key) for key in keys},
    )


def _sample(theme: Theme, base: str, system: Colours, plain_letters: bool) -> str:
    worn = theme
    if system is Colours.SIXTEEN:
        worn = sixteen.in_sixteen(theme, base)
    elif system is Colours.EIGHT_BIT:
        worn = eight_bit.in_eight_bit(theme)
    convert = {Colours.SIXTEEN: in_sixteen, Colours.EIGHT_BIT: in_eight_bit, Colours.NONE: without_colours}
    console = Console(color_system="truecolor", force_terminal=True, _environ={})

    def segments() -> Iterator[Segment]:
        for ink, surface, text in _SAMPLE:
            style = Style(
                color=Color.parse(colour_of(worn, ink)), bgcolor=Color.parse(colour_of(worn, surface))
            )
            if system in convert:
                style = convert[system](style)
            yield Segment(in_ascii(text) if plain_letters else text, style)

    return console._render_buffer(segments())
