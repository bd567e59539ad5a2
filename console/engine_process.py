"""Starting an engine as a process of its own.

The engine gets its own session, so that a hang-up of the terminal does not reach it. Over a pipe it tells
that it listens, or in one line why it cannot start. A tape's engine that belongs to its console holds the end
of another pipe, whose other end is this process's alone: whatever ends the console ends that engine too.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from engine.errors import EngineBusyError, LinkError, TickdeskError
from engine.text import clean

READY_TIMEOUT_S = 30.0
END_S = 10.0
"""How long an engine that is told to end may take, before it is killed."""
_LAST_BYTES = 4_096


class Readiness(msgspec.Struct):
    """A line of an engine's ready pipe: a note of what it does, an error, or (neither) that it listens."""

    note: str = ""
    error: str = ""
    exit_code: int = 0


class EngineProcess:
    """An engine that was just started. ``wait_ready`` must be called once."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        pipe: int,
        state_dir: Path,
        life: int | None = None,
        errors: IO[bytes] | None = None,
    ) -> None:
        """``life``: our end of the pipe at whose end the engine ends; None: it lives on without us.
        ``errors``: the file that is its standard error."""
        self._process = process
        self._pipe = pipe
        self._life = life
        self._state_dir = state_dir
        self._unread = b""
        self._errors = errors

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, note: Callable[[str], None], timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when the engine listens; ``note`` gets what it says on the way.

        ``timeout_s`` is the longest silence. Raises the engine's own error, or LinkError.
        """
        try:
            while True:
                ready = self._next(timeout_s)
                if ready.error:
                    raise _error(clean(ready.error, 400), ready.exit_code)
                if not ready.note:
                    return
                note(clean(ready.note))
        finally:
            os.close(self._pipe)
            if self._errors is not None:
                self._errors.close()

    def end(self, timeout_s: float = END_S) -> None:
        """End an engine that belongs to this console, and wait for it. May be called again."""
        if self._life is not None:
            os.close(self._life)
            self._life = None
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _next(self, timeout_s: float) -> Readiness:
        while b"\n" not in self._unread:
            readable, _, _ = select.select([self._pipe], [], [], timeout_s)
            if not readable:
                raise LinkError(f"the engine did not start within {timeout_s:.0f} s: see {self._log()}")
            piece = os.read(self._pipe, 65536)
            if not piece:
                code = self._process.wait()
                why = self._last_words() or f"see {self._log()}"
                raise LinkError(f"the engine ended while starting (exit {code}): {why}")
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return msgspec.json.decode(line, type=Readiness)

    def _last_words(self) -> str:
        """Of an engine that fell before it had a log: a package that is missing, or of another version."""
        if self._errors is None:
            return ""
        self._errors.seek(max(self._errors.seek(0, os.SEEK_END) - _LAST_BYTES, 0))
        return clean(self._errors.read().decode(errors="replace").strip().rpartition("\n")[2], 300)

    def _log(self) -> Path:
        return self._state_dir / "engine.log"


def _error(text: str, exit_code: int) -> TickdeskError:
    if exit_code == EngineBusyError.exit_code:
        return EngineBusyError(text)
    error = LinkError(text)
    error.exit_code = exit_code or 1
    return error


def _errors_file() -> IO[bytes] | None:
    """For an engine's standard error; None where there is no place for it."""
    with suppress(OSError):
        return tempfile.TemporaryFile()
    return None


def start_engine(state_dir: Path, options: Sequence[str], *, ours: bool = False) -> EngineProcess:
    """Start ``python -m engine`` with ``options``, detached from this terminal. ``ours``: it ends when this
    process does, however that is."""
    read_end, write_end = os.pipe()
    passed = [write_end]
    life = None
    if ours:
        end_of_life, life = os.pipe()
        passed.append(end_of_life)
        options = [*options, "--life-fd", str(end_of_life)]
    errors = _errors_file()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and options
            [
                sys.executable,
                "-P",  # what lies in the folder we were called in is none of ours
                "-m",
                "engine",
                "--state-dir",
                str(state_dir),
                "--ready-fd",
                str(write_end),
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors or subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=passed,
        )
    except BaseException:
        for fd in filter(None, (read_end, life)):
            os.close(fd)
        if errors is not None:
            errors.close()
        raise
    finally:
        for fd in passed:
            os.close(fd)
    return EngineProcess(process, read_end, state_dir, life, errors)
