"""A user's call that does not come back is interrupted: while it runs, nothing else of the desk does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar, TypeVarTuple

_Given = TypeVarTuple("_Given")
_Answer = TypeVar("_Answer")

_AGAIN_S = 0.5
"""Code that catches everything is interrupted so often until it gives in."""


class Overdue(BaseException):
    """Raised within the call, wherever it is; no ``except Exception`` of its loop catches it."""


def within(seconds: float, call: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
    """``call(*given)``. Raises TimeoutError when it was interrupted after ``seconds``.

    Python code and waiting are interrupted, C code once it comes back; both only in the main thread, and
    where the platform has an alarm clock. One that is set already goes on afterwards.
    """
    if not hasattr(signal, "setitimer"):
        return call(*given)
    if threading.get_ident() != threading.main_thread().ident:
        return call(*given)
    before = signal.signal(signal.SIGALRM, _ring)
    left = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        return call(*given)
    except Overdue as error:
        raise TimeoutError(f"did not come back within {seconds:g} s and was interrupted") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)
        signal.signal(signal.SIGALRM, before)


def _ring(_number: int, frame: FrameType | None) -> None:
    """Interrupt what ``within`` called, and nothing that runs before or after it."""
    if frame is None or frame.f_code is within.__code__:
        return
    while frame is not None:
        if frame.f_code is within.__code__:
            raise Overdue
        frame = frame.f_back
