"""Reads streams of a group where nothing else is to be done meanwhile: tapes and batches."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from engine.bus.address import TIMEOUT_S, Address
from engine.bus.cursor import Batch, Cursor, Source
from engine.bus.fence import NO_FENCE, Fence
from engine.bus.reader import OnLost
from engine.bus.reading import ANSWERS, HoleError, Reading
from engine.bus.wire import AwayError, BlockingWire
from engine.bus.writing import PAUSE_S
from engine.errors import BusError, FencedError


class BlockingReader:
    """Whoever reads waits."""

    def __init__(
        self,
        address: Address,
        group: str,
        consumer: str,
        sources: Sequence[Source],
        on_lost: OnLost,
        *,
        fences: Sequence[Fence] | None = None,
        patience_s: float = 30.0,
        name: str = "tickdesk",
    ) -> None:
        """Connects. ``patience_s``: so long a server may be away.

        Raises BusError, FencedError, ConfigError.
        """
        self._address = address
        self._name = name
        self._patience_s = patience_s
        self._on_lost = on_lost
        self._reading = Reading(group, consumer, sources, fences or [NO_FENCE] * len(sources))
        self._wire: BlockingWire | None = None
        self._connect()

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        return self._reading.cursors

    def read(self, block_s: float = 1.0) -> list[tuple[str, Batch]]:
        """What is new, by stream; nothing after ``block_s``. Raises BusError, FencedError."""
        assert block_s > 0
        while True:
            assert self._wire is not None
            news: list[tuple[str, Batch]] = []
            try:
                self._wire.send(self._reading.question(max(round(block_s * 1000), 1)), ANSWERS)
                replies = self._wire.receive(ANSWERS, block_s + 2 * TIMEOUT_S)
                for stream, batch, lost in self._reading.taken(replies):
                    for one in lost:
                        self._on_lost(one)
                    if batch:
                        news.append((stream, batch))
            except FencedError:
                raise
            except (BusError, HoleError):
                self._connect()
                if not news:
                    continue
            return news

    def ack(self, stream: str, number: int) -> None:
        """All of ``stream`` up to ``number`` is durable. Without a connection it is made up for."""
        commands = self._reading.acknowledging(stream, number)
        if not commands:
            return
        assert self._wire is not None
        try:
            self._wire.send(b"".join(commands), len(commands))
            self._wire.receive(len(commands))
        except AwayError:
            self._connect()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _connect(self) -> None:
        until_s = time.monotonic() + self._patience_s
        while True:
            self.close()
            try:
                self._wire = BlockingWire(self._address, self._name)
                self._wire.follow(self._reading.opening())
                return
            except FencedError:
                raise
            except BusError:
                self.close()
                if time.monotonic() >= until_s:
                    raise
                time.sleep(PAUSE_S)
