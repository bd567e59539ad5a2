"""Whether the service manager is told that the engine lives: while everything that must get on does."""

from __future__ import annotations

from collections.abc import Mapping


class Watchdog:
    """Judges counters that rise with each piece of progress."""

    def __init__(self, **beats: int) -> None:
        self._seen = dict(beats)
        self.stuck: tuple[str, ...] = ()
        """What has not moved since the last time that everything had."""

    def moved(self, beats: Mapping[str, int]) -> bool:
        """Whether each of ``beats`` has risen since the last time that all had; then it counts from here."""
        self.stuck = tuple(name for name, count in beats.items() if count == self._seen.get(name))
        if self.stuck:
            return False
        self._seen = dict(beats)
        return True
