"""What clients have been sent of the desk's rows, so that a frame holds only what changed since.

A client that has taken a frame knows one state of the desk, and nothing else is kept of it. Clients that know
the same are told the same, and that is found, and encoded, once.
"""

from __future__ import annotations

import msgspec

from engine.api.hub import encode
from engine.api.protocol import ROW_KEYS, StateFrame
from engine.api.rows import LogRow, Row
from engine.api.topics import ALL, says_something
from engine.slices import Work


class Frames:
    """Those that lead to one state of the desk, the newest that was asked for."""

    def __init__(self) -> None:
        self._state: StateFrame | None = None
        self._made: dict[tuple[int, frozenset[str], int], tuple[StateFrame | None, bytes]] = {}
        """By what is known, the topics and the last event. What is known is held, so that its id stays its
        own."""

    def making(
        self, known: StateFrame | None, state: StateFrame, topics: frozenset[str], since: int
    ) -> Work[bytes]:
        """The frame from ``known`` to ``state``, encoded; empty where it is not worth sending."""
        if state is not self._state:
            self._state, self._made = state, {}
        key = id(known), topics, since
        made = self._made.get(key)
        if made is None:
            frame = yield from _changing(known, state, topics, since)
            yield
            made = known, encode(frame) if says_something(frame, topics) else b""
            if state is self._state:  # another client may have asked for a newer one meanwhile
                self._made[key] = made
        return made[1]


class Conflator:
    """Frames of one client."""

    def __init__(self, topics: frozenset[str] = ALL, frames: Frames | None = None) -> None:
        """``topics``: rows of others are left out. ``frames``: of all clients."""
        self._topics = topics
        self._frames = frames or Frames()
        self._known: StateFrame | None = None

    def making(self, state: StateFrame, since: int) -> Work[bytes]:
        """The part of ``state`` (every row) that this client has not seen yet, encoded; empty where it is not
        worth sending.

        ``since``, the last event it was sent, becomes ``last_seq``: where it resumes after a cut.
        """
        frame = yield from self._frames.making(self._known, state, self._topics, since)
        self._known = state
        return frame


def _changing(
    known: StateFrame | None, state: StateFrame, topics: frozenset[str], since: int
) -> Work[StateFrame]:
    """What is another in ``state`` than in ``known``; all where nothing is known."""
    changed: dict[str, tuple[Row, ...]] = {}
    gone: dict[str, tuple[str, ...]] = {}
    for name, key in ROW_KEYS:
        if name not in topics:
            changed[name] = ()
        elif known is not None:
            changed[name], left = _compared(getattr(known, name), getattr(state, name), key)
            if left:
                gone[name] = left
            yield
    logs = _newer(state.logs, known.logs[-1].seq if known and known.logs else 0) if "logs" in topics else ()
    return msgspec.structs.replace(state, full=known is None, logs=logs, last_seq=since, gone=gone, **changed)


def _compared(
    known: tuple[Row, ...], rows: tuple[Row, ...], key: str
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """What is new or another, and what is no more."""
    if known == rows:
        return (), ()
    left = {getattr(row, key): row for row in known}
    new = [row for row in rows if (was := left.pop(getattr(row, key), None)) is not row and was != row]
    return tuple(new), tuple(left)


def _newer(logs: tuple[LogRow, ...], seq: int) -> tuple[LogRow, ...]:
    first = len(logs)
    while first and logs[first - 1].seq > seq:
        first -= 1
    return logs[first:]
