"""A Unix-domain socket that only its user can reach, from its first instant on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from aiohttp import web


async def listen(runner: web.AppRunner, socket: Path) -> None:
    """Listen on ``socket`` (mode 0600). A dead engine's is replaced: the caller holds the lock."""
    with contextlib.suppress(FileNotFoundError):
        socket.unlink()  # noqa: ASYNC240 - one call, before anything runs
    # The mask makes it private at once; chmod afterwards would leave a moment.
    mask = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(socket)).start()
    finally:
        os.umask(mask)
