"""One engine per state directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from engine.errors import EngineBusyError, StoreError
from engine.store.lock_file import is_locked, open_in, read, read_pid, write

FILE = "engine.lock"
_ENDS = b"ends"
"""Behind the process id of one that was told to end."""


class StateLock:
    """An exclusive lock on a state directory. The kernel frees it when the process ends, however it ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def acquire(cls, state_dir: Path) -> StateLock:
        """Create ``state_dir`` if need be, make it 0700 and lock it.

        Raises ``EngineBusyError`` when another engine holds it, ``StoreError`` when it cannot be used.
        """
        fd = open_in(state_dir, FILE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = read_pid(fd)
            os.close(fd)
            if not isinstance(error, BlockingIOError):
                raise StoreError(
                    f"cannot lock {state_dir}: {error.strerror}; choose a local --state-dir"
                ) from error
            raise EngineBusyError(
                f"another engine (pid {pid or 'unknown'}) uses {state_dir}: `tickdesk attach` to join it, "
                "or choose --state-dir"
            ) from None
        return cls._taken(fd)

    @classmethod
    def wait(cls, state_dir: Path) -> StateLock | None:
        """Wait, without end, until whoever holds it is gone. None: that one ended in order.

        Raises ``StoreError`` when it cannot be used.
        """
        fd = open_in(state_dir, FILE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            os.close(fd)
            raise StoreError(
                f"cannot lock {state_dir}: {error.strerror}; choose a local --state-dir"
            ) from error
        if read_pid(fd) is None or read(fd).endswith(_ENDS):
            os.close(fd)
            return None
        return cls._taken(fd)

    @classmethod
    def _taken(cls, fd: int) -> StateLock:
        """Raises StoreError."""
        try:
            write(fd, f"{os.getpid()}")
        except OSError as error:
            os.close(fd)
            raise StoreError(
                f"cannot write to the state directory: {error.strerror}; make room, or choose --state-dir"
            ) from error
        return cls(fd)

    def fileno(self) -> int:
        """A child that inherits it holds the lock, too."""
        return self._fd

    def ends(self) -> None:
        """It was told to: however it ends, who waits for it is not to go on with what was done here."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):  # it ends all the same
                write(self._fd, f"{os.getpid()} {_ENDS.decode()}")

    def release(self, *, in_order: bool = True) -> None:
        """Free the lock. The file stays: removing it would let two engines lock two different files.

        ``in_order``: who waits for it need not go on with what was done here.
        """
        if self._fd >= 0:
            if in_order:
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def holder(state_dir: Path) -> int | None:
    """Process id of the engine that holds ``state_dir``; None when there is none."""
    try:
        fd = os.open(state_dir / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return read_pid(fd) if is_locked(fd) else None
    finally:
        os.close(fd)


def is_ending(state_dir: Path) -> bool:
    """Whether the engine that holds ``state_dir`` was told to end."""
    try:
        fd = os.open(state_dir / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return read(fd).endswith(_ENDS)
    finally:
        os.close(fd)


def holds(pid: int, state_dir: Path) -> bool:
    """Whether that process has the lock open, so that the number is not another's by now. False where the
    system does not tell (only Linux does), or the process is another user's."""
    try:
        lock = (state_dir / FILE).stat()
        return any(_is_same(entry, lock) for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _is_same(entry: Path, lock: os.stat_result) -> bool:
    try:
        return os.path.samestat(entry.stat(), lock)
    except OSError:  # closed meanwhile
        return False
