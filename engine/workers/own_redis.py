"""A Redis server of a topology's own: on a Unix socket that only its user can reach, every second on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.errors import BusError

SOCKET = "redis.sock"
_MOST_PATH = 100
"""Bytes that a Unix socket's path may have, with room to spare."""


def redis_command(folder: Path) -> tuple[list[str], str]:
    """(command line, URL) of the server whose data are in ``folder``, which is made. Raises BusError."""
    found = shutil.which("redis-server")
    if found is None:
        raise BusError(
            "no bus: give one with --bus redis://host:port/0, or install redis-server for one of your own"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise BusError(f"cannot use {folder}: {error.strerror}; choose another --state-dir") from None
    socket = folder.resolve() / SOCKET
    if len(str(socket).encode()) > _MOST_PATH:
        raise BusError(f"the socket's path {socket} is too long: choose a shorter --state-dir")
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder.resolve()),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    command = [found]
    for name, value in options.items():
        command += [f"--{name}", value]
    return command, f"unix://{socket}?db=0"
