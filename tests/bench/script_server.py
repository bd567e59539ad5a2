"""``python -m tests.bench.script_server RATE``: scripted rises over a WebSocket, ``RATE`` frames a second.

Binance's address of streams, and of its instruments, on a loopback port, which is printed first. Each trade
carries the moment at which it was sent, in microseconds, so that who receives it knows how long it was on its
way.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from itertools import count

from tests.bench.burst_server import accepted, framed
from tests.bench.order_script import script

SYMBOLS = tuple(f"S{number}USDT" for number in range(10))
_FILTERS = (
    {"filterType": "PRICE_FILTER", "tickSize": "0.00010000"},
    {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
)
_INSTRUMENTS = json.dumps(
    {"symbols": [{"symbol": name, "quoteAsset": "USDT", "filters": _FILTERS} for name in SYMBOLS]}
).encode()
_TIMES = re.compile(rb'"([ET])":\d+')
_NUMBER = re.compile(rb'"([tu])":(\d+)')
_EVERY_S = 0.002


async def serve(rate: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while request := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
            head = accepted(request)
            if head is not None:
                writer.write(head)
                await _stream(rate, writer)
            found = request.startswith("GET /api/v3/exchangeInfo")
            status, body = ("200 OK", _INSTRUMENTS) if found else ("404 Not Found", b"{}")
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def _stream(rate: float, writer: asyncio.StreamWriter) -> None:
    """Until the client has had enough."""
    began, sent = time.perf_counter(), 0
    frames = [raw for raw, _ in script()]
    numbers = spans(frames)
    for number in count():
        for raw in frames:
            while sent >= (time.perf_counter() - began) * rate:
                await writer.drain()
                await asyncio.sleep(_EVERY_S)
            now = str(time.time_ns() // 1_000).encode()
            kind, first = _NUMBER.search(raw).groups()  # type: ignore[union-attr]
            later = str(number * numbers[kind] + int(first)).encode()
            stamped = _TIMES.sub(rb'"\1":' + now, raw)
            writer.write(framed(_NUMBER.sub(rb'"\g<1>":' + later, stamped, count=1)))
            sent += 1


def spans(frames: Sequence[bytes]) -> dict[bytes, int]:
    """How many numbers a symbol's trades take in a pass of the script, and its quotes: the next pass goes on
    with the next. A desk waits for what is between, as for all that it missed of a venue."""
    found: dict[bytes, list[int]] = {}
    for raw in frames:
        kind, number = _NUMBER.search(raw).groups()  # type: ignore[union-attr]
        found.setdefault(kind, []).append(int(number))
    return {kind: max(numbers) - min(numbers) + 1 for kind, numbers in found.items()}


async def main(rate: float) -> None:
    server = await asyncio.start_server(lambda reader, writer: serve(rate, reader, writer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
