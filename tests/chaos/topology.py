"""Real workers over a real server, started again whenever they end, to be killed and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from engine.store.lock import holder
from engine.workers.supervisor import SPARE_PAUSE_S
from tests.conftest import ROOT
from tests.e2e.engine import environment

COMMAND = [sys.executable, "-m", "console", "worker"]
_LOOK_S = 0.02
START_S = 60.0


class Member:
    """One worker, or with ``spare`` two processes in one place: one that works, one that stands by for it.

    ``again``: what ends is started again. What is done to a member is done to the process that works.
    """

    def __init__(
        self,
        name: str,
        home: Path,
        url: str,
        command: Sequence[str],
        *,
        again: bool = True,
        spare: bool = False,
    ) -> None:
        self.name = name
        self.home = home
        self.again = again
        self.starts = 0
        self.codes: list[int] = []
        """Exit codes, by end; those of ``kill`` are negative."""
        self.process: subprocess.Popen[bytes] | None = None
        """That was started last."""
        self.output = home.parent / f"{name}.out"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._many = 2 if spare else 1
        self._start_s = 0.0
        """When the next one may be started."""
        self._url = url
        self._command = [*COMMAND, *command, "--state-dir", str(home), *(["--spare"] if spare else [])]

    def start(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=environment(TICKDESK_BUS__URL=self._url),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if not self.again else output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(self.process)
        self.starts += 1
        self._start_s = time.monotonic() + SPARE_PAUSE_S

    def keep(self) -> None:
        """Start what is missing, as the supervisor of a topology does."""
        for process in [one for one in self._processes if one.poll() is not None]:
            self._processes.remove(process)
            self.codes.append(process.returncode)
            self._start_s = time.monotonic() + (SPARE_PAUSE_S if self._many > 1 else 0.0)
        if len(self._processes) < self._many and time.monotonic() >= self._start_s:
            self.start()

    @property
    def runs(self) -> bool:
        return any(one.poll() is None for one in self._processes)

    def signal(self, number: int) -> None:
        """Nothing where it does not run."""
        alive = [one.pid for one in self._processes if one.poll() is None]
        if self._many > 1:
            alive = [pid for pid in alive if pid == holder(self.home)]
        for pid in alive:
            os.kill(pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def end(self) -> None:
        """For good."""
        self.again = False
        for process in self._processes:
            process.kill()  # one that is stopped, too
            process.wait(20)

    def told(self) -> str:
        """What it printed and logged last."""
        files = [self.output, self.home / "engine.log"]
        return "\n".join(one.read_bytes()[-3000:].decode(errors="replace") for one in files if one.exists())


class Topology:
    """A context manager; ``members`` by name."""

    def __init__(self, folder: Path, url: str, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.members: dict[str, Member] = {}
        self._url = url
        self._options = options
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def add(
        self,
        name: str,
        stage: str,
        *options: str,
        url: str = "",
        again: bool = True,
        start: bool = True,
        spare: bool = False,
    ) -> Member:
        """``again``: started again when it ends; its standard output is kept for the caller otherwise."""
        command = [stage, *self._options, *options]
        member = Member(name, self.folder / name, url or self._url, command, again=again, spare=spare)
        if start:
            member.start()
        self.members[name] = member
        return member

    def __enter__(self) -> Topology:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._keeper.join(10)
        for member in self.members.values():
            member.end()
            if member.process is not None and member.process.stdout is not None:
                member.process.stdout.close()
        if error is not None:
            for name, member in self.members.items():
                print(f"--- {name}, {member.starts} starts, ends {member.codes}\n{member.told()}")

    def named(self, *prefixes: str) -> list[Member]:
        return [one for name, one in self.members.items() if name.startswith(prefixes)]

    def _keep(self) -> None:
        while not self._ending.wait(_LOOK_S):
            for member in list(self.members.values()):
                if member.again and member.process is not None:
                    member.keep()


def until(holds: Callable[[], object], timeout: float = START_S, what: str = "it") -> float:
    """Wait for it; returns the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < timeout, f"{what} never came"
        time.sleep(0.01)
    return time.monotonic() - began
