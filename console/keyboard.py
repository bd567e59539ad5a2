"""The keys of a terminal, as its bytes tell them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from textual import constants
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.events import Key
from textual.message import Message

ESC = "\x1b"
_SEQUENCES = ESC + "[O"
"""After an Esc, these may begin the sequence of one key, a mouse event or a report."""
_AFTER_ESCAPE = re.compile(rf"(?<={ESC})(?=[^{re.escape(_SEQUENCES)}])")
ESCAPE_S = constants.ESCAPE_DELAY if "ESCDELAY" in os.environ else 0.005
"""How long after an Esc the rest of a key's sequence is waited for; a terminal sends it in one piece."""
LATE_S = 0.05
"""Until then the rest of a sequence, in one piece, is still known for it: the end of an arrow must not be the
command of that letter."""
_REST = re.compile(r"\[[\d;?<>]*[A-Za-z~]|O[A-DFHP-S]")
"""What follows the Esc of a key's sequence, a mouse event's or a report's."""
NO_KEY = "no_key"
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character: no terminal can be told it."""
_IDLE_S = 0.1
"""Between two looks whether the reader of the keys is to end."""


class Keyboard(XTermParser):
    """Textual's parser, but Esc and a key right after it are those two, never Alt with the key.

    A terminal (or tmux, up to half a second) sends the same bytes for both, and nothing here is done by Alt.
    """

    @property
    def waits(self) -> bool:
        """Whether the last byte was an Esc, of which it is not known yet whether more belongs to it."""
        return self._timeout_time is not None and self._escaped

    @property
    def left_s(self) -> float:
        """After which it is to be asked again: no later than an Esc is a key of its own."""
        if not self.waits or self._timeout_time is None:
            return _IDLE_S
        return min(max(self._timeout_time - get_time(), 0.0), _IDLE_S)

    def tick(self) -> Iterator[Message]:
        waited = self.waits
        for event in super().tick():
            if waited:
                self._taken_at = get_time()
            yield event

    def feed(self, data: str) -> Iterator[Message]:
        taken_at, self._taken_at = self._taken_at, None
        if taken_at is not None and get_time() - taken_at < LATE_S and _REST.match(data):
            data = ESC + data
        for part in _AFTER_ESCAPE.split(data):
            if self.waits and part and part[0] not in _SEQUENCES:
                self._timeout_time = 0.0  # nothing longer begins here: no need to wait for it
                yield from self.tick()
                self._taken_at = None  # something followed
            yield from super().feed(part)
            self._escaped = part.endswith(ESC)
            if self.waits and self._timeout_time is not None:
                self._timeout_time -= constants.ESCAPE_DELAY - ESCAPE_S

    def _parse_extended_key(self, sequence: str) -> list[Key] | None:  # type: ignore[override]
        """As Textual's; a number that is no character, as noise on the line may hold, is a key that does
        nothing."""
        try:
            found = super()._parse_extended_key(sequence)
        except (ValueError, OverflowError):
            return [Key(NO_KEY, None)]
        if found and any(_SURROGATE.search(f"{key.key}{key.character}") for key in found):
            return [Key(NO_KEY, None)]
        return found

    _escaped = False
    _taken_at: float | None = None
    """When an Esc that nothing followed was taken for the key."""
