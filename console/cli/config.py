"""``tickdesk config show|check``."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from console.cli.settings import config_path, configuration
from engine.config import default_path


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    path = config_path(arguments) or default_path()
    if arguments.what == "check":
        print(f"configuration ok ({path if path.exists() else 'defaults; no file at ' + str(path)})")
        return 0
    print("\n".join(toml_lines(msgspec.to_builtins(config))))
    return 0


def toml_lines(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """``tree`` as TOML, sections in order, so that the output is a valid configuration file."""
    plain = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    lines = [f"[{prefix}]"] if prefix and plain else []
    lines += [f"{key} = {_toml(value)}" for key, value in plain.items()]
    if plain:
        lines.append("")
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += toml_lines(value, f"{prefix}.{key}" if prefix else key)
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return repr(value)
