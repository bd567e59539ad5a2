"""How nice a whole session is. Where Linux weighs sessions against each other ("autogroups", sched(7)), the
niceness of a process counts within its session alone; beside other sessions the session's own counts."""

from __future__ import annotations

import re
import time
from pathlib import Path

OWN = Path("/proc/self/autogroup")
_TOLD = re.compile(r"nice (-?\d+)\s*$")
_AGAIN_S = 0.11
"""The kernel takes one such change in a tenth of a second, of all sessions together."""
_TRIES = 3


def niceness(session: Path = OWN) -> int | None:
    """None where sessions are not weighed."""
    try:
        told = _TOLD.search(session.read_text(encoding="ascii"))
    except OSError:  # another system, or a kernel without it
        return None
    return None if told is None else int(told[1])


def set_niceness(nice: int, session: Path = OWN) -> bool:
    """False where it is refused: each process is as nice as it is by itself then."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_AGAIN_S)
        try:
            session.write_text(str(nice), encoding="ascii")
        except BlockingIOError:
            continue
        except OSError:
            return False
        return True
    return False
