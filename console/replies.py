"""What a person was told already."""

from __future__ import annotations

import time
from collections import deque

SAME_S = 3.0
"""So close together, a reply and an alert of the same words are the same news."""


class Replies:
    """Tells what was said already: a command is answered by its reply and by an alert in the stream."""

    def __init__(self) -> None:
        self._said: deque[tuple[float, str]] = deque(maxlen=8)

    def is_new(self, text: str) -> bool:
        """Whether nothing like ``text`` was said just now; "A → B" is like "A → B: why"."""
        now = time.monotonic()
        for said in self._said:
            long, short = sorted((said[1], text), key=len, reverse=True)
            if now - said[0] < SAME_S and (long == short or long.startswith(f"{short}:")):
                self._said.remove(said)
                return False
        self._said.append((now, text))
        return True
