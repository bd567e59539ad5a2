"""The screen never takes the processor from the desk beside it: it leaves the one that a desk has for itself,
and steps back on the others.

Where Linux weighs sessions against each other ("autogroups", sched(7)), the niceness of a process counts
within its session alone, and the desk's is another one: then the niceness of the session is what counts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.processor import run_on, step_aside
from engine.session_niceness import OWN, niceness, set_niceness

NICE = 10


@contextlib.contextmanager
def aside(step: Callable[[], frozenset[int] | None] = step_aside) -> Iterator[Callable[[], None]]:
    """Leave the processors of desks; to be called again when another engine may be there."""
    before: frozenset[int] | None = None

    def look() -> None:
        nonlocal before
        try:
            left = step()
        except OSError:  # no file descriptors: the screen goes on where it is
            return
        before = left if before is None else before

    look()
    try:
        yield look
    finally:
        if before is not None:
            run_on(before)


@contextlib.contextmanager
def behind(engine: int | None, session: Path = OWN) -> Iterator[None]:
    """Let this session step back while the screen is there. ``engine``: its process on this machine; beside
    one of the same session the session stays as it is: there the niceness of the process counts."""
    before = None if engine is None or _is_ours(engine) else niceness(session)
    if before is None or before >= NICE or not set_niceness(NICE, session):
        yield
        return
    try:
        yield
    finally:
        set_niceness(before, session)


def _is_ours(engine: int) -> bool:
    try:
        return os.getsid(engine) == os.getsid(0)
    except OSError:  # it has ended
        return False
