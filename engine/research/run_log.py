"""The file of a sweep's runs: its specification in the first line, then a line for each run as it ends.

A run is in it once the line's end is: whatever kills the process leaves at most a torn last line, which is
dropped. One process writes at a time.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

import msgspec

from engine.errors import StoreError
from engine.research.sweep_runs import Name, Run
from engine.research.sweep_spec import FORMAT, Spec, differing

FILE = "runs.jsonl"
_MOST_LINE = 64 << 20


class Head(msgspec.Struct, frozen=True):
    sha256: str
    spec: Spec


_HEAD = msgspec.json.Decoder(Head)
_RUN = msgspec.json.Decoder(Run)
_ENCODE = msgspec.json.Encoder().encode


class RunLog:
    """A sweep's file, open for writing. Raises StoreError where it belongs to another sweep or process."""

    def __init__(self, folder: Path, spec: Spec) -> None:
        self.path = folder / FILE
        self._told = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Not truncated: it is another's until it is locked.
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}; choose another --out") from None
        try:
            self._lock()
            self.runs = self._take_up(spec)
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(
                f"another process sweeps in {self.path.parent}: `tickdesk sweep show {self.path.parent}`"
                " tells how far it is"
            ) from None

    def _take_up(self, spec: Spec) -> dict[Name, Run]:
        head, runs, whole = _read(self.path)
        if head is None:
            os.ftruncate(self._file, 0)
            self._write(_ENCODE(Head(spec.sha256, spec)) + b"\n")
            self.sync()
            _sync_folder(self.path.parent)
            return {}
        if head.spec != spec:
            parts = ", ".join(differing(head.spec, spec)).replace("_sha256", "").replace("_", " ")
            raise StoreError(
                f"{self.path.parent} holds another sweep (other: {parts}): choose another --out, or remove it"
            )
        os.ftruncate(self._file, whole)
        return runs

    def add(self, run: Run) -> None:
        """Append it; of a process that is killed afterwards it stays. Raises StoreError."""
        self.runs[run.name] = run
        self._write(_ENCODE(run) + b"\n")
        self._told = True

    def sync(self) -> None:
        """Of a machine that goes down afterwards it stays too."""
        if self._told:
            os.fsync(self._file)
            self._told = False

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise StoreError(
                f"cannot write {self.path}: {error.strerror}; make room and start it again: it goes on"
            ) from None

    def close(self) -> None:
        self.sync()
        os.close(self._file)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(folder: Path) -> tuple[Spec, dict[Name, Run]]:
    """The sweep in a folder, finished or running. Raises StoreError."""
    path = folder / FILE
    if not path.is_file():
        raise StoreError(f"no sweep in {folder}: `tickdesk sweep … --out {folder}` makes one")
    head, runs, _ = _read(path)
    if head is None:
        raise StoreError(f"{path} holds nothing yet: it was only just begun")
    return head.spec, runs


def _read(path: Path) -> tuple[Head | None, dict[Name, Run], int]:
    """The first line, the runs, and how many bytes of the file are whole lines."""
    head, runs, whole = None, {}, 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_MOST_LINE), b""), start=1):
                if not line.endswith(b"\n"):
                    break
                if head is None:
                    head = _head(path, line)
                else:
                    run = _run(path, line, number)
                    runs[run.name] = run
                whole += len(line)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    return head, runs, whole


def _head(path: Path, line: bytes) -> Head:
    try:
        head = _HEAD.decode(line)
        usable = head.spec.format == FORMAT and head.spec.sha256 == head.sha256
    except (msgspec.DecodeError, ValueError):
        usable = False
    if not usable:
        raise StoreError(f"{path}: its first line is no sweep's of this version; choose another folder")
    return head


def _run(path: Path, line: bytes, number: int) -> Run:
    try:
        return _RUN.decode(line)
    except (msgspec.DecodeError, ValueError):
        raise StoreError(
            f"{path} is damaged in line {number}: remove that line, and the sweep makes its run again"
        ) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
