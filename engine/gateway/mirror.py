"""What the engine's stream has told of the desk, merged: the state that reads are answered from.

Time is given, in seconds of a clock that never steps back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from engine.api.protocol import ROW_KEYS, StateFrame, StatusRow
from engine.api.rows import LogRow, Row

MOST_ROWS = {"opportunities": 400, "orders": 2_000}
"""Kinds that come and go; beyond that the oldest go. The engine itself shows fewer."""
MOST_LOGS = 1_000
_NEWEST_FIRST = frozenset(MOST_ROWS)
AWAY_PHASE = "away"


class Mirror:
    """Holds nothing until the first frame. ``version`` changes with every change."""

    def __init__(self) -> None:
        self.status: StatusRow | None = None
        self.version = 0
        self.versions: dict[str, int] = {}
        """By kind of rows."""
        self.last_seq = 0
        """Of the newest event that came."""
        self.heard_s = 0.0
        """When the last frame came."""
        self.away_since_s: float | None = None
        """Since when the engine has been away; None: it is there."""
        self._rows: dict[str, dict[str, Row]] = {name: {} for name, _ in ROW_KEYS}
        self._logs: deque[LogRow] = deque(maxlen=MOST_LOGS)

    @property
    def ready(self) -> bool:
        return self.status is not None

    def merge(self, frame: StateFrame, now_s: float) -> None:
        self.version += 1
        self.status, self.heard_s, self.away_since_s = frame.status, now_s, None
        if frame.full:
            for rows in self._rows.values():
                rows.clear()
            self._logs.clear()
        for name, key in ROW_KEYS:
            told, gone = getattr(frame, name), frame.gone.get(name, ())
            if told or gone or frame.full:
                self.versions[name] = self.version
                self._merge_rows(name, key, told, gone)
        if frame.logs:
            self._logs.extend(frame.logs)

    def _merge_rows(self, name: str, key: str, told: tuple[Any, ...], gone: Iterable[str]) -> None:
        rows = self._rows[name]
        # Of what comes newest first the newest is kept last, so that what comes next can be added to it.
        for row in reversed(told) if name in _NEWEST_FIRST else told:
            rows[getattr(row, key)] = row
        for identity in gone:
            rows.pop(identity, None)
        most = MOST_ROWS.get(name)
        if most is not None and len(rows) > most:
            for identity in list(rows)[: len(rows) - most]:
                del rows[identity]

    def rows(self, name: str) -> tuple[Any, ...]:
        rows = self._rows[name].values()
        return tuple(reversed(rows)) if name in _NEWEST_FIRST else tuple(rows)

    def state(self, now_s: float) -> StateFrame:
        """All of it, as a client's first frame. Only where ``ready``."""
        assert self.status is not None
        rows: dict[str, Any] = {name: self.rows(name) for name, _ in ROW_KEYS}
        rows["logs"] = tuple(self._logs)
        return StateFrame(full=True, status=self.told_status(now_s), last_seq=self.last_seq, **rows)

    def told_status(self, now_s: float) -> StatusRow:
        """The desk's status; while the engine is away it says so, and since when. Only where ``ready``."""
        assert self.status is not None
        if self.away_since_s is None:
            return self.status
        detail = f"no word from the engine for {self.age_s(now_s)} s: what is shown is of then"
        return msgspec.structs.replace(self.status, phase=AWAY_PHASE, phase_detail=detail)

    def age_s(self, now_s: float) -> int:
        """Of what it holds, in whole seconds; 0 while the engine is there."""
        return 0 if self.away_since_s is None else max(0, int(now_s - self.heard_s))

    def lose(self, now_s: float) -> bool:
        """The engine is away from now on. Whether that is new."""
        if self.away_since_s is not None:
            return False
        self.away_since_s = now_s
        self.version += 1
        return True

    def forget(self) -> None:
        """The desk begins anew: nothing of before is true."""
        self.status, self.last_seq = None, 0
        for rows in self._rows.values():
            rows.clear()
        self._logs.clear()
        self.version += 1
