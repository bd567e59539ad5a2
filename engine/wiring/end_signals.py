"""What ends the engine from outside: signals, and the console that it lives and dies with."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

log = logging.getLogger("engine")

_ENDING = (signal.SIGTERM, signal.SIGINT)


class EndSignals:
    """``stop(who)`` is called at a signal, ``console_ended()`` when nobody holds the other end of a pipe.

    A loop that is held up hears of neither. So at the first signal ``caught()`` is called at once, between
    any two steps of Python, and from then on the system itself ends us at the next: what counts is durable.
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

    def listen(self, loop: asyncio.AbstractEventLoop, life_fd: int | None) -> None:
        self._loop = loop
        for number in _ENDING:
            loop.add_signal_handler(number, self._stop, signal.Signals(number).name)
            # The loop is woken by a descriptor, whichever handler is set beside that.
            signal.signal(number, lambda *_: self._first())
        loop.add_signal_handler(signal.SIGHUP, lambda: log.info("SIGHUP: the engine stays"))
        if life_fd is not None:
            # Nothing is ever written to it: that it can be read is its end.
            loop.add_reader(life_fd, self._ended, life_fd)

    def _first(self) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        self._caught()

    def _ended(self, life_fd: int) -> None:
        assert self._loop is not None
        self._loop.remove_reader(life_fd)
        self._console_ended()

    def end_at_the_next(self) -> None:
        """The engine ends by itself: a signal is a second one."""
        for number in _ENDING:
            if self._loop is not None and self._loop.remove_signal_handler(number):
                signal.signal(number, signal.SIG_DFL)
