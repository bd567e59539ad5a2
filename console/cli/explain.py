"""``tickdesk explain ID [--json]``: the whole chain behind an opportunity or an order."""

from __future__ import annotations

import argparse
import shlex

from console.cli.client import ask, quoted
from console.cli.orders import whole_id
from console.cli.output import as_json, plain
from console.cli.settings import state_dir
from engine.api.protocol import Explanation


def run(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    identity = whole_id(where, arguments.id, "")
    found = ask(where, "GET", f"/v1/explain/{quoted(identity)}", Explanation)
    if arguments.json:
        print(as_json(found))
        return 0
    from widgets.explanation import explanation_lines  # the very lines of the screen

    command = f"tickdesk models explain {shlex.quote(found.symbol)} --ns {found.model_ns}"
    print("\n".join(plain(explanation_lines(found, f"what moved it: `{command}`"))))
    return 0
