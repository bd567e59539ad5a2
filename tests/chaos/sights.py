"""How the execution worker stood at one moment, by what it said last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.bus.registry import WorkerRow
from engine.events import NS

FRESH_S = 0.9
NOBODY = "nobody executes"
SILENT = "it says that it runs, and plays nothing"


class Sight(NamedTuple):
    at_s: float
    well: bool
    """It plays rounds, and entries are allowed."""
    why: str
    sent_s: float = float("-inf")
    """When the round had been sent that it was through with, by the clock of ``at_s``."""


class Looking:
    def __init__(self) -> None:
        self._position = 0
        self._moved_s = 0.0

    def at(
        self, now_s: float, now_ns: int, rows: Sequence[WorkerRow], sent_ns: Callable[[int], int]
    ) -> Sight:
        """``rows``: the last words of those that are there. ``sent_ns``: of a round, UTC; 0: not known."""
        executing = [row for row in rows if "execution" in row.stages and row.epochs]
        row = max(executing, key=lambda one: one.at_ns, default=None)
        if row is None or now_ns - row.at_ns > FRESH_S * NS:
            return Sight(now_s, False, NOBODY)
        if row.position > self._position:
            self._position, self._moved_s = row.position, now_s
        if row.state != "running":
            return Sight(now_s, False, f"{row.state}: {row.detail}")
        if now_s - self._moved_s >= FRESH_S:
            return Sight(now_s, False, SILENT)
        sent = sent_ns(row.position)
        return Sight(now_s, True, "", now_s - (now_ns - sent) / NS if sent else float("-inf"))
