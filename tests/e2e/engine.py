"""A real engine process under test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from console.cli.client import ask
from engine.api.protocol import Health, StateFrame
from engine.errors import LinkError
from tests.conftest import ROOT

COMMAND = [sys.executable, "-m", "console"]
START_S = 60.0


def run(*arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a tickdesk command to its end."""
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout)


class RunningEngine:
    """``tickdesk --no-ui`` on ``state_dir``; a context manager that leaves no process behind."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        self.state_dir = state_dir
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.stderr = state_dir.parent / f"{state_dir.name}.stderr"

    def start(self) -> RunningEngine:
        with self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                [*COMMAND, "--no-ui", "--state-dir", str(self.state_dir), *self._options],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        self.wait_for(lambda health: health.status.phase == "running")
        return self

    def health(self) -> Health:
        return ask(self.state_dir, "GET", "/v1/health", Health)

    def state(self) -> StateFrame:
        return ask(self.state_dir, "GET", "/v1/snapshot", StateFrame)

    def wait_for(self, holds, timeout: float = START_S) -> Health:  # type: ignore[no-untyped-def]
        """The first health for which ``holds``; fails with the engine's own words."""
        assert self.process is not None
        deadline = time.monotonic() + timeout
        last: Health | None = None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                last = self.health()
                if holds(last):
                    return last
            except LinkError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"never came: {last}\n{self.stderr.read_text()[-3000:]}")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def wait(self, timeout: float = 30.0) -> int:
        assert self.process is not None
        return self.process.wait(timeout)

    def __enter__(self) -> RunningEngine:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


def options(**settings: object) -> Sequence[str]:
    """``--set`` options: options(risk__max_position_pct=10)."""
    out: list[str] = []
    for key, value in settings.items():
        out += ["--set", f"{key.replace('__', '.')}={value}"]
    return out
