"""A Redis server of a topology's own: on a Unix socket that only its user can reach, every second on disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

from engine.errors import BusError

WORKERS, FOLDER, SOCKET = "workers", "redis", "redis.sock"
"""Below the state directory of a topology, below that, and in it."""
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
    return command, _url(socket)


def own_bus(state_dir: Path) -> str:
    """URL of the server that a topology runs for ``state_dir``; "": there is none, or not one for us."""
    socket = state_dir.resolve() / WORKERS / FOLDER / SOCKET
    try:
        return _url(socket) if socket.is_socket() else ""
    except OSError:
        return ""


def _url(socket: Path) -> str:
    return f"unix://{quote(str(socket))}?db=0"  # a folder's name may hold # or ?
