"""A person's yes: before a command trades, enlarges, allows more or deletes."""

from __future__ import annotations

import sys

from engine.errors import ConfigError


def consent(what: str, does: str, *, json: bool, otherwise: str = "nothing changed") -> bool:
    """Ask whoever is there. ``what``: that is to be; ``does``: why it asks, as in "allows more".

    Raises ConfigError where nobody can be asked.
    """
    if json or not sys.stdin.isatty():
        raise ConfigError(f"{what} {does} and nobody can be asked: add --yes")
    try:
        wanted = input(f"{what}: this {does}. Do it? [y/N] ").strip().lower()
    except EOFError:
        wanted = ""
    if wanted not in ("y", "yes"):
        print(otherwise, file=sys.stderr)
        return False
    return True
