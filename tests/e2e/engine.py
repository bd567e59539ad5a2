"""A real engine process under test."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from unittest import mock

from console.cli import main
from console.cli.client import ask
from engine.api.protocol import Health, StateFrame
from engine.errors import LinkError
from tests.conftest import ROOT, SHARED

COMMAND = [sys.executable, "-m", "console"]
START_S = 60.0


def environment(**more: str) -> dict[str, str]:
    """Ours, without a setting of the person who runs the tests."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TICKDESK_", "TEXTUAL"))
    }
    for name in ("NO_COLOR", "FORCE_COLOR", "TMUX", "COLUMNS", "LINES"):
        kept.pop(name, None)
    homes = {"XDG_CONFIG_HOME": "/nonexistent/config", "XDG_STATE_HOME": "/nonexistent/state"}
    return {**kept, **SHARED, **homes, **more}


def run(*arguments: str, timeout: float = 60.0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a tickdesk command to its end; ``more`` goes into its environment."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same without a process of its own, which costs more than what most commands do: for those of which
    a test gives many. Not from within a loop."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(COLUMNS="80", LINES="24"), clear=True),
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        try:
            code = main(arguments)
        except SystemExit as usage:
            code = usage.code if isinstance(usage.code, int) else 1
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def refused(
    *arguments: str, code: int, by: Callable[..., subprocess.CompletedProcess[str]] = run, **more: str
) -> str:
    """The one line with which a command that must fail ends."""
    done = by(*arguments, **more)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == "" and done.stderr.startswith("tickdesk: ")
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    return done.stderr


def stop_left_over(state_dir: Path) -> None:
    """End the engine that a console started for ``state_dir``, if one runs."""
    try:
        pid = ask(state_dir, "GET", "/v1/health", Health).pid
    except LinkError:
        return
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10.0
    while Path(f"/proc/{pid}/stat").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


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
                env=environment(),
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
