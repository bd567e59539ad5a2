"""``tickdesk keys``: the key map, for a person, for scripts, or as a file to edit."""

from __future__ import annotations

import argparse

from console.cli.output import as_json, table
from console.cli.settings import configuration, key_map
from console.keymap import PANES, Key, KeyMap
from console.keymap.key import DESK, OPENING, ORDERS, POSITIONS, STRATEGIES, TABBED, TABLE
from console.keymap.key_file import file_lines

_WHERE = {
    DESK: "the desk",
    TABLE: "tables",
    TABBED: "panes with tabs",
    OPENING: "rows that open",
    ORDERS: PANES[3].lower(),
    POSITIONS: PANES[2].lower(),
    STRATEGIES: PANES[4].lower(),
}


def run(arguments: argparse.Namespace) -> int:
    keys = key_map(arguments, configuration(arguments))
    if arguments.toml:
        print("\n".join(file_lines(keys)))
    elif arguments.json:
        print(as_json([_row(where, key, keys) for where, key in _all(keys)]))
    else:
        rows = [
            (key.shown or "-", "*" if key.id in keys.changed else "", key.id, where, key.help)
            for where, key in _all(keys)
        ]
        print("\n".join(table([("key", "", "id", "where", "what it does"), *rows], "<<<<<")))
        print("*: changed. `tickdesk keys --toml` prints a file to edit: keys.toml beside the configuration")
    return 0


def _all(keys: KeyMap) -> list[tuple[str, Key]]:
    """Every action once for each place where it is something of its own."""
    found = [(_WHERE.get(key.where, key.where), key) for key in keys.desk if key.action]
    known = {key.id for _, key in found}
    found += [("models", key) for key in keys.models if key.id not in known]
    known |= {key.id for key in keys.models}
    return found + [("dialogs", key) for key in keys.dialogs if key.id not in known]


def _row(where: str, key: Key, keys: KeyMap) -> dict[str, object]:
    return {
        "id": key.id,
        "keys": [name for name in key.keys.split(",") if name],
        "shown": key.shown,
        "where": where,
        "help": key.help,
        "changed": key.id in keys.changed,
    }
