"""Writes numbered entries to streams where nothing else is to be done meanwhile: tapes and batches."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from engine.bus.address import Address
from engine.bus.fence import NO_FENCE, Fence
from engine.bus.outbox import Entry
from engine.bus.wire import AwayError, BlockingWire
from engine.bus.writing import KEEP_S, MOST_BYTES, PAUSE_S, Writing
from engine.errors import BusError, FencedError


class BlockingPublisher:
    """``put`` writes one call ahead of the server's answers."""

    def __init__(
        self,
        address: Address,
        streams: Sequence[str],
        fence: Fence = NO_FENCE,
        *,
        patience_s: float = 30.0,
        most_bytes: int = MOST_BYTES,
        name: str = "tickdesk",
    ) -> None:
        """Connects. ``patience_s``: so long a server may be away, or refuse.

        Raises BusError, FencedError, ConfigError.
        """
        self._address = address
        self._name = name
        self._patience_s = patience_s
        self._writing = Writing(streams, fence, most_bytes)
        self._outbox = self._writing.outbox
        self._wire: BlockingWire | None = None
        self._flying: tuple[int, int] | None = None
        """Entries in flight, and since when (monotonic ns)."""
        self._failing_s: float | None = None
        """Since when nothing was answered, monotonic seconds."""
        self._connect()

    @property
    def numbers(self) -> Mapping[str, int]:
        return self._outbox.numbers

    @property
    def entries(self) -> int:
        return self._writing.entries

    @property
    def again(self) -> int:
        return self._outbox.again

    def put(self, entries: Iterable[Entry]) -> None:
        """Write these together. Waits for the answer to the call before, and for room.

        Raises BusError, FencedError; ValueError for a number that is not above its stream's last.
        """
        while self._outbox.is_full:
            self.flush()
            self._outbox.on_disk(time.monotonic() - KEEP_S)
            if self._outbox.is_full:
                time.sleep(PAUSE_S)
        self._outbox.put(entries)
        self._answer()
        self._send()

    def flush(self) -> None:
        """Wait until all that was put is answered. Raises BusError, FencedError."""
        while not self._outbox.is_idle:
            self._answer()
            self._send()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _connect(self) -> None:
        now_s = time.monotonic()
        if self._failing_s is None:
            self._failing_s = now_s
        until_s = self._failing_s + self._patience_s
        self.close()
        self._flying = None
        while True:
            try:
                self._wire = BlockingWire(self._address, self._name)
                self._wire.follow(self._writing.opening())
                return
            except FencedError:
                raise
            except BusError:
                self.close()
                if time.monotonic() >= until_s:
                    raise
                time.sleep(PAUSE_S)

    def _send(self) -> None:
        entries = self._outbox.take()
        if entries is None:
            return
        assert self._wire is not None
        self._flying = len(entries), time.monotonic_ns()
        try:
            self._wire.send(self._writing.packed(entries), 1)
        except AwayError:
            self._connect()
            self._send()

    def _answer(self) -> None:
        if self._flying is None:
            return
        assert self._wire is not None
        (count, began_ns), self._flying = self._flying, None
        try:
            (reply,) = self._wire.receive(1)
            now_ns = time.monotonic_ns()
            self._writing.answered(reply, count, now_ns - began_ns, now_ns / 1e9)
            self._failing_s = None
        except FencedError:
            raise
        except BusError:
            # Away, or it refuses for now (loading, no memory): the same is written again.
            if self._failing_s is not None and time.monotonic() - self._failing_s >= self._patience_s:
                raise
            time.sleep(PAUSE_S)
            self._connect()
