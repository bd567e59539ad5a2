"""What arrives in the market worker, for a tape: as it came, before anything of it is refused.

Stands for a desk's intake where ``Recording`` asks one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from engine.events import OtherEvent
from engine.feeds.news import News, Placed
from engine.instruments import Instrument, Instruments
from engine.ticks import TICK
from engine.wiring.intake import BLOCK, Ticks

_MOST_NEWS = 1024


class RoundsTape:
    """Gathers rounds into blocks that are worth a file's."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self.symbols: list[str] = []
        """By index."""
        self._on_block: Callable[[Ticks, list[Placed]], None] | None = None
        self._parts: list[Ticks] = []
        self._news: list[Placed] = []
        self._count = 0

    @property
    def grids(self) -> list[Instrument]:
        """The instruments, by index."""
        return list(self._instruments)

    def record(self, on_block: Callable[[Ticks, list[Placed]], None]) -> None:
        """From now on hand over what comes, in blocks, which are the taker's own."""
        self._on_block = on_block

    def take(self, ticks: Ticks, news: Iterable[tuple[int, OtherEvent]]) -> None:
        """A round as it came, which is copied; ``news`` by how many of its ticks came before."""
        if self._on_block is None:
            return
        told = [(self._count + at, event) for at, event in news if isinstance(event, News)]
        if len(ticks):
            self._parts.append(ticks.copy())
            self._count += len(ticks)
        self._news += told
        if self._count >= BLOCK or len(self._news) >= _MOST_NEWS:
            self.cut()

    def cut(self) -> None:
        """Hand over what is gathered."""
        if self._on_block is None or not (self._count or self._news):
            return
        parts, self._parts = self._parts, []
        news, self._news = self._news, []
        self._count = 0
        self._on_block(np.concatenate(parts) if parts else np.zeros(0, TICK), news)
