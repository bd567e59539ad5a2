"""A training run's process: started at low priority, heard line by line, and ended with all it started."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Callable, Sequence

import msgspec

from engine.errors import ModelError
from engine.models.child_environment import child_environment
from engine.processor import keep_off
from engine.text import clean

TRAINING = (sys.executable, "-P", "-m", "engine.wiring.training")
GRACE_S = 3.0
"""Between the asking and the killing of a run that is to end."""
HURRY_S = 1.0
"""The same where the engine itself ends."""
MAX_LINE = 4096
MAX_OUTPUT = 4 * 1024 * 1024
_PART = 2048
"""Bytes that are looked at in one go: what they hold must not keep the desk waiting."""
_TAIL = 2000
_LAST_WORDS_S, _LOOK_S = 2.0, 0.02
_READ_S = 0.01
"""Between two looks at what it prints besides: who prints without end waits, and not the desk."""
_BUFFER = 64 * 1024
_VERSION = re.compile(r"[0-9a-f]{12}")


class Line(msgspec.Struct, frozen=True):
    """What it says, see ``engine.wiring.training``."""

    share: float | None = None
    text: str = ""
    version: str = ""
    error: str = ""


_decode = msgspec.json.Decoder(Line).decode


class TrainingProcess:
    """One run. ``progress(share, text)`` hears how far it is."""

    def __init__(
        self,
        options: Sequence[str],
        given: bytes,
        progress: Callable[[float, str], None],
        *,
        limit_s: float,
        command: Sequence[str] = TRAINING,
        grace_s: float = GRACE_S,
    ) -> None:
        """``given``: its standard input, one line. ``limit_s``: it may not take longer."""
        self._command = (
            sys.executable,
            "-P",
            "-m",
            "engine.wiring.supervised",
            str(grace_s),
            *command,
            *options,
        )
        self._given = given
        self._progress = progress
        self._limit_s = limit_s
        self._grace_s = grace_s
        self._child: Process | None = None
        self._to_end = False
        self._said = Line()
        self._tail = b""

    async def run(self) -> str:
        """Until its end; the version of the model that came of it. Raises ModelError with the reason, one
        line. Canceled, it has ended when this returns."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=_BUFFER, loop=loop),
            *self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,
        )
        self._child = child = Process(transport, protocol, loop)
        keep_off(child.pid)
        if self._to_end:
            self.end()
        try:
            async with asyncio.timeout(self._limit_s):
                code = await self._follow(child)
        except TimeoutError:
            raise ModelError(f"it took longer than {self._limit_s:g} s, and was ended") from None
        finally:
            await self._end_all(child)
            transport.close()  # its pipes too, should something that escaped hold them open
        return self._version(code)

    def end(self) -> None:
        """Ask it to end; a second time: at once."""
        self._to_end = True
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.terminate()

    async def _follow(self, child: Process) -> int:
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        with contextlib.suppress(ConnectionError):  # its end says more
            child.stdin.write(self._given + b"\n")
            await child.stdin.drain()
        heard = asyncio.create_task(_hear(child.stdout, self._take))
        listening = [heard, asyncio.create_task(self._keep_tail(child.stderr))]
        ended = asyncio.create_task(_end_of(child))
        try:
            await asyncio.wait([heard, ended], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                heard.result()  # raises for a run that prints too much
            code = await ended
            # What is still in the pipes; something that escaped may hold them open.
            await asyncio.wait(listening, timeout=_LAST_WORDS_S)
            if heard.done():
                heard.result()
            return code
        finally:
            for task in (*listening, ended):
                task.cancel()
            await asyncio.wait([*listening, ended])

    async def _keep_tail(self, stream: asyncio.StreamReader) -> None:
        while part := await stream.read(65_536):
            self._tail = (self._tail + part)[-_TAIL:]
            await asyncio.sleep(_READ_S)

    def _take(self, raw: bytes) -> None:
        """A line; what is none of ours is passed over."""
        if not raw.startswith(b"{"):
            return
        try:
            line = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if line.version or line.error:
            self._said = line
        elif line.share is not None and math.isfinite(line.share):
            self._progress(min(max(line.share, 0.0), 1.0), clean(line.text))

    def _version(self, code: int) -> str:
        said = self._said
        number = code - 128 if code > 128 else -code
        # It says so when it is done: a signal that comes after that has undone nothing.
        if (code == 0 or number > 0) and _VERSION.fullmatch(said.version):
            return said.version
        if said.error:
            raise ModelError(clean(said.error, 300))
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        why = f": {clean(lines[-1], 160)}" if lines else ""
        if number > 0:
            memory = " (is there enough memory?)" if number == signal.SIGKILL else ""
            raise ModelError(f"its process was ended by signal {number}{memory}{why}")
        raise ModelError(f"its process ended with code {code}, and no model{why}")

    async def _end_all(self, child: Process) -> None:
        """Whatever of it still runs is asked, then killed."""
        for wait_s in (HURRY_S, self._grace_s):
            if child.returncode is None:
                self.end()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await _end_of(child)
        # What a supervisor that was killed itself could not end.
        if child.returncode is None or child.returncode < 0:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await _end_of(child)


async def _end_of(child: Process) -> int:
    """Its exit code. Unlike ``wait()``, it does not wait for pipes that others hold open."""
    while child.returncode is None:
        await asyncio.sleep(_LOOK_S)
    return child.returncode


async def _hear(stream: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    """Give each line, a too long one cut. Raises ModelError when there is more than anybody needs."""
    pending, left = b"", MAX_OUTPUT
    while part := await stream.read(_PART):
        left -= len(part)
        if left < 0:
            raise ModelError(f"it printed more than {MAX_OUTPUT} bytes, and was ended")
        *lines, pending = (pending + part).split(b"\n")
        for line in lines:
            take(line)
        pending = pending[:MAX_LINE]
        await asyncio.sleep(0)  # read() does not wait while there is something
