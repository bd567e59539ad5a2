"""A Unix-domain socket that only its user can reach, from its first instant on."""

from __future__ import annotations

import contextlib
import os
import socket as sockets
from pathlib import Path

from aiohttp import web


async def listen(runner: web.AppRunner, socket: Path) -> os.stat_result:
    """Listen on ``socket`` (mode 0600). A dead engine's is replaced: the caller holds the lock. Returns what
    ``withdraw`` wants."""
    with contextlib.suppress(FileNotFoundError):
        socket.unlink()  # noqa: ASYNC240 - one call
    bound = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        # The mask makes it private at once; chmod afterwards would leave a moment. It is the whole process's:
        # a folder that was made under it could not be entered.
        mask = os.umask(0o177)
        try:
            bound.bind(str(socket))
        finally:
            os.umask(mask)
        ours = socket.stat()  # noqa: ASYNC240 - one call
        await web.SockSite(runner, bound).start()
    except BaseException:
        bound.close()
        raise
    return ours


def withdraw(socket: Path, ours: os.stat_result) -> None:
    """Remove the socket, unless another is there by now: where ours was removed, another engine may run."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(socket.stat(), ours):
            socket.unlink()
