"""How this console names itself to the engine."""

from __future__ import annotations

import getpass
import os
import secrets
import sys

from engine.api.control_protocol import MOST_LABEL, Console
from engine.text import clean


def this_console(*, read_only: bool = False) -> Console:
    """A name of its own at each call: a random id, and who sits where."""
    label = f"{_ascii(_user(), 20)}@{_ascii(_terminal(), 20)}/{os.getpid()}"
    return Console(secrets.token_hex(8), "read-only" if read_only else "seat", label[:MOST_LABEL])


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody's name: KeyError up to Python 3.12
        return f"uid {os.getuid()}"


def _terminal() -> str:
    """``pts/3``; "-" without one."""
    try:
        return os.ttyname(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0).removeprefix("/dev/")
    except (OSError, ValueError):
        return "-"


def _ascii(text: str, limit: int) -> str:
    """What a header may hold, without the label's own marks."""
    return clean(text, limit).encode("ascii", "replace").decode().replace("@", "?").strip() or "-"
