"""The screen never takes the processor from the desk beside it.

Where Linux weighs sessions against each other ("autogroups", sched(7)), the niceness of a process counts
within its session alone, and the desk's is another one: then the niceness of the session is what counts.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

NICE = 10
_SESSION = Path("/proc/self/autogroup")
_TOLD = re.compile(r"nice (-?\d+)\s*$")
_AGAIN_S = 0.11
"""The kernel takes one such change in a tenth of a second, of all sessions together."""


@contextlib.contextmanager
def behind(engine: int | None, session: Path = _SESSION) -> Iterator[None]:
    """Let this session step back while the screen is there. ``engine``: its process on this machine; beside
    one of the same session the session stays as it is: there the niceness of the process counts."""
    before = None if engine is None or _is_ours(engine) else _niceness(session)
    if before is None or before >= NICE or not _set(session, NICE):
        yield
        return
    try:
        yield
    finally:
        _set(session, before)


def _is_ours(engine: int) -> bool:
    try:
        return os.getsid(engine) == os.getsid(0)
    except OSError:  # it has ended
        return False


def _niceness(session: Path) -> int | None:
    """None where sessions are not weighed."""
    try:
        told = _TOLD.search(session.read_text(encoding="ascii"))
    except OSError:  # another system, or a kernel without it
        return None
    return None if told is None else int(told[1])


def _set(session: Path, nice: int) -> bool:
    """False where it is refused: then the screen is as nice as it can be by itself."""
    for wait_s in (_AGAIN_S, 0.0):
        try:
            session.write_text(str(nice), encoding="ascii")
        except BlockingIOError:
            time.sleep(wait_s)
        except OSError:
            return False
        else:
            return True
    return False
