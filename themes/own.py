"""Themes of the user's own: a TOML file each, with a name, one of ours as the base, and colours.

name = "paper"
base = "tickdesk-light"

[colours]
surface = "#fdf6e3"
price-up = "#2a6f00"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from copy import copy
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from textual.color import Color, ColorParseError
from textual.theme import Theme

from engine.errors import ConfigError
from engine.text import clean
from themes import THEMES
from themes.contrast import AA, INKS, SURFACES, Pair, worst

FIELDS = (
    "primary",
    "secondary",
    "accent",
    "warning",
    "error",
    "success",
    "foreground",
    "background",
    "surface",
    "panel",
)
"""Colours that every theme of Textual has; ours beyond them are its variables."""
KEYS = tuple(dict.fromkeys((*INKS, *SURFACES, "secondary", "rule", "rule-focus", "badge-ink")))
"""What ``[colours]`` may say."""
MOST_FILES, MOST_BYTES = 50, 20_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")


class OwnTheme(NamedTuple):
    theme: Theme
    base: str
    path: Path
    warning: str = ""
    """One line, "" where all of it can be read."""


def read_themes(folder: Path) -> tuple[list[OwnTheme], list[str]]:
    """The themes of ``folder`` by name, and for each file that is none, one line why."""
    found: dict[str, OwnTheme] = {}
    wrong: list[str] = []
    for path in sorted(folder.glob("*.toml"))[:MOST_FILES]:
        try:
            own = read_theme(path)
            if own.theme.name in found:
                raise ConfigError(f"{_told(path)}: {found[own.theme.name].path.name} has the same name")
        except ConfigError as error:
            wrong.append(str(error))
        else:
            found[own.theme.name] = own
    return list(found.values()), wrong


def read_theme(path: Path) -> OwnTheme:
    """Raises ConfigError, one line that names the file."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(f"{_told(path)}: no theme has more than {MOST_BYTES} bytes")
        document = tomllib.loads(data.decode())
    except OSError as error:
        raise ConfigError(f"{_told(path)}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{_told(path)}: not TOML: {clean(error, 120)}") from None
    return _checked(document, path)


def _checked(document: dict[str, Any], path: Path) -> OwnTheme:
    _refuse_unknown(document, ("name", "base", "colours"), path, "")
    name = document.get("name", path.stem)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{_told(path)}: name: give 1 to 30 of a-z, 0-9 and -")
    if name in THEMES:
        raise ConfigError(f"{_told(path)}: name: {name} is one of ours; choose another")
    base = document.get("base", next(iter(THEMES)))
    if not isinstance(base, str) or base not in THEMES:
        raise ConfigError(f"{_told(path)}: base: {unknown(base, THEMES)}")
    colours = document.get("colours", {})
    if not isinstance(colours, dict):
        raise ConfigError(f"{_told(path)}: colours: give a table, [colours]")
    _refuse_unknown(colours, KEYS, path, "colours.")
    theme = copy(THEMES[base])
    theme.name, theme.variables = name, dict(theme.variables)
    for key, value in colours.items():
        colour = _colour(value, f"{_told(path)}: colours.{key}")
        if key in FIELDS:
            setattr(theme, key, colour)
        else:
            theme.variables[key] = colour
    theme.variables["border"] = theme.variables["rule-focus"]
    return OwnTheme(theme, base, path, _hard_to_read(theme, path))


def _colour(value: object, where: str) -> str:
    try:
        colour = Color.parse(value) if isinstance(value, str) and value[:5] != "ansi_" else None
    except ColorParseError:
        colour = None
    if colour is None or colour.a != 1 or colour.auto:
        raise ConfigError(f'{where}: {clean(repr(value), 40)} is no colour; write it as "#rrggbb"')
    return colour.hex


def _refuse_unknown(table: dict[str, Any], known: Iterable[str], path: Path, prefix: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"{_told(path)}: {prefix}{unknown(key, known)}")


def unknown(given: object, known: Iterable[str]) -> str:
    """What is said of a name that there is not: what was probably meant, or what there is."""
    names = list(known)
    near = get_close_matches(str(given), names, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    return f"{clean(given, 40)} is not known; {hint}"


def _hard_to_read(theme: Theme, path: Path) -> str:
    pair: Pair = worst(theme)
    if pair.ratio >= AA:
        return ""
    return (
        f"{_told(path)}: {pair.ink} on {pair.surface} is hard to read: contrast {pair.ratio:.1f}, not {AA:g}"
    )


def _told(path: Path) -> str:
    return f"theme {clean(path.name, 60)}"
