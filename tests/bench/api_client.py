"""``python -m tests.bench.api_client PORT TOKEN RATE SECONDS``: programs that ask a gateway, or stream.

``RATE`` requests a second over ``CONNECTIONS`` kept ones, each when it is due, however late the one before
was answered: its time is from when it was due. ``STREAMS`` clients of the stream beside them. Prints one
``Told``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from pathlib import Path

import msgspec
import numpy as np

CONNECTIONS, STREAMS = 50, 200
SETTLE_S = 2.0
NICE = 19
"""The desk, and its gateway, go first: what we measure is theirs."""
MIX = {
    "/v1/ticks": 6,
    "/v1/positions": 4,
    "/v1/orders": 4,
    "/v1/health": 3,
    "/v1/snapshot": 2,
    "/v1/strategies": 1,
}
"""Of twenty requests."""
PATHS = [path for path, times in MIX.items() for _ in range(times)]
_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Told(msgspec.Struct, frozen=True):
    from_ns: int
    to_ns: int
    """UTC."""
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    frames_per_s: float
    """Of the stream client that got the fewest."""
    kbytes_per_s: float
    """Of all streams."""


class Asking(asyncio.Protocol):
    """One connection; answers come in the order of the requests."""

    def __init__(self, took: list[float]) -> None:
        self.took = took
        self.failed = 0
        self._due: deque[float] = deque()
        self._left = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, head: bytes, due: float) -> None:
        assert self.transport is not None
        self._due.append(due)
        self.transport.write(head)

    def data_received(self, data: bytes) -> None:
        self._left = data if not self._left else self._left + data
        while True:
            end = self._left.find(b"\r\n\r\n")
            if end < 0:
                return
            at = self._left.find(b"Content-Length: ", 0, end)
            whole = end + 4 + int(self._left[at + 16 : self._left.index(b"\r", at)])
            if len(self._left) < whole:
                return
            self.failed += not self._left.startswith(b"HTTP/1.1 200")
            self._left = self._left[whole:]
            self.took.append(time.perf_counter() - self._due.popleft())


class Streaming(asyncio.Protocol):
    """Counts the frames of one stream."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._left = b""
        self._opened = False
        self.frames = self.size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        left = self._left + data if self._left else data
        if not self._opened:
            end = left.find(b"\r\n\r\n")
            if end < 0:
                self._left = left
                return
            assert left.startswith(b"HTTP/1.1 101"), left[:100]
            self._opened, left = True, left[end + 4 :]
        while len(left) >= 2:
            length, start = left[1] & 127, 2
            if length >= 126:
                start = 4 if length == 126 else 10
                length = int.from_bytes(left[2:start], "big")
            if len(left) < start + length:
                break
            left = left[start + length :]
            self.frames += 1
        self._left = left


async def run(port: int, token: str, rate: float, seconds: float) -> Told:
    loop, took = asyncio.get_running_loop(), list[float]()
    said = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
    heads = [f"GET {path} HTTP/1.1\r\n{said}\r\n".encode() for path in PATHS]
    opening = f"GET /v1/stream HTTP/1.1\r\n{said}{_UPGRADE}\r\n".encode()
    streams = [
        (await loop.create_connection(lambda: Streaming(opening), "127.0.0.1", port))[1]
        for _ in range(STREAMS)
    ]
    asking = [
        (await loop.create_connection(lambda: Asking(took), "127.0.0.1", port))[1] for _ in range(CONNECTIONS)
    ]
    await _ask(asking, heads, rate, SETTLE_S)
    took.clear()
    before = [(stream.frames, stream.size) for stream in streams]
    from_ns, began = time.time_ns(), time.perf_counter()
    await _ask(asking, heads, rate, seconds)
    lasted = time.perf_counter() - began
    frames = [stream.frames - at for stream, (at, _) in zip(streams, before, strict=True)]
    size = sum(stream.size - at for stream, (_, at) in zip(streams, before, strict=True))
    await asyncio.sleep(0.5)
    times = np.array(took) * 1e3
    return Told(
        from_ns,
        time.time_ns() - 500_000_000,
        len(took),
        sum(each.failed for each in asking),
        *(float(np.quantile(times, share)) for share in (0.5, 0.99, 1.0)),
        min(frames) / lasted,
        size / lasted / 1e3,
    )


async def _ask(asking: list[Asking], heads: list[bytes], rate: float, seconds: float) -> None:
    began, asked, most = time.perf_counter(), 0, int(rate * seconds)
    while asked < most:
        due = began + asked / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
            continue
        asking[asked % len(asking)].ask(heads[asked * 7 % len(heads)], due)
        asked += 1


def _step_back() -> None:
    """Where Linux weighs sessions (sched(7)), niceness counts within one alone."""
    os.setsid()
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE))


if __name__ == "__main__":
    os.nice(NICE)
    _step_back()
    told = asyncio.run(run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
    print(msgspec.json.encode(told).decode())
