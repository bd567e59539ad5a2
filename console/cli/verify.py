"""``tickdesk verify [--json]``: every invariant of a state directory; exit code 0 when all hold, else 1."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.cli.output import as_json
from console.cli.settings import state_dir

if TYPE_CHECKING:
    from engine.store.findings import Invariant


def run(arguments: argparse.Namespace) -> int:
    from engine.store.read import DATABASE
    from engine.wiring.verification import verify_database

    path = state_dir(arguments) / DATABASE
    found = verify_database(path)
    ok = all(one.ok for one in found)
    if arguments.json:
        print(as_json({"database": str(path), "ok": ok, "invariants": found}))
    else:
        print("\n".join(lines(found)))
    return 0 if ok else 1


def lines(found: Sequence[Invariant]) -> list[str]:
    """The invariants for a person: each with what it was checked on, problems below it."""
    text = []
    for one in found:
        told = "ok" if one.ok else f"FAILED {one.failed:,}"
        text.append(f"{told:<12}{one.name} ({one.checked:,} checked)")
        text += [f"            {problem}" for problem in one.problems]
        if one.failed > len(one.problems):
            text.append(f"            and {one.failed - len(one.problems):,} more")
    failed = sum(not one.ok for one in found)
    text.append(
        f"{failed} of {len(found)} invariants FAILED" if failed else f"all {len(found)} invariants hold"
    )
    return text
