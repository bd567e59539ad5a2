"""``python -m tests.bench.stream_clients PORT TOKEN``: ``STREAMS`` clients of a gateway's stream.

Says "ready" once all of them are connected, counts from one line of its input to the next, and prints one
``Told``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import msgspec

STREAMS = 200
_PING, _PONG = 0x89, b"\x8a\x80\0\0\0\0"
"""As RFC 6455 has them: an answer without a payload, masked with zeros."""
NICE = 19
"""The desk, its gateway and who measures go first."""
_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Told(msgspec.Struct, frozen=True):
    frames_per_s: float
    """Of the client that got the fewest."""
    kbytes_per_s: float
    """Of all."""


class Streaming(asyncio.Protocol):
    """Counts the frames of one stream."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._left = b""
        self._opened = False
        self.frames = self.size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
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
            if left[0] == _PING:
                self._transport.write(_PONG)
            else:
                self.frames += 1
            left = left[start + length :]
        self._left = left


async def run(port: int, token: str) -> Told:
    loop = asyncio.get_running_loop()
    said = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
    opening = f"GET /v1/stream HTTP/1.1\r\n{said}{_UPGRADE}\r\n".encode()
    streams = [
        (await loop.create_connection(lambda: Streaming(opening), "127.0.0.1", port))[1]
        for _ in range(STREAMS)
    ]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    before, began = [(stream.frames, stream.size) for stream in streams], time.perf_counter()
    await asyncio.to_thread(sys.stdin.readline)
    lasted = time.perf_counter() - began
    frames = [stream.frames - at for stream, (at, _) in zip(streams, before, strict=True)]
    size = sum(stream.size - at for stream, (_, at) in zip(streams, before, strict=True))
    return Told(min(frames) / lasted, size / lasted / 1e3)


def _step_back() -> None:
    """Where Linux weighs sessions (sched(7)), niceness counts within one alone."""
    os.setsid()
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE))


if __name__ == "__main__":
    os.nice(NICE)
    _step_back()
    print(msgspec.json.encode(asyncio.run(run(int(sys.argv[1]), sys.argv[2]))).decode())
