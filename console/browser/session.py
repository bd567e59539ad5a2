"""One tab: its WebSocket, and the console process that it shows. Both end with each other.

The process speaks the packets of textual-serve (``AppService``); what the page sends is checked before it is
passed on. Where the page reads slowly, or its line is slow, the process waits at its own output, never the
engine, and skips frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from console.browser.gate import PROTOCOL
from engine.api.arrival import Arrival
from engine.text import clean

MOST_TYPED = 65_536
"""Bytes of one message from a page: a long paste."""
MOST_PACKET = 16_000_000
"""Bytes of one packet from a console: a whole screen is some 50 kB."""
MOST_WAITING = 4_096
"""Bytes of a console's output that wait in its pipe; by itself they are many, of long ago."""
MOST_UNREAD = 8_192
"""Bytes on their way to the page, which are some frames: what it has not read is the past."""
LARGEST = 500
"""Columns or rows."""
READY = b"__GANGLION__\n"
"""A console's first line."""
START_S, QUIT_S = 30.0, 3.0
"""How long a console may take to begin, and to end."""


def environment_of(environ: Mapping[str, str], columns: int, rows: int) -> dict[str, str]:
    """A console's, in a terminal that is the page's: xterm.js, whatever ours is."""
    dropped = ("LC_ALL", "LC_CTYPE", "TMUX", "STY", "SSH_TTY", "TERM_PROGRAM")
    kept = {
        name: value
        for name, value in environ.items()
        if name not in dropped and not name.startswith("TEXTUAL")
    }
    own = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    return {**kept, **own, "COLUMNS": str(columns), "ROWS": str(rows)}


def size_of(given: Any) -> tuple[int, int] | None:
    """Columns and rows, of what a page says of its size; None where it makes no sense."""
    try:
        columns, rows = int(given["width"]), int(given["height"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (columns, rows) if 1 <= columns <= LARGEST and 1 <= rows <= LARGEST else None


class ConsoleProcess(AppService):
    """A console of its own for one tab."""

    def __init__(self, command: Sequence[str], websocket: web.WebSocketResponse) -> None:
        super().__init__(
            " ".join(command),
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=self._close,
            download_manager=DownloadManager(),
        )
        self._arguments = list(command)
        self._websocket = websocket
        self._free = asyncio.Event()
        self._free.set()
        self.arrival = Arrival(websocket, self._free.set)
        self._unread = 0

    async def _close(self) -> None:
        await self._websocket.close()

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            env=environment_of(os.environ, width, height),
            start_new_session=True,
            limit=MOST_WAITING // 4,
        )
        _keep_little(process)
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Pass on what the console draws until it ends; then the tab is told."""
        assert self._process is not None and self._process.stdout is not None
        read = self._process.stdout
        # A tab that goes away ends this by a broken connection.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            async with asyncio.timeout(START_S):
                while await read.readuntil(b"\n") != READY:
                    pass
            while True:
                head = await read.readexactly(5)
                length = int.from_bytes(head[1:], "big")
                if length > MOST_PACKET:
                    break
                payload = await read.readexactly(length)
                if head[:1] == b"D":
                    await self._draw(payload)
                elif head[:1] == b"M" and b'"exit"' in payload:
                    break  # files and addresses are for terminals: nothing else is done for a console
        await self.remote_close()

    async def _draw(self, payload: bytes) -> None:
        if self._unread + len(payload) > MOST_UNREAD:
            await self._free.wait()
        if self._free.is_set():
            self._unread = 0
        self._unread += len(payload)
        await self.on_data(payload)
        if self._free.is_set():
            self._free.clear()
            await self.arrival.ask()

    async def stop(self) -> None:
        """End the console: asked first, killed where it does not listen."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            async with asyncio.timeout(QUIT_S):
                await self.send_meta({"type": "quit"})
                if process.stdin is not None:
                    process.stdin.close()
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        finally:
            # Nobody will read what it wrote last.
            process._transport.close()  # type: ignore[attr-defined]
            if self._task is not None:
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._task
                self._task = None


def _keep_little(process: Process) -> None:
    """Of the output in its pipe, where the system lets us say so."""
    pipe = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.get_extra_info("pipe"), fcntl.F_SETPIPE_SZ, MOST_WAITING)


async def show(request: web.Request, command: Sequence[str]) -> web.WebSocketResponse:
    """Answer a page's WebSocket with a console, until one of them ends."""
    websocket = web.WebSocketResponse(
        protocols=(PROTOCOL,), heartbeat=15, autoping=False, max_msg_size=MOST_TYPED, compress=False
    )
    await websocket.prepare(request)
    columns, rows = size_of(request.query) or (80, 24)
    console = ConsoleProcess(command, websocket)
    try:
        await console.start(columns, rows)
        async for message in websocket:
            if await console.arrival.hear(message):
                continue
            if message.type is not WSMsgType.TEXT or not await _pass_on(message.data, console, websocket):
                break
    except ConnectionError:
        pass  # the tab is gone
    finally:
        await console.stop()
        await websocket.close()
    return websocket


async def _pass_on(text: str, console: ConsoleProcess, websocket: web.WebSocketResponse) -> bool:
    """Do what the page says; False for what no page of ours says."""
    try:
        kind, given = [*msgspec.json.decode(text, type=list[Any]), None][:2]
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return False
    if kind == "stdin" and isinstance(given, str):
        return await console.send_bytes(given.encode("utf-8", "replace"))
    if kind == "resize":
        size = size_of(given)
        if size is not None:
            await console.set_terminal_size(*size)
    elif kind == "focus":
        await console.focus()
    elif kind == "blur":
        await console.blur()
    elif kind == "ping":
        await websocket.send_json(["pong", clean(given, 40)])
    else:
        return False
    return True
