"""``tickdesk config show|check``."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from typing import Any

import msgspec

from console.cli.looks import looks
from console.cli.settings import config_path, configuration, key_map
from engine.config import Config, default_path
from engine.feeds.address import without_password
from engine.spelling.rules import rule_of
from engine.strategies.registry import shown_settings
from engine.symbols import name_of
from engine.text import clean

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    path = config_path(arguments) or default_path()
    if arguments.what == "check":
        for warning in _check(arguments, config):
            print(f"tickdesk: {warning}", file=sys.stderr)
        print(f"configuration ok ({path if path.exists() else 'defaults; no file at ' + str(path)})")
        return 0
    shown = msgspec.to_builtins(config)
    shown["strategies"] = shown_settings(config.strategies)
    print("\n".join(toml_lines(_without_passwords(shown))))
    return 0


def _without_passwords(value: Any, name: str = "") -> Any:
    """The same, with *** for the passwords in addresses."""
    if isinstance(value, dict):
        return {key: _without_passwords(each, str(key)) for key, each in value.items()}
    if isinstance(value, str) and (name == "url" or name.endswith("_url")):
        return without_password(value)
    return value


def _check(arguments: argparse.Namespace, config: Config) -> list[str]:
    """Raises for what the file's types do not tell: venues and their symbols, quant
    servers and sources, the theme, recipients.

    Returns what an engine would warn of.
    """
    from engine.wiring.collection import check_collection
    from engine.wiring.context import check_context
    from engine.wiring.job_board import check_jobs
    from engine.wiring.redis_cache import check_redis
    from engine.wiring.sources import live_feeds, unfed_symbols

    feeds = live_feeds(config, time.time_ns, {})
    key_map(arguments, config)
    worn = looks(arguments, config)
    check_redis(config.cache)
    check_jobs(config.automations.jobs)
    check_context(config, os.environ)
    if config.notify.enabled:
        from engine.wiring.notifications import addresses

        addresses(config.notify, os.environ)
    told = [
        *worn.warnings,
        unfed_symbols(config, feeds),
        *check_collection(config, os.environ),
        *_doubtful_names(config),
    ]
    return [one for one in told if one]


def _doubtful_names(config: Config) -> list[str]:
    """Symbols that are probably none at their venue, and spellings for places that nobody asks."""
    told = []
    for venue, feed in config.feeds.items():
        unknown = [clean(one, 40) for one in feed.symbols if not name_of(f"{venue}:{one}", config.symbols)]
        if unknown and feed.enabled:
            told.append(
                f"feeds.{clean(venue, 40)}.symbols: no rule knows {', '.join(unknown)} at"
                f" {clean(venue, 40)}: asked for as written, and without a canonical name"
            )
    for name, spelled in config.symbols.items():
        told += [
            f'symbols."{clean(name, 40)}".{clean(where, 40)}: no venue, broker or source is called so'
            for where in spelled
            if rule_of(where) is None
        ]
    return told


def toml_lines(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """``tree`` as TOML, sections in order, so that the output is a valid configuration file."""
    plain = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    lines = [f"[{prefix}]"] if prefix and plain else []
    lines += [
        # TOML has no word for what is not set.
        f"{_key(key)} = {_toml(value)}" if value is not None else f"# {_key(key)}: not set"
        for key, value in plain.items()
    ]
    if plain:
        lines.append("")
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += toml_lines(value, f"{prefix}.{_key(key)}" if prefix else _key(key))
    return lines


def _key(name: str) -> str:
    """A symbol, as a key, needs quotes."""
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        # TOML's strings are JSON's, but it takes no bare DEL.
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    return repr(value)
