"""``tickdesk models [list|activate VERSION|rollback]``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import msgspec

from console.cli.settings import state_dir
from engine.errors import ModelError


def run(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry

    registry = Registry(state_dir(arguments))
    if arguments.what == "activate":
        if not arguments.version:
            raise ModelError("name the version to activate: `tickdesk models list` shows them")
        entry = registry.activate(arguments.version)
        print(f"model {entry.version} is active: press r in the console to load it")
    elif arguments.what == "rollback":
        entry = registry.rollback("model")
        print(f"rolled back to model {entry.version}: press r in the console to load it")
    else:
        entries = registry.list()
        if arguments.json:
            print(msgspec.json.encode(entries).decode())
        for entry in [] if arguments.json else entries:
            created = datetime.fromtimestamp(entry.created_ns / 1e9, UTC)
            print(
                f"{entry.version}  {entry.strategy}  {entry.status:<10}  "
                f"{created:%Y-%m-%d %H:%M}Z  {entry.metric}"
            )
    return 0
