"""What ends the engine from outside: signals, and the console that it lives and dies with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator

log = logging.getLogger("engine")

SAME_S = 0.3
"""Signals within so long of the first are one wish: ``timeout`` and ``make`` tell us, and our group, too."""
_ENDING = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def before_the_loop() -> Iterator[None]:
    """What is held from the first import on until ``EndSignals`` listen: an interrupt ends us where we stand,
    for raised in the midst of an import it may be swallowed, and the desk would trade; a hangup does not."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGHUP), before, strict=True):
            signal.signal(number, handler)


class EndSignals:
    """``stop(who)`` is called at a signal, ``console_ended()`` when nobody holds the other end of a pipe.

    A loop that is held up hears of neither. So at the first signal ``caught()`` is called at once, between
    any two steps of Python, and from then on another one ends us where we stand: what counts is durable.
    """

    def __init__(
        self,
        stop: Callable[[str], None],
        console_ended: Callable[[], None],
        caught: Callable[[], None] = lambda: None,
    ) -> None:
        self._stop = stop
        self._console_ended = console_ended
        self._caught = caught
        self._loop: asyncio.AbstractEventLoop | None = None
        self._caught_s: float | None = None
        self._heard = False

    def listen(self, loop: asyncio.AbstractEventLoop, life_fd: int | None) -> None:
        self._loop = loop
        for number in _ENDING:
            loop.add_signal_handler(number, self._hear, signal.Signals(number).name)
            # The loop is woken by a descriptor, whichever handler is set beside that.
            signal.signal(number, lambda *_: self._first())
        loop.add_signal_handler(signal.SIGHUP, lambda: log.info("SIGHUP: the engine stays"))
        if life_fd is not None:
            # Nothing is ever written to it: that it can be read is its end.
            loop.add_reader(life_fd, self._ended, life_fd)

    def _first(self) -> None:
        self._caught_s = time.monotonic()
        for number in _ENDING:
            signal.signal(number, lambda number, _: self._again(number))
        self._caught()

    def _again(self, number: int) -> None:
        if self._caught_s is not None and time.monotonic() - self._caught_s >= SAME_S:
            _leave_to_the_system()
            os.kill(os.getpid(), number)

    def _hear(self, name: str) -> None:
        """On the loop, for each signal."""
        if not self._heard and self._loop is not None:
            self._heard = True
            self._loop.call_later(SAME_S, _leave_to_the_system)
            self._stop(name)

    def _ended(self, life_fd: int) -> None:
        assert self._loop is not None
        self._loop.remove_reader(life_fd)
        self._console_ended()

    def end_at_the_next(self) -> None:
        """The engine ends: a signal is a second one, unless it is what ends it."""
        if self._caught_s is not None:
            return
        for number in _ENDING:
            if self._loop is not None and self._loop.remove_signal_handler(number):
                signal.signal(number, signal.SIG_DFL)


def _leave_to_the_system() -> None:
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
