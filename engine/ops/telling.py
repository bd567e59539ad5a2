"""What is told beyond the desk, and when: the same only now and then, and at night only what cannot wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal, NamedTuple

from engine.sessions import Sessions

HELD = 100
"""Messages that wait for the end of the quiet hours; of more, the oldest are counted alone."""
_LISTED = 20
_MOST_SAID = 10_000


class Message(NamedTuple):
    title: str
    text: str
    level: Literal["info", "warning", "error"]
    critical: bool = False


class Telling:
    """``window_s``: the same is told again after so long alone. ``quiet_hours``: see ``Sessions``; none when
    empty. Raises ValueError for hours that are none."""

    def __init__(self, window_s: float, quiet_hours: Sequence[str] = ()) -> None:
        self._window_s = window_s
        self._quiet = Sessions(quiet_hours) if quiet_hours else None
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        """When each piece of news was told last, in seconds, and how often it came since."""
        self._held: deque[Message] = deque(maxlen=HELD)
        self._held_count = 0

    def again(self, title: str, text: str, now_s: float) -> str | None:
        """What to say of news: ``text``, with how often it came unsaid; None: it was said within the window.
        ``now_s``: of a clock that never steps back."""
        key = title, text
        said_s, unsaid = self._said.get(key, (-self._window_s, 0))
        if now_s - said_s < self._window_s:
            self._said[key] = said_s, unsaid + 1
            return None
        if self._window_s:
            if len(self._said) >= _MOST_SAID:
                self._forget(now_s)
            self._said.pop(key, None)  # the oldest stay in front
            self._said[key] = now_s, 0
        return f"{text} ({unsaid + 1} times since it was told last)" if unsaid else text

    def over(self, title: str) -> None:
        """What was told under ``title`` is no more: when it comes again, that is news."""
        self._said = {key: said for key, said in self._said.items() if key[0] != title}

    def _forget(self, now_s: float) -> None:
        kept = {key: said for key, said in self._said.items() if now_s - said[0] < self._window_s}
        while len(kept) >= _MOST_SAID:
            del kept[next(iter(kept))]
        self._said = kept

    def is_quiet(self, now_ns: int) -> bool:
        """``now_ns``: UTC."""
        return self._quiet is not None and self._quiet.is_open(now_ns)

    def sent_now(self, message: Message, now_ns: int) -> bool:
        """False: it is held until the quiet hours are over."""
        if message.critical or not self.is_quiet(now_ns):
            return True
        self._held.append(message)
        self._held_count += 1
        return False

    def due(self, now_ns: int) -> Message | None:
        """All that the quiet hours held, as one message, once they are over."""
        if not self._held or self.is_quiet(now_ns):
            return None
        lines = [f"{one.title}: {one.text.splitlines()[0] if one.text else ''}" for one in self._held]
        lines = lines[-_LISTED:]
        level: Literal["info", "warning", "error"] = max(
            (one.level for one in self._held), key=("info", "warning", "error").index
        )
        if self._held_count > len(lines):
            lines.insert(0, f"{self._held_count - len(lines)} earlier ones are not listed")
        title = f"{self._held_count} message{'s' if self._held_count > 1 else ''} of the quiet hours"
        self._held.clear()
        self._held_count = 0
        return Message(title, "\n".join(lines), level)
