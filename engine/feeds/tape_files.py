"""Which files a recording goes to: one that was named, or a folder of them, a new one each day and when one
is large; there the oldest go when all of them take more than they may.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from engine.errors import TapeError
from engine.events import NS
from engine.text import clean

PART_BYTES = 512 << 20
_DAY_NS = 86_400 * NS
_OURS = re.compile(r"(?:ticks|frames-[a-z0-9-]+)-\d{8}-\d{6}(?:-\d+)?\.(?:tape|jsonl\.gz)")


def create(path: Path, what: str) -> BinaryIO:
    """A new file that only its owner can read, locked while it is open: no recorder makes room at its cost.
    Raises TapeError, also when it is there already; ``what`` it is."""
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    except FileExistsError:
        raise TapeError(f"{path} exists already: choose another name, or remove it") from None
    except OSError as error:
        raise TapeError(f"cannot write the {what} {path}: {clean(error.strerror or error)}") from None
    with contextlib.suppress(OSError):  # a file system that knows no locks
        fcntl.flock(file, fcntl.LOCK_SH)
    return file


class OneFile:
    """All of it in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def next(self, now_ns: int) -> Path:
        return self._path

    def is_over(self, size: int, now_ns: int) -> bool:
        return False


class TapeFolder:
    """Files ``<name>-<date>-<time><suffix>`` in a folder, which is made if need be.

    ``name`` is ticks, or frames-<venue>. Of the files of recordings in the folder, of whatever name, the
    oldest are removed when they take more than ``most_bytes``; no other file is touched.
    """

    def __init__(
        self, folder: Path, name: str, suffix: str, *, most_bytes: int, part_bytes: int = PART_BYTES
    ) -> None:
        self._folder = folder
        self._name = name
        self._suffix = suffix
        self._most_bytes = most_bytes
        self._part_bytes = max(min(part_bytes, most_bytes // 4), 1)
        self._day = -1

    def next(self, now_ns: int) -> Path:
        """A file that is not there yet. Raises TapeError when the folder cannot be used."""
        self._day = now_ns // _DAY_NS
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room()
            stem = f"{self._name}-{datetime.fromtimestamp(now_ns / NS, UTC):%Y%m%d-%H%M%S}"
            path, more = self._folder / f"{stem}{self._suffix}", 2
            while path.exists():
                path, more = self._folder / f"{stem}-{more}{self._suffix}", more + 1
        except OSError as error:
            raise TapeError(
                f"record.dir: cannot use {self._folder}: {clean(error.strerror or error)}"
            ) from None
        return path

    def is_over(self, size: int, now_ns: int) -> bool:
        """The file of ``size`` bytes is full, or of another day."""
        return size >= self._part_bytes or now_ns // _DAY_NS > self._day

    def _make_room(self) -> None:
        """For one more part, beside those that are still written, here or by another desk."""
        kept = [path for path in self._folder.iterdir() if _OURS.fullmatch(path.name) and path.is_file()]
        oldest_first = sorted(((path, path.stat()) for path in kept), key=lambda one: one[1].st_mtime_ns)
        ended = [(path, found.st_size) for path, found in oldest_first if not _is_open(path)]
        total = sum(size for _, size in ended) + (len(kept) - len(ended) + 1) * self._part_bytes
        for path, size in ended:
            if total <= self._most_bytes:
                return
            total -= size
            path.unlink(missing_ok=True)


def _is_open(path: Path) -> bool:
    """A recorder still writes it."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


Files = OneFile | TapeFolder
