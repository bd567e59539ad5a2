"""Notes of progress for a person: one line of a terminal, and few lines of anything else."""

from __future__ import annotations

import shutil
from typing import TextIO

from engine.text import clean


class OneLine:
    """On a terminal each note takes the place of the one before. Elsewhere one that differs from the one
    before in a single word is left out."""

    def __init__(self, file: TextIO, before: str = "") -> None:
        """``before``: what each line begins with."""
        self._file = file
        self._before = before
        self._on = file.isatty()
        self._last: list[str] = []

    def __call__(self, text: str) -> None:
        words, last = text.split(), self._last
        self._last = words
        line = self._before + clean(text, 1_000)
        if self._on:
            room = max(shutil.get_terminal_size().columns - 1, 20)
            line = line if len(line) <= room else f"{line[: room - 1]}…"
            print(f"\r{line:<{room}}", end="", file=self._file, flush=True)
        elif len(words) != len(last) or sum(a != b for a, b in zip(words, last, strict=True)) != 1:
            print(line, file=self._file, flush=True)

    def __enter__(self) -> OneLine:
        return self

    def __exit__(self, *exc: object) -> None:
        """Leave the terminal's line empty."""
        if self._on and self._last:
            room = max(shutil.get_terminal_size().columns - 1, 20)
            print(f"\r{'':<{room}}\r", end="", file=self._file, flush=True)
        self._last = []
