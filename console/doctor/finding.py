"""One thing that was looked at."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """``bad``: the desk does not work so, or money is at stake; ``warn``: it works, not at its best."""

    what: str
    state: Literal["ok", "warn", "bad"]
    text: str
    """What was found, one line."""
    advice: str = ""
    """What to do about it; "" where nothing need be done."""


def ok(what: str, text: str) -> Finding:
    return Finding(what, "ok", text)


def warn(what: str, text: str, advice: str) -> Finding:
    return Finding(what, "warn", text, advice)


def bad(what: str, text: str, advice: str) -> Finding:
    return Finding(what, "bad", text, advice)
