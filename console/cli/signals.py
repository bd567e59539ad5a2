"""``tickdesk signals SYMBOL [--json]``: everything that is live for a symbol now, taken apart."""

from __future__ import annotations

import argparse

from console.cli.client import ask, quoted
from console.cli.output import as_json, plain
from console.cli.settings import state_dir
from engine.api.protocol import SymbolSignals


def run(arguments: argparse.Namespace) -> int:
    found = ask(state_dir(arguments), "GET", f"/v1/signals/{quoted(arguments.symbol)}", SymbolSignals)
    if arguments.json:
        print(as_json(found))
        return 0
    from widgets.symbol_signals import signal_lines  # the very lines of the screen

    print("\n".join(plain(signal_lines(found))))
    return 0
