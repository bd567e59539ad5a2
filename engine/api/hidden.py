"""What is written down of a command's body: cut, and without what is a secret."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from engine.text import clean

MOST = 2_000
"""Characters."""
HIDDEN = "(hidden)"
_DEEPEST = 32
_SECRET = re.compile(
    r"secret|passw|token|api_?key|auth|credential|signature|cookie|headers|url|private", re.I
)


def hidden(raw: bytes) -> str:
    """The JSON of ``raw`` in one line; what is no JSON is told by its size alone: it could hold anything."""
    if not raw:
        return ""
    try:
        value = msgspec.json.decode(raw)
        text = msgspec.json.encode(_without(value, 0)).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return f"({len(raw)} bytes that are no JSON)"
    return clean(text, MOST)


def _without(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, dict):
        return {
            name: HIDDEN if _SECRET.search(name) and each else _without(each, depth + 1)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_without(each, depth + 1) for each in value]
    return value
