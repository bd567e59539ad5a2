"""How long rounds wait for strategies of workers that are not heard: prices must go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence


class Patience:
    """Live, a round waits for its shards once, ``wait_s`` long. For one that was not heard by then nothing
    waits any more, until it is less than that behind."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._since_s: float | None = None
        self._silent: set[int] = set()
        self._recent: deque[tuple[int, float]] = deque()
        """Rounds, and when they were played: the first of them not much longer than ``wait_s`` ago."""

    @property
    def silent(self) -> frozenset[int]:
        """Shards that nothing waits for."""
        return frozenset(self._silent)

    def played(self, number: int, now_s: float) -> None:
        """Everything up to this round was."""
        self._since_s = None
        self._recent.append((number, now_s))
        while len(self._recent) > 1 and self._recent[1][1] < now_s - self._wait_s:
            self._recent.popleft()

    def is_over(self, waits: Sequence[int], heard: Callable[[int], int], now_s: float) -> bool:
        """Whether the next round goes on without ``waits``, the shards that it waits for."""
        if not waits:
            self._since_s = None
            return False
        if self._silent and self._recent:
            behind = self._recent[0][0]
            self._silent = {shard for shard in self._silent if heard(shard) < behind}
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s > self._wait_s:
            self._silent.update(waits)
        return self._silent.issuperset(waits)
