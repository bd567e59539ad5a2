"""Where an engine's socket is, as a function of its state directory alone.

A Unix socket's path holds about 107 bytes (104 on macOS): where the state directory is too deep for that, the
socket lives in a private directory of the user under the system's temporary directory.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from engine.errors import LinkError

FILE = "engine.sock"
MAX_BYTES = 100


def socket_path(state_dir: Path) -> Path:
    """The socket of the engine that owns ``state_dir``: the same for the engine and its clients."""
    resolved = state_dir.expanduser().resolve()
    direct = resolved / FILE
    if len(os.fsencode(direct)) <= MAX_BYTES:
        return direct
    name = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:16]
    return _stand_in() / f"{name}.sock"


def prepare(state_dir: Path) -> Path:
    """Create the private directory that ``socket_path`` needs, and return the path.

    Raises ``LinkError`` when the directory belongs to somebody else or is not a directory.
    """
    path = socket_path(state_dir)
    if len(os.fsencode(path)) > MAX_BYTES:
        raise LinkError(
            f"the socket path {path} is too long: set TMPDIR or --state-dir to a shorter directory"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LinkError(
            f"cannot create {path.parent}: {error.strerror}; choose another --state-dir"
        ) from error
    check(path)
    return path


def check(path: Path) -> None:
    """Refuse a socket whose directory another user could have put there or can write to.

    Raises ``LinkError``. A client calls it before it connects: what it sends may contain secrets.
    """
    parent = path.parent
    try:
        found = parent.lstat()
    except OSError as error:
        raise LinkError(f"no engine at {parent}: {error.strerror}; start one with `tickdesk`") from error
    if not stat.S_ISDIR(found.st_mode):
        raise LinkError(f"{parent} is not a directory: remove it, or choose another --state-dir")
    if found.st_uid != os.getuid():
        raise LinkError(f"{parent} belongs to user {found.st_uid}, not to you: choose another --state-dir")
    if found.st_mode & 0o077:
        raise LinkError(f"{parent} is open to other users: run `chmod 700 {parent}`")


def _stand_in() -> Path:
    return Path(tempfile.gettempdir()) / f"tickdesk-{os.getuid()}"
