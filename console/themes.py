"""What the console wears: the theme, as many colours as the terminal has, its letters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.color import ColorSystem
from textual.filter import LineFilter, Monochrome, NoColor
from textual.theme import Theme

from console.colours import Colours, ascii_only, colours_of
from console.command_line.command import Argument, Candidate, Command, CommandError
from console.command_line.completion import one_of
from console.commanding import CommandingApp
from console.filters import AsciiFilter, StyleFilter, in_eight_bit, in_sixteen, without_colours
from engine.config.desk import ConsoleConfig
from engine.errors import ConfigError
from themes import THEMES, VARIABLE_DEFAULTS, eight_bit, next_theme, renamed, sixteen, swapped
from themes.monochrome import COLOURLESS
from themes.own import OwnTheme, read_themes, unknown

_SYSTEMS = {
    Colours.SIXTEEN: ColorSystem.STANDARD,
    Colours.EIGHT_BIT: ColorSystem.EIGHT_BIT,
}


class Looks(NamedTuple):
    """How the console is drawn in this terminal."""

    theme: str = ""
    """To begin with; one that there is not: the first of ours."""
    colours: Colours = Colours.TRUE
    ascii: bool = False
    red_up: bool = False
    own: tuple[OwnTheme, ...] = ()
    warnings: tuple[str, ...] = ()
    """Said when the console opens."""


def looks_of(
    config: ConsoleConfig, theme: str, folder: Path, environ: Mapping[str, str] = os.environ
) -> Looks:
    """What the settings, the user's themes in ``folder`` and the terminal come to.

    Raises ConfigError where ``theme`` is none; what is wrong with another is a warning.
    """
    own, wrong = read_themes(folder)
    names = [*THEMES, *(each.theme.name for each in own)]
    if theme not in names:
        told = f"; {wrong[0]}" if wrong else ""
        raise ConfigError(f"console.theme: no theme {unknown(theme, names)}{told}")
    return Looks(
        theme=theme,
        colours=colours_of(config.colours, environ),
        ascii=ascii_only(config.ascii, environ),
        red_up=config.up == "red",
        own=tuple(own),
        warnings=(*wrong, *(each.warning for each in own if each.warning and each.theme.name == theme)),
    )


def dressed(theme: Theme, base: str, looks: Looks) -> Theme:
    """``theme`` as it is worn in this terminal; ``base``: which of ours it builds on."""
    if looks.colours is Colours.NONE:
        worn = renamed(COLOURLESS, theme.name)
    elif looks.colours is Colours.SIXTEEN:
        worn = sixteen.in_sixteen(theme, base)
    elif looks.colours is Colours.EIGHT_BIT:
        worn = eight_bit.in_eight_bit(theme)
    else:
        worn = theme
    return swapped(worn) if looks.red_up else worn


PLAIN = Looks()
ONE_THEME = "no colours here (NO_COLOR, TERM or console.colours): there is but one theme"


class ThemesApp(CommandingApp):
    """Wears a theme; ``t`` walks through ours and the user's."""

    def __init__(self, *, theme: str = "", looks: Looks = PLAIN, **options: Any) -> None:
        """``theme``: to begin with, in the place of the looks' own."""
        super().__init__(**options)
        self.looks = looks
        self._theme_names: tuple[str, ...] = ()
        self._wear(looks, theme or looks.theme)

    def on_mount(self, *_: Any) -> None:
        for warning in self.looks.warnings:
            self.say(warning, "warning")

    def _wear(self, looks: Looks, theme: str) -> None:
        """Before the first line is drawn."""
        for name, each in THEMES.items():
            self.register_theme(dressed(each, name, looks))
        for own in looks.own:
            self.register_theme(dressed(own.theme, own.base, looks))
        self._theme_names = (*THEMES, *(own.theme.name for own in looks.own))
        self.theme = theme if theme in self._theme_names else self._theme_names[0]
        self._filters = self._chosen_filters(looks)
        self.no_color = looks.colours is Colours.NONE
        # Textual would send 16 million colours to a terminal that it knows nothing of.
        self.console._color_system = _SYSTEMS.get(looks.colours, ColorSystem.TRUECOLOR)

    def _chosen_filters(self, looks: Looks) -> list[LineFilter]:
        """Textual's own without its reading of NO_COLOR, and ours after them."""
        kept = [each for each in self._filters if not isinstance(each, (Monochrome, NoColor))]
        # The first two send "dim" itself, where Textual mixes a colour in its place.
        chosen: dict[Colours, list[LineFilter]] = {
            Colours.NONE: [StyleFilter(without_colours)],
            Colours.SIXTEEN: [StyleFilter(in_sixteen)],
            Colours.EIGHT_BIT: [*kept, StyleFilter(in_eight_bit)],
            Colours.TRUE: kept,
        }
        return [*chosen[looks.colours], *([AsciiFilter()] if looks.ascii else [])]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def typed_commands(self) -> list[Command]:
        names = Argument("NAME", "of the theme", lambda before: map(Candidate, self._theme_names))
        return [
            *super().typed_commands(),
            Command("theme", "Wear a theme", self._wear_named, (names,), palette="Theme {}"),
        ]

    def _wear_named(self, words: Sequence[str]) -> None:
        if self.looks.colours is Colours.NONE:
            raise CommandError(ONE_THEME)
        self.theme = one_of(words[0], self._theme_names, "theme")

    def action_next_theme(self) -> None:
        if self.looks.colours is Colours.NONE:
            self.say(ONE_THEME)
            return
        self.theme = next_theme(self.theme, self._theme_names)
        self.say(f"theme {self.theme}, for this time only: `theme` in [console] keeps it", about="theme")
