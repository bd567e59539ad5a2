"""``tickdesk models prune``: remove old models that do nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.cli.models import day
from console.cli.output import as_json
from console.cli.settings import configuration, state_dir
from engine.errors import ConfigError
from engine.events import NS

if TYPE_CHECKING:
    from engine.models.registry import Entry

_WHO = "command line"


def run(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry

    keep = arguments.keep
    if keep is None:
        keep = configuration(arguments).models.keep if arguments.older_than_s is None else 0
    older_than_ns = round((arguments.older_than_s or 0.0) * NS)
    registry = Registry(state_dir(arguments))

    def prune(*, dry_run: bool) -> Sequence[Entry]:
        return registry.prune(
            keep,
            older_than_ns=older_than_ns,
            strategy=arguments.strategy,
            dry_run=dry_run,
            who=_WHO,
            reason=f"beyond the newest {keep}" if keep else "old",
        )

    going = prune(dry_run=True)
    if going and not (arguments.dry_run or arguments.yes) and not _agreed(going, arguments.json):
        return 1
    gone = going if arguments.dry_run else prune(dry_run=False)
    if arguments.json:
        print(as_json({"dry_run": arguments.dry_run, "removed": [entry.version for entry in gone]}))
        return 0
    if arguments.dry_run and gone:
        print("\n".join(_lines(gone)))
    word = "would be removed" if arguments.dry_run else "removed"
    print(f"{_count(gone)} {word}" if gone else "nothing to remove")
    return 0


def _count(entries: Sequence[Entry]) -> str:
    return f"{len(entries)} model" + ("" if len(entries) == 1 else "s")


def _lines(entries: Sequence[Entry]) -> list[str]:
    return [
        f"{entry.version}  {entry.strategy}  {entry.status}  registered {day(entry.registered_ns)}"
        for entry in entries
    ]


def _agreed(going: Sequence[Entry], json: bool) -> bool:
    if json or not sys.stdin.isatty():
        raise ConfigError(f"{_count(going)} would be removed and nobody can be asked: add --yes")
    print("\n".join(_lines(going)))
    try:
        wanted = input(f"Remove {_count(going)} with all files? [y/N] ").strip().lower()
    except EOFError:
        wanted = ""
    if wanted not in ("y", "yes"):
        print("nothing changed", file=sys.stderr)
        return False
    return True
