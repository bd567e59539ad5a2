"""How numbered entries are written to streams: what is said to the server, and what its answers mean.

One script call at a time is in flight; what is given meanwhile goes with the next one: quick when idle, large
when busy. Each call is fenced and atomic, entries that the server has already are passed over, so a call that
was not heard of is made again.
https://redis.io/docs/latest/commands/xadd/  https://redis.io/docs/latest/commands/waitaof/
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from engine.bus.fence import FENCE, Fence, fault_of
from engine.bus.outbox import Entry, Outbox
from engine.bus.server import WHEN_FULL
from engine.bus.wire import Argument, ReplyError, Steps, last_number, pack
from engine.errors import BusError
from engine.histogram import Histogram

KEEP_S = 5.0
"""By then ``appendfsync everysec`` has brought it to the disk: after two seconds of a slow one it blocks."""
MOST_BYTES = 256 << 20
PAUSE_S = 0.1
"""Before it is tried again."""
BOUNDS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

_WRITE = (
    FENCE
    + """
if KEYS[1] ~= '' then
    local fenced = fence(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
    if fenced then return redis.error_reply(fenced) end
end
local written = 0
for i = 3, #KEYS do
    local reply = redis.pcall('XADD', KEYS[i], ARGV[2 * i - 3], 'd', ARGV[2 * i - 2])
    if type(reply) ~= 'table' then
        written = written + 1
    elseif not string.find(reply.err, 'equal or smaller', 1, true) then
        return reply
    end
end
return written
"""
)


class Writing:
    """What a publisher knows of the server's side."""

    def __init__(self, streams: Sequence[str], fence: Fence, most_bytes: int, *, when_full: bool) -> None:
        self._script = WHEN_FULL + _WRITE if when_full else _WRITE
        self.outbox = Outbox(streams, most_bytes)
        self.fence = fence
        self.entries = 0
        """Written."""
        self.calls = 0
        self.took = Histogram(BOUNDS_S)
        """From a call to its answer."""
        self._sha: bytes = b""

    def opening(self) -> Steps[None]:
        """At each connection: load the script, look at what the streams hold, take up what is missing."""
        self._sha = yield ("SCRIPT", "LOAD", self._script)
        found: dict[str, int] = {}
        for stream in self.outbox.numbers:
            found[stream] = yield from last_number(stream)
        self.outbox.connected(found, time.monotonic())

    def packed(self, entries: Sequence[Entry]) -> bytes:
        arguments: list[Argument] = ["EVALSHA", self._sha, len(entries) + 2, *self.fence.keys]
        arguments += [stream for stream, _, _ in entries]
        arguments += self.fence.arguments
        for _, number, payload in entries:
            arguments.append(b"%d-0" % number)
            arguments.append(payload)
        return pack(*arguments)

    def answered(self, reply: Any, entries: int, took_ns: int, now_s: float) -> None:
        """Raises FencedError, BusError."""
        if isinstance(reply, ReplyError):
            raise fault_of(reply, "the stage")
        if reply != entries:
            # Some were there already: whose they are shows where the streams' ends are looked at.
            raise BusError("Redis has entries by the numbers that were to be written")
        self.calls += 1
        self.entries += entries
        self.took.add(took_ns)
        self.outbox.answered(now_s)
        self.outbox.on_disk(now_s - KEEP_S)
