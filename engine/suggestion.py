"""What a person may have meant by a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean NAME?``, to end a message with; "" when no known name is near."""
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
