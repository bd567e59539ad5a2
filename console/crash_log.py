"""Where a fault of ours is written down: tracebacks are for the log, never for the screen."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

CONSOLE = logging.getLogger("tickdesk.console")
"""What the console gets over without its person."""


def write_down(error: BaseException, state_dir: Path) -> Path:
    """Append the traceback of ``error``, without secrets, to the log of crashes, private to the user; its
    path. Where ``state_dir`` takes none, it is among the temporary files."""
    from engine.logs import redact  # most commands end without it

    told = redact("".join(traceback.format_exception(error)))
    for folder in (state_dir, Path(tempfile.gettempdir())):
        path = folder / f"crash-{os.getuid()}.log"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(path, flags, 0o600), "a") as file:
                status = os.fstat(file.fileno())
                # Where all may write, somebody else may have put one there before.
                if status.st_uid == os.getuid() and not status.st_mode & 0o077:
                    file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n{told}\n")
                    return path
    return path


@contextlib.contextmanager
def written_down(state_dir: Path) -> Iterator[None]:
    """What ``CONSOLE`` is told of meanwhile is written down."""
    handler = _CrashLog(state_dir)
    CONSOLE.addHandler(handler)
    try:
        yield
    finally:
        CONSOLE.removeHandler(handler)


class _CrashLog(logging.Handler):
    def __init__(self, state_dir: Path) -> None:
        super().__init__()
        self._state_dir = state_dir

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            write_down(error, self._state_dir)
