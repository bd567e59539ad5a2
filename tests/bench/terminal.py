"""A program in a pseudo-terminal: started, fed with keys, drained all the time, ended by its pid."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import pyte

from tests.bench.machine import ROOT, child_environment

_END_S = 5.0
_TURN_S = 1e-4
"""Between two threads of this process: a terminal reads at once, whatever the emulator works at meanwhile."""
_PIECES_PER_S = 200
Shows = Callable[[pyte.Screen], bool]
_FOREIGN = re.compile(rb"\x1b\[[<>=][0-9;]*[a-z]|\x1b\[\?[0-9;]*\$p")
"""Sequences of the keyboard protocol and mode questions: pyte does not know them and would print them."""


class Terminal:
    """A terminal of ``columns`` x ``rows`` in which ``arguments`` run. Use it in a ``with``.

    ``bytes_per_s``: what its line carries; 0: all that comes.
    """

    def __init__(self, arguments: Sequence[str], columns: int, rows: int, *, bytes_per_s: int = 0) -> None:
        self._bytes_per_s = bytes_per_s
        self._chunks: list[tuple[int, bytes]] = []
        self._fed = 0
        self._news = threading.Condition()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        shell = {**child_environment(), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "TMUX"):
            shell.pop(name, None)
        self.started_ns = time.perf_counter_ns()
        self.process = subprocess.Popen(
            list(arguments), stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=shell,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self._drain = threading.Thread(target=self._read, daemon=True)
        self._drain.start()

    def __enter__(self) -> Terminal:
        self._turn_s = sys.getswitchinterval()
        sys.setswitchinterval(_TURN_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.setswitchinterval(self._turn_s)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._drain.join(_END_S)
        os.close(self._master)

    @property
    def received(self) -> int:
        """Bytes so far."""
        return sum(len(data) for _, data in self._chunks.copy())

    @property
    def text(self) -> str:
        """The screen as far as it was looked at by ``wait``."""
        return "\n".join(self.screen.display)

    def press(self, keys: str) -> int:
        """Type; returns when, ns of ``time.perf_counter_ns``."""
        self.look()
        now = time.perf_counter_ns()
        os.write(self._master, keys.encode())
        return now

    def wait(self, shows: Shows, timeout_s: float) -> int | None:
        """When the bytes arrived with which the screen ``shows``; None when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            while self._fed < len(self._chunks):
                arrived = self._feed()
                if shows(self.screen):
                    return arrived
            with self._news:
                left = deadline - time.monotonic()
                if left <= 0 or (self._fed == len(self._chunks) and not self._news.wait(left)):
                    return None

    def settle(self, quiet_s: float, timeout_s: float) -> None:
        """Wait until nothing has arrived for so long: what a key led to is painted to its end."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            last = self._chunks[-1][0] if self._chunks else 0
            if time.perf_counter_ns() - last >= quiet_s * 1e9:
                break
            time.sleep(quiet_s / 4)
        self.look()

    def look(self) -> None:
        """Bring ``screen`` up to what has arrived."""
        while self._fed < len(self._chunks):
            self._feed()

    def _feed(self) -> int:
        arrived, data = self._chunks[self._fed]
        self._fed += 1
        self._stream.feed(_FOREIGN.sub(b"", data))
        return arrived

    def _read(self) -> None:
        most = self._bytes_per_s // _PIECES_PER_S or 65536
        free = time.monotonic()
        with contextlib.suppress(OSError):  # the program has ended
            while data := os.read(self._master, most):
                if self._bytes_per_s:
                    # Seen when its last byte is through the line.
                    free = max(free, time.monotonic()) + len(data) / self._bytes_per_s
                    time.sleep(max(0.0, free - time.monotonic()))
                with self._news:
                    self._chunks.append((time.perf_counter_ns(), data))
                    self._news.notify_all()
