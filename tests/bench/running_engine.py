"""An engine in a process of its own, for benchmarks that look at it from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from console.cli.client import ask
from engine.api.protocol import Health
from engine.errors import LinkError
from engine.store.lock import holder
from tests.bench.machine import ROOT, child_environment, console, defaults

_START_S = 40.0
_END_S = 8.0


class RunningEngine:
    """``tickdesk --no-ui OPTIONS``, its state in ``state_dir``, else with defaults. Use it in a ``with``."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        self.state_dir = state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
        self.started_ns = time.perf_counter_ns()
        self.process = subprocess.Popen(
            console("--no-ui", "--state-dir", str(state_dir), *defaults(state_dir), *options),
            cwd=ROOT,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> RunningEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait(self, reached: Callable[[Health], bool] = lambda health: True) -> int:
        """When its health first is as ``reached`` wants it, ns of ``time.perf_counter_ns``."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the engine ended with {self.process.returncode}: {self._log()}")
            found = health(self.state_dir)
            if found is not None and reached(found):
                return time.perf_counter_ns()
            time.sleep(0.005)
        raise RuntimeError(f"the engine is not there after {_START_S:.0f} s: {self._log()}")

    def ticks(self) -> int:
        """Taken so far."""
        return ask(self.state_dir, "GET", "/v1/health", Health).status.ticks

    def _log(self) -> str:
        path = self.state_dir / "engine.log"
        return path.read_text(encoding="utf-8")[-300:] if path.exists() else "no log"


def health(state_dir: Path) -> Health | None:
    """None when nobody answers."""
    try:
        return ask(state_dir, "GET", "/v1/health", Health)
    except LinkError:
        return None


def stop(state_dir: Path) -> None:
    """End the engine that a console started for itself, and wait until its process is gone."""
    pid = holder(state_dir)
    if pid is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _END_S
        while time.monotonic() < deadline:
            if holder(state_dir) != pid:
                return
            time.sleep(0.02)


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
