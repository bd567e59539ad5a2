"""One daily run at a time in a state directory."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from engine.errors import StoreError
from engine.store.lock_file import is_locked, open_in, read_pid, write

FILE = "daily.lock"
LOOKS = 10
LOOK_S = 0.02


class DailyLock:
    """One daily run at a time. The kernel frees it when the process ends, however it ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def acquire(cls, state_dir: Path) -> DailyLock:
        """Raises StoreError when another run is at work."""
        fd = open_in(state_dir, FILE)
        try:
            _lock(fd)
        except OSError as error:
            pid = read_pid(fd) or "unknown"
            os.close(fd)
            if not isinstance(error, BlockingIOError):
                raise StoreError(f"cannot lock {state_dir}: {error.strerror}") from error
            raise StoreError(
                f"a daily run is at work here (pid {pid}): `tickdesk daily --show` tells how far it is"
            ) from None
        write(fd, f"{os.getpid()}")
        return cls(fd)

    def release(self) -> None:
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def _lock(fd: int) -> None:
    """Who only looks whether a run is at work has the lock for a moment: that is no run. Raises OSError."""
    for _ in range(LOOKS):
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOOK_S)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def at_work(state_dir: Path) -> bool:
    """Whether a daily run holds the lock now."""
    try:
        fd = os.open(state_dir / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_locked(fd)
    except OSError:
        return False
    finally:
        os.close(fd)
