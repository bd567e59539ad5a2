"""One daily run at a time in a state directory."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from engine.errors import StoreError

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
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(state_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot use the state directory {state_dir}: {error.strerror}; choose another --state-dir"
            ) from error
        try:
            _lock(fd)
        except OSError as error:
            text = os.pread(fd, 32, 0).strip()
            os.close(fd)
            if not isinstance(error, BlockingIOError):
                raise StoreError(f"cannot lock {state_dir}: {error.strerror}") from error
            pid = text.decode() if text.isdigit() else "unknown"
            raise StoreError(
                f"a daily run is at work here (pid {pid}): `tickdesk daily --show` tells how far it is"
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
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
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
