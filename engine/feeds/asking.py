"""When a new snapshot of a book is asked for over the socket, and when this connection is not asked any more.

A book that is found wrong is asked for at once. One that is wrong again soon after waits, twice as long each
time, so that a book which cannot be mended costs few requests; and after several times only a new connection
can help, whether or not the book was right for a moment in between.
"""

from __future__ import annotations

from engine.events import NS

MOST = 5
"""Times in a row that something is asked for on one connection."""
CALM_NS = 60 * NS
"""What was right for so long starts over."""
_FIRST_NS = NS


class _Row:
    __slots__ = ("asked_ns", "times", "wrong_ns")

    def __init__(self) -> None:
        self.times = 0
        self.wrong_ns = 0
        self.asked_ns = 0


class Asking:
    """Of one connection. Sans-IO; holds no more than the names it is told of."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._due: dict[str, int] = {}

    def wrong(self, name: str, now_ns: int) -> bool:
        """``name`` must be asked for: see ``due``. False when it was, often enough."""
        row = self._rows.get(name)
        if row is None or not 0 <= now_ns - row.wrong_ns < CALM_NS:
            row = self._rows[name] = _Row()
        row.times += 1
        row.wrong_ns = now_ns
        if row.times > MOST:
            self._due.pop(name, None)
            return False
        self._due[name] = row.asked_ns + (_FIRST_NS << (row.times - 2)) if row.times > 1 else now_ns
        return True

    def due(self, now_ns: int) -> list[str]:
        """What is to be asked for now."""
        if not self._due:
            return []
        due = [name for name, due_ns in self._due.items() if due_ns <= now_ns]
        for name in due:
            del self._due[name]
            self._rows[name].asked_ns = now_ns
        return due
