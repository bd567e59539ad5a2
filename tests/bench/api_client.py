"""``python -m tests.bench.api_client PORT TOKEN RATE SECONDS``: a program that asks a gateway.

``RATE`` requests a second over ``CONNECTIONS`` kept ones, each when it is due, however late the one before
was answered: its time is from when it was due. Prints when the load has settled, in ns UTC, and then one
``Told``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque

import msgspec
import numpy as np

CONNECTIONS = 50
SETTLE_S = 2.0
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


class Told(msgspec.Struct, frozen=True):
    to_ns: int
    """UTC."""
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float


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


async def run(port: int, token: str, rate: float, seconds: float) -> Told:
    loop, took = asyncio.get_running_loop(), list[float]()
    heads = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for path in PATHS
    ]
    asking = [
        (await loop.create_connection(lambda: Asking(took), "127.0.0.1", port))[1] for _ in range(CONNECTIONS)
    ]
    await _ask(asking, heads, rate, SETTLE_S)
    took.clear()
    print(time.time_ns(), flush=True)
    await _ask(asking, heads, rate, seconds)
    to_ns = time.time_ns()
    await asyncio.sleep(0.5)
    times = np.array(took) * 1e3
    return Told(
        to_ns,
        len(took),
        sum(each.failed for each in asking),
        *(float(np.quantile(times, share)) for share in (0.5, 0.99, 1.0)),
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


if __name__ == "__main__":
    os.setsid()  # its share of a processor is not that of who started it
    told = asyncio.run(run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
    print(msgspec.json.encode(told).decode())
