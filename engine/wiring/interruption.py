"""Ending a run by SIGINT or SIGTERM where it can be ended, and not in the middle of what must be whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM."""


class Interruption:
    """A context in which SIGTERM is raised as Terminated, as SIGINT is as KeyboardInterrupt; outside the
    main thread nothing changes."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.getsignal(one) for one in _SIGNALS}
            signal.signal(signal.SIGTERM, _raise)
        return self

    def hold(self) -> None:
        """From now on to the end of the context neither is heard: what is begun is finished, in a moment."""
        for one in self._before:
            signal.signal(one, signal.SIG_IGN)

    def __exit__(self, *exc: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)  # type: ignore[arg-type]


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated
