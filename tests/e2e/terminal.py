"""A command in a real pseudo-terminal: keys in, screen out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from types import TracebackType

import pyte

from tests.conftest import ROOT
from tests.e2e.engine import COMMAND, environment

ENTER, ESCAPE = "\r", "\x1b"


class Terminal:
    """``tickdesk ARGUMENTS`` at ``columns`` x ``rows``; a context manager that leaves no console behind.

    Nothing is read from the terminal but inside ``wait`` and ``read``: in between, it stalls.
    """

    def __init__(self, *arguments: str, columns: int = 200, rows: int = 50) -> None:
        self._arguments = arguments
        self._size = (columns, rows)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes_read = 0
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Terminal:
        self._master, slave = os.openpty()
        _set_size(slave, *self._size)
        self.process = subprocess.Popen(
            [*COMMAND, *self._arguments],
            cwd=ROOT,
            env=environment(TERM="xterm-256color", LANG="C.UTF-8"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        with contextlib.suppress(OSError):
            os.close(self._master)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def unread(self) -> int:
        """Bytes that wait in the terminal for somebody to read them."""
        buffer = fcntl.ioctl(self._master, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", buffer)[0])

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        _set_size(self._master, columns, rows)

    def read(self, seconds: float) -> None:
        """Read and draw for ``seconds``, or until the other side is closed."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self._read_once(left):
            pass

    def _read_once(self, timeout: float) -> bool:
        """False at the end of the output."""
        if select.select([self._master], [], [], timeout)[0]:
            try:
                data = os.read(self._master, 65536)
            except BlockingIOError:
                return True
            except OSError:
                return False  # Linux says EIO when the last writer is gone
            if not data:
                return False
            self.bytes_read += len(data)
            self._stream.feed(data)
        return True

    def wait(self, holds: Callable[[str], object] | str, timeout: float = 30.0) -> str:
        """Read until the screen holds the text, or ``holds`` of it; returns the screen."""
        wanted = (lambda text: holds in text) if isinstance(holds, str) else holds
        deadline = time.monotonic() + timeout
        while not wanted(self.text):
            left = deadline - time.monotonic()
            if left <= 0 or not self._read_once(min(left, 0.1)):
                raise AssertionError(f"never on the screen: {holds}\n{self.text}")
        return self.text

    def end(self, timeout: float = 10.0) -> int:
        """Read until the command has ended; returns its exit code."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still runs\n{self.text}"
            self.read(0.05)
        self.read(0.2)
        return self.process.returncode

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def hang_up(self) -> None:
        """Close the terminal, as a dropped line does: the kernel sends SIGHUP."""
        os.close(self._master)


def _set_size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
