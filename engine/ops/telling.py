"""What is told beyond the desk, and when: the same only now and then, and at night only what cannot wait."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from engine.sessions import Sessions

log = logging.getLogger("engine.notify")

HELD = 100
"""Messages that wait for the end of the quiet hours; of more, the oldest are counted alone."""
HELD_WHOLE = 10
"""The same of those that are told by themselves."""
_LISTED = 20
_MOST_SAID = 10_000


class Message(NamedTuple):
    title: str
    text: str
    level: Literal["info", "warning", "error"]
    critical: bool = False
    whole: bool = False
    """After the quiet hours it is told by itself, with all of its lines."""
    ns: int = 0
    """UTC, when it was to be sent first."""


class _Held(msgspec.Struct, frozen=True):
    """What the quiet hours held, as it is kept."""

    count: int = 0
    messages: tuple[Message, ...] = ()
    whole: tuple[Message, ...] = ()


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
        self._held_whole: deque[Message] = deque(maxlen=HELD_WHOLE)

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
        if message.whole:
            self._held_whole.append(message)
        else:
            self._held.append(_in_a_line(message))
            self._held_count += 1
        return False

    def due(self, now_ns: int) -> list[Message]:
        """What the quiet hours held, once they are over: all as one message, and what is told whole."""
        if not (self._held or self._held_whole) or self.is_quiet(now_ns):
            return []
        due = [*([self._as_one()] if self._held else []), *self._held_whole]
        self._held.clear()
        self._held_whole.clear()
        self._held_count = 0
        return due

    def _as_one(self) -> Message:
        lines = [f"{one.title}: {one.text}" for one in self._held]
        lines = lines[-_LISTED:]
        level: Literal["info", "warning", "error"] = max(
            (one.level for one in self._held), key=("info", "warning", "error").index
        )
        if self._held_count > len(lines):
            lines.insert(0, f"{self._held_count - len(lines)} earlier ones are not listed")
        title = f"{self._held_count} message{'s' if self._held_count > 1 else ''} of the quiet hours"
        return Message(title, "\n".join(lines), level)

    # --- over restarts

    def held(self) -> Any:
        """What waits for the end of the quiet hours, to be kept; None: nothing does."""
        if not (self._held or self._held_whole):
            return None
        return msgspec.to_builtins(_Held(self._held_count, tuple(self._held), tuple(self._held_whole)))

    def take_up(self, kept: Any) -> None:
        """What an earlier run held, before anything of this one."""
        if kept is None:
            return
        try:
            known = msgspec.convert(kept, _Held)
        except msgspec.ValidationError as error:
            log.warning("what the quiet hours held is not understood, and forgotten: %s", error)
            return
        self._held = deque([*known.messages, *self._held], maxlen=HELD)
        self._held_whole = deque([*known.whole, *self._held_whole], maxlen=HELD_WHOLE)
        self._held_count += max(known.count, len(known.messages))


def _in_a_line(message: Message) -> Message:
    """As it is listed: its first line, and how many more it has."""
    first, *more = message.text.splitlines() or [""]
    return message._replace(text=f"{first} (and {len(more)} more)" if more else first)
