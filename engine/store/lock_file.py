"""Files of a state directory that a process locks, and writes its id into, while it is at work there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from engine.errors import StoreError


def open_in(state_dir: Path, name: str) -> int:
    """Create ``state_dir`` if need be, make it 0700, and open a file of it. Raises ``StoreError``."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if state_dir.stat().st_mode & 0o077:
            state_dir.chmod(0o700)
        return os.open(state_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot use the state directory {state_dir}: {error.strerror}; choose another --state-dir"
        ) from error


def is_locked(fd: int) -> bool:
    """Whether somebody has it. Raises OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def read(fd: int) -> bytes:
    return os.pread(fd, 32, 0).partition(b"\n")[0]


def read_pid(fd: int) -> int | None:
    pid = read(fd).partition(b" ")[0]
    return int(pid) if pid.isdigit() else None


def write(fd: int, text: str) -> None:
    """It is never empty meanwhile: that would say that who had it ended in order. Raises OSError."""
    line = f"{text}\n".encode()
    os.pwrite(fd, line, 0)
    os.ftruncate(fd, len(line))
