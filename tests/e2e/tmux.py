"""A shell in a real tmux: keys by send-keys, the screen by capture-pane."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

from tests.conftest import ROOT
from tests.e2e.engine import environment

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
_POLL_S = 0.05
_LEFT = "left with"
"""And its exit code, when a command has ended."""


class Tmux:
    """A server of its own, with its socket in ``folder``; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path, columns: int, rows: int) -> None:
        self._tmux = ("tmux", "-S", str(folder / "tmux"), "-f", "/dev/null")
        self._size = ("-x", str(columns), "-y", str(rows))

    def __enter__(self) -> Tmux:
        # The person's own shell, editor and prompt have no say here.
        settings = environment(LANG="C.UTF-8", PS1="$ ", ENV="", PYTHONPATH=str(ROOT))
        subprocess.run(
            [*self._tmux, "-u", "new-session", "-d", *self._size, "sh"],
            cwd=ROOT,
            env=settings,
            check=True,
            timeout=20,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do("kill-server")

    def _do(self, *command: str) -> str:
        done = subprocess.run(
            [*self._tmux, *command], env=environment(), capture_output=True, text=True, timeout=20
        )
        return done.stdout

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self._do("resize-window", "-x", str(columns), "-y", str(rows))

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._do("capture-pane", "-p").splitlines()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def press(self, *keys: str) -> None:
        """Names of keys as tmux has them (``Enter``, ``Escape``, ``Left``), or characters."""
        for key in keys:
            named = re.fullmatch(r"Enter|Escape|Left|Right|Up|Down|C-[a-z]", key) is not None
            self._do("send-keys", *(() if named else ("-l",)), key)

    def tickdesk(self, *arguments: str) -> None:
        """Type a command into the shell; how it ends is said below its output."""
        self.press("clear", "Enter")
        deadline = time.monotonic() + 10.0
        while _LEFT in self.text:  # of the command before
            assert time.monotonic() < deadline, self.text
            time.sleep(_POLL_S)
        command = shlex.join([sys.executable, "-m", "console", *arguments])
        self.press(f'{command}; echo "{_LEFT[:4]}""{_LEFT[4:]} $?"', "Enter")

    def read(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait(self, holds: Callable[[str], object] | str, timeout: float = 30.0) -> str:
        """Until the screen holds the text, or ``holds`` of it; returns the screen."""
        wanted = (lambda text: holds in text) if isinstance(holds, str) else holds
        deadline = time.monotonic() + timeout
        while not wanted(text := self.text):
            if time.monotonic() > deadline or _LEFT in text:
                raise AssertionError(f"never on the screen: {holds}\n{text}")
            time.sleep(_POLL_S)
        return text
