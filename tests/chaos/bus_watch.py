"""Who only looks at the bus: every round that was ever on it, and how the execution worker stands."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.bus.keys import Keys
from engine.bus.registry import WorkerRow
from tests.chaos.recovery import Recovery, recovery
from tests.chaos.seen_rounds import SeenRounds
from tests.chaos.sights import Looking, Sight

STEADY_S = 1.5
"""So long it must have been well to be called so."""
_PAUSE_S = 0.02
_GROUP = "observer"
_row_of = msgspec.json.Decoder(WorkerRow).decode


class Watch:
    """Connections of its own, straight to the server, in two threads; a context manager.

    It reads as a group: what it has not seen yet is not trimmed, however slow this process is. (Without one
    it missed what all workers had acknowledged while it was not given a processor, and found holes.)
    """

    def __init__(self, port: int, shards: int) -> None:
        self.keys = Keys("dfp")
        self.seen = SeenRounds()
        self.sights: list[Sight] = []
        self.rows: dict[str, WorkerRow] = {}
        """Last words, by worker."""
        self._port = port
        # Rounds last: what they count is known by then.
        streams = [*map(self.keys.ticks, range(shards)), self.keys.rounds]
        self._at: dict[bytes, bytes] = {stream.encode(): b"0-0" for stream in streams}
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._read, self._look)]

    def __enter__(self) -> Watch:
        self._hold(self._client())  # before anybody writes
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)

    def _client(self) -> Any:
        """One that does not wait by itself before it tries again."""
        return redis.Redis(port=self._port, socket_timeout=2.0, retry=Retry(NoBackoff(), 0))

    # --- what was sent ---

    def _read(self) -> None:
        client = self._client()
        while not self._ending.is_set():
            try:
                self.read(client, block_ms=200)
            except (redis.RedisError, OSError):
                self._ending.wait(_PAUSE_S)
                with contextlib.suppress(redis.RedisError, OSError):
                    self._hold(client)  # the server may have forgotten it with its last second

    def _hold(self, client: Any) -> None:
        """Nothing goes from the streams that is not seen."""
        for stream, ident in self._at.items():
            try:
                client.xgroup_create(stream, _GROUP, ident, mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    def read(self, client: Any, block_ms: int | None = None) -> None:
        """What is new; then it may go."""
        found: Any = client.xread(self._at, count=500, block=block_ms)
        for stream, entries in found:
            self._at[stream] = entries[-1][0]
            for ident, fields in entries:
                number = int(ident.partition(b"-")[0])
                if stream == self.keys.rounds.encode():
                    self.seen.take_round(number, fields[b"d"])
                else:
                    self.seen.take_ticks(number, fields[b"d"])
        for stream, _ in found:
            client.xgroup_setid(stream, _GROUP, self._at[stream])

    # --- how it stands ---

    def _look(self) -> None:
        client, looking = self._client(), Looking()
        while not self._ending.wait(_PAUSE_S):
            rows: list[WorkerRow] = []
            with contextlib.suppress(redis.RedisError, OSError, msgspec.MsgspecError):
                words = client.mget(list(client.scan_iter("dfp:worker:*", count=500)) or ["-"])
                rows = [_row_of(word) for word in words if word is not None]
            self.rows.update((row.id, row) for row in rows)
            self.sights.append(looking.at(time.monotonic(), time.time_ns(), rows, self.seen.sent_ns))

    def recovered(self, began_s: float, since_s: float, timeout: float) -> Recovery:
        """How the desk came back from a fault that was from ``began_s`` to ``since_s``; waits until it has
        been well for a while."""
        while True:
            sights = [one for one in list(self.sights) if one.at_s >= began_s]
            found = recovery(sights, began_s, since_s)
            if found is not None and sights[-1].at_s - since_s - found.took_s > STEADY_S:
                return found
            why = next((one.why for one in reversed(sights) if not one.well), "nothing was played")
            assert time.monotonic() - since_s < timeout, why
            time.sleep(_PAUSE_S)
