"""Files that the console writes for a person: one folder, for this user only, nothing written over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from engine.errors import TickdeskError
from engine.events import NS

FOLDER = "exports"
"""In the state directory, unless ``[console] exports`` says another."""
_MOST_SAME = 100


class ExportError(TickdeskError):
    """A file cannot be written."""


def write_file(folder: Path, name: str, ns: int, suffix: str, text: str) -> Path:
    """Write ``text`` as UTF-8 to a new file of ``folder`` (made 0700 when it is not there), 0600.

    ``name`` and the time ``ns`` are its name; two of one second get a number. Raises ExportError, one line.
    """
    stamp = datetime.fromtimestamp(ns // NS, UTC).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{''.join(ch if ch.isalnum() else '-' for ch in name.lower())[:60]}-{stamp}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in range(1, _MOST_SAME + 1):
            path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                continue
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
                    file.write(text)
            except BaseException:
                path.unlink()  # half a file is none
                raise
            return path
    except OSError as error:
        raise ExportError(f"{folder}: cannot be written: {error.strerror}; see `[console] exports`") from None
    raise ExportError(f"{folder}: too many files called {stem}{suffix}: move them away")


class Export(NamedTuple):
    """What one file is to hold. ``name`` without time and suffix."""

    name: str
    suffix: str
    text: str


@runtime_checkable
class Exportable(Protocol):
    """A screen that gives what it shows out of hand."""

    def exports(self) -> Sequence[Export]:
        """A file per table that is shown; none while there is nothing to see."""

    def copied(self) -> tuple[str, str]:
        """(what, its text) to copy: the selected row, or all that is read; ("", "") without one."""
