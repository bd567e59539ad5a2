"""Reads that the mirror answers: encoded once, whoever asks, until something in them changes."""

from __future__ import annotations

from collections.abc import Callable

from engine.api.hub import encode
from engine.gateway.body import Body
from engine.gateway.mirror import Mirror

SETTLE_S = 0.06
"""The engine shares a frame for so long: one later than this after a command tells what that did."""
SNAPSHOT = "/v1/snapshot"
ROWS = {"/v1/ticks": "ticks", "/v1/positions": "positions", "/v1/automations": "automations"}
"""Addresses whose reply is all rows of a kind."""


class MirrorAnswers:
    """``clock``: seconds that never step back."""

    def __init__(self, mirror: Mirror, clock: Callable[[], float]) -> None:
        self._mirror = mirror
        self._clock = clock
        self._kept: dict[str, tuple[object, Body]] = {}
        self._changed_s = float("-inf")

    def changed(self) -> None:
        """A command was answered: until the next frame, the mirror is of before it."""
        self._changed_s = self._clock()

    def get(self, address: str) -> Body | None:
        """None: the mirror does not know it, or not yet."""
        mirror = self._mirror
        if not mirror.ready or (address != SNAPSHOT and address not in ROWS):
            return None
        if mirror.away_since_s is None and mirror.heard_s <= self._changed_s + SETTLE_S:
            return None
        now_s = self._clock()
        if address == SNAPSHOT:
            which: object = (mirror.version, mirror.last_seq, mirror.age_s(now_s))
        else:
            which = mirror.versions.get(ROWS[address])
        kept = self._kept.get(address)
        if kept is None or kept[0] != which:
            value = mirror.state(now_s) if address == SNAPSHOT else mirror.rows(ROWS[address])
            kept = self._kept[address] = which, Body(encode(value))
        return kept[1]
