"""One process with a user's model, seen from the desk: started, tried with the golden rows, asked, killed.

Nothing here waits: who owns it calls ``readable`` and ``writable`` when its pipes are.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from engine.errors import ModelError
from engine.models.child_environment import child_environment
from engine.models.user_answer import Floats, accept
from engine.models.user_frames import FILES, MAX_ROWS, REASON, ROWS, WIDTH, Incoming, frame
from engine.processor import keep_off
from engine.text import clean

CHUNK = 1 << 16
SAID_BYTES = 4_000


def _nameless_file() -> BinaryIO:
    """In memory where there is such a thing: letting go of one on a disk takes its time."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("printed"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


class EndedError(ModelError):
    """It has closed its pipes; ``cause`` knows how it ended, now or in a moment."""

    def __init__(self) -> None:
        super().__init__("its process has closed its pipes")


class UserProcess:
    """It is ready once it has predicted the golden rows as at training. Then it answers one request after the
    other. It ends with the thread that started it."""

    def __init__(self, directory: Path, files: Mapping[str, str], golden: tuple[Floats, Floats]) -> None:
        """Start it; ``files``: SHA-256 (hex) by name, of what is in ``directory``. Raises ModelError when the
        machine refuses."""
        self.ready = False
        self.busy = True
        """Loading, or asked."""
        self._rows, self._expected = golden
        self._number = 0
        self._due = Incoming(0, 0)
        self._left = memoryview(frame(0, FILES, json.dumps(dict(files)).encode()))
        """Not yet written of the request."""
        try:
            self._said = _nameless_file()
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "engine.models.user_host", str(directory), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
                env=child_environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise ModelError(f"the model's process cannot be started: {error.strerror}") from None
        keep_off(self._child.pid)
        assert self._child.stdin is not None and self._child.stdout is not None
        self._in, self._out = self._child.stdin, self._child.stdout
        self.pid = self._child.pid
        self.write_end, self.read_end = self._in.fileno(), self._out.fileno()
        os.set_blocking(self.write_end, False)
        os.set_blocking(self.read_end, False)

    # --- asking ---

    def ask(self, rows: Floats) -> None:
        """Begin a request of rows (n, 158), 1 ≤ n ≤ 10,000. Only when it is ready and not busy."""
        if self.busy:
            raise RuntimeError("one request at a time")
        self._ask(rows)

    def _ask(self, rows: Floats) -> None:
        if rows.ndim != 2 or rows.shape[1] != WIDTH or not 1 <= len(rows) <= MAX_ROWS:
            raise ModelError(f"a user's model takes 1 to {MAX_ROWS} rows of {WIDTH} features at once")
        self._number += 1
        self._due = Incoming(self._number, len(rows))
        self._left = memoryview(frame(self._number, ROWS, np.ascontiguousarray(rows, "<f8").tobytes()))
        self.busy = True

    @property
    def writing(self) -> bool:
        """Whether a request waits for its pipe to take more."""
        return bool(self._left)

    def writable(self) -> None:
        """Write what the pipe takes. Raises ModelError when nobody reads it any more."""
        try:
            while self._left:
                self._left = self._left[os.write(self.write_end, self._left[:CHUNK]) :]
        except BlockingIOError:
            pass
        except OSError:
            raise EndedError from None

    def readable(self) -> Floats | ModelError | None:
        """Read once; an answer, when it is there. A ModelError that is returned is the model's own refusal.

        Raises ModelError for whatever makes the process unusable: kill it.
        """
        try:
            data = os.read(self.read_end, CHUNK)
        except BlockingIOError:
            return None
        if not data:
            raise EndedError
        if not self.busy or self._left:
            raise ModelError("its process sends what it was not asked for")
        found = self._due.feed(data)
        if found is None:
            return None
        kind, payload = found
        if kind == REASON:
            refusal = ModelError(clean(payload.decode("utf-8", "replace"), 400))
            if not self.ready:
                raise refusal
            self._done()
            return refusal
        if self._number == 0:
            self._ask(self._rows)
            return None
        predictions = np.frombuffer(payload, "<f8")
        if self.ready:
            self._done()
            return predictions
        accept(predictions, self._expected)
        self.ready = True
        self._done()
        return None

    def _done(self) -> None:
        self.busy = False
        self._left = memoryview(b"")

    # --- ending ---

    def cause(self) -> ModelError | None:
        """How it ended; None: it has not, or nobody can tell. It is still to be killed and reaped."""
        if self._child.returncode is not None or not hasattr(os, "waitid"):
            return None
        # its number stays its own, for what it may have started
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        how = "ended with code" if found.si_code == os.CLD_EXITED else "was ended by signal"
        return ModelError(f"its process {how} {found.si_status}")

    def kill(self) -> None:
        """End it with all that it started; any number of times."""
        if self._child.returncode is None:  # until it is waited for, its group's number is nobody else's
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.busy = True
        self._left = memoryview(b"")

    def reaped(self) -> bool:
        """Whether it is gone; after ``kill``, a moment later."""
        return self._child.poll() is not None

    def close(self) -> None:
        """Let go of its files; when it is gone."""
        for file in (self._in, self._out, self._said):
            file.close()

    def said(self) -> list[str]:
        """The newest lines that the model printed, cleaned. Only while it is not at work, or is gone: who
        writes holds up who reads."""
        size = os.fstat(self._said.fileno()).st_size
        text = os.pread(self._said.fileno(), SAID_BYTES, max(0, size - SAID_BYTES)).decode("utf-8", "replace")
        return [clean(line) for line in text.splitlines() if line.strip()][-20:]
