"""Who only looks at the bus: every round that was ever on it, and how the execution worker stands."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any, NamedTuple

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.bus.keys import Keys
from engine.bus.messages import Round, round_of, shard_ticks_of
from engine.bus.registry import WorkerRow
from engine.ticks import TICK

FRESH_S = 0.9
STEADY_S = 1.5
"""So long it must have been well to be called so."""
_PAUSE_S = 0.02
_row_of = msgspec.json.Decoder(WorkerRow).decode


class Sight(NamedTuple):
    at_s: float
    well: bool
    """Its position moves, and entries are allowed."""
    why: str


class Watch:
    """Connections of its own, straight to the server, in two threads; a context manager."""

    def __init__(self, port: int, shards: int) -> None:
        self.keys = Keys("dfp")
        self.rounds: dict[int, Round] = {}
        self.dealt: dict[int, int] = {}
        """Ticks of shards, by round."""
        self.holes: list[tuple[int, int]] = []
        """(what the round says came before it, the round)."""
        self.sights: list[Sight] = []
        self.rows: dict[str, WorkerRow] = {}
        """Last words, by worker."""
        self._port = port
        # Rounds last: what they count is known by then.
        streams = [*map(self.keys.ticks, range(shards)), self.keys.rounds]
        self._at: dict[bytes, bytes] = {stream.encode(): b"0-0" for stream in streams}
        self._last = 0
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._read, self._look)]

    def __enter__(self) -> Watch:
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
                found: Any = client.xread(self._at, count=500, block=200)
            except (redis.RedisError, OSError):
                self._ending.wait(_PAUSE_S)
                continue
            for stream, entries in found:
                self._at[stream] = entries[-1][0]
                for ident, fields in entries:
                    self._take(stream, int(ident.partition(b"-")[0]), fields[b"d"])

    def _take(self, stream: bytes, number: int, body: bytes) -> None:
        if stream != self.keys.rounds.encode():
            self.dealt[number] = self.dealt.get(number, 0) + len(shard_ticks_of(body).ticks) // TICK.itemsize
            return
        told = round_of(body)
        if told.previous != self._last:
            self.holes.append((told.previous, number))
        self._last = number
        self.rounds[number] = told

    def ticks_of(self, epoch: int, until: int) -> int:
        """Those of an owner's rounds up to ``until``."""
        start = epoch * 1_000_000_000
        return sum(one.ticks for number, one in list(self.rounds.items()) if start < number <= until)

    # --- how it stands ---

    def _look(self) -> None:
        client = self._client()
        position, moved_s = 0, 0.0
        while not self._ending.wait(_PAUSE_S):
            with contextlib.suppress(redis.RedisError, OSError, msgspec.MsgspecError):
                words = client.mget(list(client.scan_iter("dfp:worker:*", count=500)) or ["-"])
                rows = [_row_of(word) for word in words if word is not None]
                self.rows.update((row.id, row) for row in rows)
                executing = [row for row in rows if "execution" in row.stages and row.epochs]
                row = max(executing, key=lambda one: one.at_ns, default=None)
                if row is not None:
                    age_s = time.time() - row.at_ns / 1e9
                    if row.position > position:
                        position, moved_s = row.position, time.monotonic()
                    moves = time.monotonic() - moved_s < FRESH_S
                    well = row.state == "running" and moves and age_s < FRESH_S
                    self.sights.append(Sight(time.monotonic(), well, f"{row.state}: {row.detail}"))
                    continue
            self.sights.append(Sight(time.monotonic(), False, "nobody executes"))

    def recovered_s(self, since_s: float, timeout: float) -> float:
        """How long after ``since_s`` it began to be well for good; waits until it was so for a while."""
        while True:
            sights = [one for one in list(self.sights) if one.at_s >= since_s]
            bad = [one for one in sights if not one.well]
            well_s = bad[-1].at_s if bad else since_s
            if sights and sights[-1].at_s - well_s > STEADY_S:
                return well_s - since_s
            assert time.monotonic() - since_s < timeout, bad[-1].why if bad else "nothing was seen"
            time.sleep(_PAUSE_S)
