"""How far a command is: a line on a terminal's standard error, wiped at the end; elsewhere nothing, or
the notes and a plain line a minute."""

from __future__ import annotations

import sys
import time

_WIDTH = 30
_EVERY_S = 0.1
_LINE_EVERY_S = 60.0


class Progress:
    """Entered while the command works. ``lines``: it takes long, and tells so without a terminal too."""

    def __init__(self, *, lines: bool = False) -> None:
        self._on = sys.stderr.isatty()
        self._lines = lines and not self._on
        self._next_s = time.monotonic() + _LINE_EVERY_S if self._lines else 0.0
        self._wide = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def note(self, text: str) -> None:
        if self._on or self._lines:
            self._write("")
            print(text, file=sys.stderr, flush=True)

    def progress(self, share: float) -> None:
        now_s = time.monotonic()
        if self._on and (now_s >= self._next_s):
            self._next_s = now_s + _EVERY_S
            done = round(share * _WIDTH)
            self._write(f"{'█' * done}{'░' * (_WIDTH - done)} {share:4.0%}")
        elif self._lines and now_s >= self._next_s:
            self._next_s = now_s + _LINE_EVERY_S
            print(f"{share:.0%} done", file=sys.stderr, flush=True)

    def _write(self, text: str) -> None:
        if self._on:
            print(f"\r{text:<{self._wide}}\r{text}", end="", file=sys.stderr, flush=True)
            self._wide = len(text)
