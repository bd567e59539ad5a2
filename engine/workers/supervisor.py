"""Children that are kept running: started, watched, started again when they end, ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from engine.processor import step_aside
from engine.text import clean
from engine.wiring.end_signals import SAME_S
from engine.workers import printed
from engine.workers.life_signs import LOOK_S, LifeSigns, without_manager

log = logging.getLogger("engine.up")

FIRST_PAUSE_S, MOST_PAUSE_S = 0.2, 5.0
"""Before a child that ended is started again: doubling, from the start again after a minute."""
ASIDE_S = 1.0
"""How often it is looked which processors desks have for themselves."""
SPARE_PAUSE_S = 1.0
"""Where another one stands by, that one goes on first."""
SOUND_S = 60.0
QUICK_S, MOST_FAILURES = 20.0, 5
"""A child that failed so often, each time within so long, and has never run for longer: it never will."""
PRINTED_S = 10.0
"""How often it is looked how much the children have printed."""
_TAIL_BYTES = 4_096
_BEGAN = "--- "
"""Begins the line that tells of a start in what a child prints."""
_PR_SET_PDEATHSIG = 1
"""https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""


@dataclass
class Child:
    """``name``: one word. ``output``: the file that gets what it prints; None: our own.

    ``group``: those of one are ended together, else by itself. ``later_s``: so long after the others it is
    started at first; it stands by for one of its group, and what loads must not keep that one from working.
    ``last``: its end is the end of all. ``told``: its end in order is, since somebody told it to; it is
    started again only after another one. ``locks``: open files that it keeps open, too. ``aside``: it is kept
    off the processors that desks have for themselves. ``life``: who says nothing there for too long is
    killed.
    """

    name: str
    command: Sequence[str]
    output: Path | None = None
    end_s: float = 5.0
    """How long it may take to end in order."""
    group: str = ""
    later_s: float = 0.0
    last: bool = False
    aside: bool = False
    told: bool = False
    locks: tuple[int, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    life: LifeSigns | None = None
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    began_s: float = 0.0
    """Of its last start, monotonic."""
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is started: who ends it waits until there is something to end."""
    failures: int = 0
    """In a row, each soon after its start."""
    was_sound: bool = False


class Supervisor:
    """``tell`` gets one line of each start and end."""

    def __init__(self, children: Sequence[Child], tell: Callable[[str], None]) -> None:
        """``children`` are ended in this order."""
        self._children = children
        self._tell = tell
        self._stopping = asyncio.Event()
        self._stopped_s: float | None = None
        self._code = 0

    def stop(self) -> None:
        """End all, in order; a second call ends them at once, unless it comes together with the first."""
        now_s = time.monotonic()
        if self._stopped_s is None:
            self._stopped_s = now_s
        elif now_s - self._stopped_s > SAME_S:
            for child in self._children:
                if child.process is not None and child.process.returncode is None:
                    child.process.kill()
        self._stopping.set()

    async def run(self) -> int:
        """Until told to stop, until the child that is ``last`` is done, or one cannot be kept running.
        Returns the exit code."""
        watchers = [asyncio.create_task(self._keep(child)) for child in self._children]
        watchers.append(asyncio.create_task(self._bound_output()))
        watchers.append(asyncio.create_task(self._keep_aside()))
        watchers.append(asyncio.create_task(self._listen()))
        for watcher in watchers:
            watcher.add_done_callback(self._watched)
        try:
            await self._stopping.wait()
            for children in self._groups():
                await asyncio.gather(*map(self._end, children))
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
        return self._code

    def _watched(self, watcher: asyncio.Task[None]) -> None:
        """Half of a topology is worse than none: what nobody starts again any more ends all."""
        if not watcher.cancelled() and (error := watcher.exception()) is not None:
            log.error("the workers are not watched any more: all end", exc_info=error)
            self._code = 1
            self._stopping.set()

    async def _bound_output(self) -> None:
        while True:
            await asyncio.sleep(PRINTED_S)
            for child in self._children:
                if child.output is None:
                    continue
                try:
                    printed.bound(child.output)
                except OSError as error:
                    log.warning("what %s prints is not bounded: %s", child.name, clean(error, 100))

    async def _keep_aside(self) -> None:
        aside = [child for child in self._children if child.aside]
        told = False
        while aside:
            for child in aside:
                if child.process is None or child.process.returncode is not None:
                    continue
                try:
                    step_aside(child.process.pid)
                except OSError as error:  # no file descriptors: the next look may have one
                    if not told:
                        told = True
                        log.warning("%s stays on its processors: %s", child.name, error.strerror)
            await asyncio.sleep(ASIDE_S)

    async def _listen(self) -> None:
        """What hangs does not end by itself, and what it owns is nobody else's until it does."""
        while True:
            await asyncio.sleep(LOOK_S)
            for child in self._children:
                life, process = child.life, child.process
                if life is None or not life.look() or process is None or process.returncode is not None:
                    continue
                life.begin()
                self._tell(f"{child.name} has given no sign of life for {life.silent_s:g} s: killed")
                process.kill()

    def _groups(self) -> list[list[Child]]:
        """In their order."""
        found: dict[str, list[Child]] = {}
        for child in self._children:
            found.setdefault(child.group or child.name, []).append(child)
        return list(found.values())

    async def _keep(self, child: Child) -> None:
        first_s = SPARE_PAUSE_S if child.group else FIRST_PAUSE_S
        pause_s = first_s
        await asyncio.sleep(child.later_s)
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._once(child)
            if self._stopping.is_set():
                return
            if self._is_the_end(child, code, time.monotonic() - began):
                self._stopping.set()
                return
            if time.monotonic() - began > SOUND_S:
                pause_s = first_s
            self._tell(f"{child.name} ended ({_ending(code)}), starts again in {pause_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MOST_PAUSE_S)

    def _is_the_end(self, child: Child, code: int, lived_s: float) -> bool:
        """Whether it is of no use to start it again, or not wanted."""
        if child.last:
            self._code = code
            return True
        if child.told and code == 0:
            self._tell(f"{child.name} was told to stop: all end")
            return True
        child.was_sound = child.was_sound or lived_s > QUICK_S
        # Who was killed did not fail.
        child.failures = child.failures + 1 if code > 0 and lived_s <= QUICK_S else 0
        if child.was_sound or child.failures < MOST_FAILURES or self._is_replaced(child):
            return False
        self._tell(
            f"{child.name} failed {child.failures} times: all end. {_last_words(child.output)}".strip()
        )
        self._code = code
        return True

    def _is_replaced(self, child: Child) -> bool:
        """Whether another one of its group works, by all that is known: that one needs no spare."""
        sound_since_s = time.monotonic() - QUICK_S
        return any(
            other is not child
            and other.group == child.group != ""
            and other.process is not None
            and other.process.returncode is None
            and other.began_s < sound_since_s
            for other in self._children
        )

    async def _once(self, child: Child) -> int:
        output: IO[bytes] | None = None
        try:
            if child.output is not None:
                output = printed.opened(child.output)
            if child.life is not None:
                child.life.begin()
            life = {} if child.life is None else child.life.environment
            async with child.starting:
                child.process = process = await asyncio.create_subprocess_exec(
                    *child.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=without_manager(dict(os.environ)) | child.environment | life,
                    start_new_session=True,
                    pass_fds=child.locks,
                    preexec_fn=partial(_begin, child.name if output is not None else "", os.getpid()),
                )
                child.starts += 1
                child.began_s = time.monotonic()
        except OSError as error:
            self._tell(f"{child.name} cannot be started: {error.strerror}")
            return 127
        finally:
            if output is not None:
                output.close()
        self._tell(f"{child.name} runs, pid {process.pid}")
        return await process.wait()

    async def _end(self, child: Child) -> None:
        async with child.starting:
            process = child.process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(child.end_s):
                await process.wait()
        except TimeoutError:
            self._tell(f"{child.name} did not end in {child.end_s:g} s: killed")
            process.kill()
            await process.wait()


def _begin(name: str, parent: int) -> None:
    """In the child: what its supervisor does not watch any more is told to end. ``name``: several runs print
    into one file, which is told when each begins; "": it is not."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if name:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with contextlib.suppress(OSError):  # a full disk keeps no child from running
            os.write(1, f"{_BEGAN}{at} {name} runs, pid {os.getpid()}, started by pid {parent}\n".encode())


def _last_words(output: Path | None) -> str:
    """The last line of what a child printed, and where the rest is."""
    if output is None:
        return ""
    try:
        with output.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError as error:
        return f"{output} cannot be read: {error.strerror}"
    said = next((line for line in reversed(lines) if line.strip() and not line.startswith(_BEGAN)), "")
    return f"It said: {clean(said, 300)} (more in {output})"


def _ending(code: int) -> str:
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name
