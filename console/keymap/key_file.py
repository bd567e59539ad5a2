"""The key map as a file: ``keys.toml``, one line for each action."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console.keymap.key import Key
from console.keymap.key_map import Given, KeyMap, KeyMapError
from console.keymap.key_names import shown_key
from engine.config import ConsoleConfig
from engine.errors import ConfigError
from engine.text import clean

FILE = "keys.toml"
"""Beside the configuration file, where no other is named."""
_LARGEST = 1 << 18


def key_map(config: ConsoleConfig, folder: Path) -> KeyMap:
    """The file's keys, and the configuration's over them. ``folder``: of the configuration file.

    Raises KeyMapError with a line for each mistake, ConfigError where the file cannot be read.
    """
    given, mistakes = _given(config, folder)
    if mistakes:
        raise KeyMapError(mistakes)
    return KeyMap(given)


def key_map_of_what_is_right(config: ConsoleConfig, folder: Path) -> KeyMap:
    """As ``key_map``; what is wrong is left at its default, and among the map's mistakes: a slip in a file of
    keys is no reason to be without a screen."""
    try:
        given, mistakes = _given(config, folder)
    except ConfigError as error:
        given, mistakes = _configured(config), [str(error)]
    return KeyMap.of_what_is_right(given, mistakes)


def _given(config: ConsoleConfig, folder: Path) -> tuple[list[Given], list[str]]:
    """What the file and the configuration give, and what is no key at all."""
    path = folder / Path(config.keys_file or FILE).expanduser()
    if not (config.keys_file or path.exists()):
        return _configured(config), []
    found, mistakes = _checked(path, _read(path))
    given = [Given(str(path), id, keys) for id, keys in found.items()]
    return [*given, *_configured(config)], mistakes


def _configured(config: ConsoleConfig) -> list[Given]:
    return [Given("console.keys", id, keys) for id, keys in config.keys.items()]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read {clean(path, 120)}: {error.strerror}; check console.keys_file"
        ) from None
    if len(raw) > _LARGEST:
        raise ConfigError(f"{clean(path, 120)} is no key map: it is longer than {_LARGEST // 1024} kB")
    try:
        return tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise ConfigError(f"{clean(path, 120)} is no TOML: {clean(error)}") from None


def _checked(path: Path, table: Mapping[str, Any]) -> tuple[dict[str, str | tuple[str, ...]], list[str]]:
    """What can be keys, and a line for each of the rest."""
    found: dict[str, str | tuple[str, ...]] = {}
    mistakes = []
    for id, keys in table.items():
        if isinstance(keys, str):
            found[id] = keys
        elif isinstance(keys, list) and all(isinstance(key, str) for key in keys):
            found[id] = tuple(keys)
        else:
            mistakes.append(
                f'{clean(path, 80)}: {clean(id, 40)}: give its keys as text, as in {clean(id, 40)} = "f5"'
            )
    return found, mistakes


def file_lines(keys: KeyMap) -> list[str]:
    """The map as a file that can be edited: everything that has keys, and what it does."""
    lines = [
        '# The keys of the console. Several are parted by blanks; "" is none. What is left out stays.',
        "# H halts, Enter opens, Esc closes and ctrl+c leaves, always.",
    ]
    told: set[str] = set()
    for title, table in (("the desk", keys.desk), ("the models", keys.models), ("dialogs", keys.dialogs)):
        mine = [key for key in table if key.action and key.id not in told]
        told |= {key.id for key in mine}
        lines += ["", f"# {title}", *map(_line, mine)]
    return lines


def _line(key: Key) -> str:
    names = [name for name in key.keys.split(",") if name]
    shown = " ".join("comma" if name == "comma" else shown_key(name) for name in names)
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    given = f'{key.id} = "{escaped}"'
    return f"{given:<34} # {key.help}"
