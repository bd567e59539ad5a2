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
_MOST_VALUES = 500
"""That are looked at: what follows them would be cut anyway, and costs the engine's thread."""
_SECRET = re.compile(
    r"secret|passw|token|api_?key|auth|credential|signature|cookie|headers|url|private", re.I
)


def hidden(raw: bytes) -> str:
    """The JSON of ``raw`` in one line; what is no JSON is told by its size alone: it could hold anything."""
    if not raw:
        return ""
    try:
        text = msgspec.json.encode(_Hiding().of(msgspec.json.decode(raw), 0)).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return f"({len(raw)} bytes that are no JSON)"
    return clean(text, MOST)


class _Hiding:
    """A value without its secrets, and without what follows the first few hundred values."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def of(self, value: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            return HIDDEN
        if isinstance(value, dict):
            made: dict[str, Any] = {}
            for name, each in value.items():
                if not self._more():
                    break
                made[name] = HIDDEN if _SECRET.search(name) and each else self.of(each, depth + 1)
            return made
        if isinstance(value, list):
            items: list[Any] = []
            for each in value:
                if not self._more():
                    break
                items.append(self.of(each, depth + 1))
            return items
        return value

    def _more(self) -> bool:
        self._left -= 1
        return self._left >= 0
