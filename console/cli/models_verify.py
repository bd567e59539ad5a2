"""``tickdesk models verify [VERSION…]``: are the registered models still what they were?"""

from __future__ import annotations

import argparse
import asyncio
import sys

from console.cli.output import as_json
from console.cli.settings import state_dir


def run(arguments: argparse.Namespace) -> int:
    from engine.models.registry import Registry
    from engine.models.verify import Verified, verify

    registry = Registry(state_dir(arguments))
    entries = [registry.get(version) for version in arguments.versions] or registry.list()
    found: list[Verified] = []
    for entry in entries:
        if sys.stderr.isatty() and not arguments.json:
            print(f"\r\x1b[K{entry.version} …", end="", file=sys.stderr, flush=True)
        one = asyncio.run(verify(entry))
        found.append(one)
        if not arguments.json:
            clear = "\r\x1b[K" if sys.stderr.isatty() else ""
            print(clear, end="", file=sys.stderr, flush=True)
            print(
                f"{one.version}  {'ok' if one.ok else 'BAD':<4}{one.error or one.note}".rstrip(), flush=True
            )
    bad = sum(not one.ok for one in found)
    if arguments.json:
        print(as_json({"ok": not bad, "models": found}))
    elif found:
        whole = "the model is whole" if len(found) == 1 else f"all {len(found)} models are whole"
        print(f"{bad} of {len(found)} models {'is' if bad == 1 else 'are'} BAD" if bad else whole)
    else:
        print("no models are registered")
    return 1 if bad else 0
