"""``python -m tests.bench.burst_server RATE``: the BTCUSDT capture over a WebSocket, faster than it was.

Binance's address of streams and of the book's snapshot on one loopback port, which is printed first. The one
client gets every frame once, ``RATE`` a second, or with 0 as fast as it takes them. It is written without a
WebSocket library, so that it costs less than what it measures.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
import sys
import time

from tests.bench.decode import Rows, capture

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_AT_ONCE = 256


def framed(text: bytes) -> bytes:
    """A text message of a server."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    return (
        b"\x81\x7e" + struct.pack(">H", size) if size < 65_536 else b"\x81\x7f" + struct.pack(">Q", size)
    ) + text


def accepted(request: str) -> bytes | None:
    """The answer to who asks for a WebSocket; None to others."""
    lines = request.split("\r\n")
    key = next((line[19:] for line in lines if line.startswith("Sec-WebSocket-Key: ")), "")
    if not key:
        return None
    accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest()).decode()
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{head}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()


class Server:
    def __init__(self, rows: Rows, rate: float) -> None:
        self._frames = [framed(raw) for kind, raw, _ in rows if kind != "snapshot"]
        self._snapshot = next(raw for kind, raw, _ in rows if kind == "snapshot")
        self._rate = rate

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                switch = accepted(request)
                if switch is not None:
                    writer.write(switch)
                    await self._stream(reader, writer)
                    return
                found = request.startswith("GET /api/v3/depth?")
                status, body = ("200 OK", self._snapshot) if found else ("404 Not Found", b"{}")
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began, sent = time.perf_counter(), 0
        while sent < len(self._frames):
            due = sent + _AT_ONCE
            if self._rate:
                due = min(due, int((time.perf_counter() - began) * self._rate))
            if due > sent:
                writer.write(b"".join(self._frames[sent:due]))
                sent = min(due, len(self._frames))
                await writer.drain()
            await asyncio.sleep(0.001 if self._rate else 0)
        await reader.read()  # until the client has had enough


async def main(rate: float) -> None:
    server = await asyncio.start_server(Server(capture(), rate).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
