"""What goes to the terminal: written at once where it takes it, else by a thread that waits for it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from textual.drivers._writer_thread import WriterThread

CHUNK = 4096
"""Bytes per write: what a pseudo-terminal's buffer holds."""
CLOSE_S = 1.0
"""How long the last bytes may take at the end; a terminal that does not read them keeps what it has."""


class Outbox(WriterThread):
    """Bytes for the terminal: what it does not take at once is written by this thread, so that ``write``
    never blocks.

    ``on_busy`` is called in the writer's caller when the first bytes wait, ``on_idle`` in this thread when
    all are written. ``written`` counts bytes.
    """

    def __init__(self, fd: int, on_busy: Callable[[], object], on_idle: Callable[[], object]) -> None:
        threading.Thread.__init__(self, daemon=True, name="terminal-output")
        self._fd = fd
        self._at_once = _never_blocking(fd)
        """The same terminal; None where it cannot be had so."""
        self._on_busy, self._on_idle = on_busy, on_idle
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Condition()
        self.busy = False
        """Bytes wait that the terminal has not taken."""
        self._stopping = False
        self.written = 0

    def write(self, text: str) -> None:
        self.send(text.encode("utf-8", "replace"))

    def send(self, data: bytes) -> None:
        with self._wake:
            if not self.busy and self._at_once is not None:
                # The thread comes to it only when this one lets go of the interpreter: milliseconds later.
                data = self._write_now(data, self._at_once)
            if not data:
                return
            self._waiting.append(data)
            first, self.busy = not self.busy, True
            self._wake.notify()
        if first:
            self._on_busy()

    def _write_now(self, data: bytes, fd: int) -> bytes:
        """What is left."""
        view = memoryview(data)
        with suppress(OSError):  # it takes no more, or has hung up: the thread will see
            while view:
                sent = os.write(fd, view[:CHUNK])
                self.written += sent
                view = view[sent:]
        return bytes(view)

    def fileno(self) -> int:
        return self._fd

    def run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting:
                    if self.busy:
                        self.busy = False
                        self._on_idle()
                    if self._stopping:
                        return
                    self._wake.wait()
                data = self._waiting.popleft()
            self._send(data)

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                sent = os.write(self._fd, view[:CHUNK])
            except BlockingIOError:
                threading.Event().wait(0.01)
                continue
            except OSError:
                return  # hung up: the bytes have no reader any more
            self.written += sent
            view = view[sent:]

    def stop(self) -> None:
        """Let what waits be written, for ``CLOSE_S`` at most."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.join(CLOSE_S)
        with self._wake:
            if self._at_once is not None:
                os.close(self._at_once)
                self._at_once = None


def _never_blocking(fd: int) -> int | None:
    """Another descriptor of the terminal: with ``fd`` itself no program that has it would block any more."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # a pipe, or a terminal without a name here
        return None
