"""The machine: the state directory, its disk, SQLite there, memory, LightGBM's library, compiled kernels."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from console.doctor.finding import Finding, bad, ok, warn
from engine import processor
from engine.text import clean

LOW_BYTES, EMPTY_BYTES = 2 << 30, 200 << 20
MEMORY_BYTES = 1 << 30
OLDEST_SQLITE = (3, 37, 0)
"""Strict tables came with it."""
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs"})


def directory(path: Path) -> Finding:
    """That the state directory, or where it will be made, can be written to, and by whom it can be read."""
    what = "state directory"
    there = _existing(path)
    if not os.access(there, os.W_OK | os.X_OK):
        return bad(what, f"{path}: {there} cannot be written to", "choose another --state-dir")
    if not path.exists():
        return ok(what, f"{path}: made at the first start")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return warn(what, f"{path} has mode {mode:04o}: others may look in", f"chmod 700 {path}")
    return ok(what, str(path))


def disk(path: Path, *, mounts: Path = Path("/proc/mounts")) -> Finding:
    what = "disk"
    free = shutil.disk_usage(_existing(path)).free
    told = f"{free / 1e9:.1f} GB free"
    kind = _file_system(path, mounts)
    if kind in _REMOTE:
        return bad(
            what, f"{told}, on {kind}: its locks and its `fsync` are not to be trusted", "use a local disk"
        )
    if free < EMPTY_BYTES:
        return bad(what, told, "make room: orders are refused when the journal cannot be written")
    if free < LOW_BYTES:
        return warn(what, told, "make room: a journal and recorded ticks take some GB")
    return ok(what, told)


def sqlite(path: Path) -> Finding:
    """That a write-ahead log works there, with a write that is synced."""
    what, version = "SQLite", sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        least = ".".join(map(str, OLDEST_SQLITE))
        return bad(what, f"{version} is older than {least}", "use a Python that is built with a newer one")
    try:
        with tempfile.TemporaryDirectory(prefix="doctor-", dir=_existing(path)) as folder:
            database = sqlite3.connect(Path(folder) / "try.db")
            try:
                (mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
                database.execute("PRAGMA synchronous = FULL")
                database.execute("CREATE TABLE tried (one INTEGER) STRICT")
                database.commit()
            finally:
                database.close()
    except (sqlite3.Error, OSError) as error:
        return bad(what, f"{version}: {clean(error, 100)}", "choose a --state-dir on a local disk")
    if mode != "wal":
        return bad(what, f"{version}: no write-ahead log on this disk", "choose a local --state-dir")
    return ok(what, f"{version}, write-ahead log, synced writes")


def memory(*, told: Path = Path("/proc/meminfo")) -> Finding | None:
    """None where the machine does not say."""
    what = "memory"
    try:
        rows = dict(line.split(":", 1) for line in told.read_text().splitlines() if ":" in line)
        free = int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None
    text = f"{free / 1e9:.1f} GB available, {os.cpu_count() or 1} processors"
    if free < MEMORY_BYTES:
        return warn(what, text, "an engine and a console take about 0.5 GB, training more")
    return ok(what, text)


def processors() -> Finding | None:
    """None where the system does not tell."""
    allowed = processor.allowed_here()
    if not allowed:
        return None
    what, own = "processors", ", ".join(map(str, sorted(processor.owned(allowed))))
    if own:
        return ok(what, f"{len(allowed)}; a desk has {own} for itself")
    if len(allowed) < 2:
        advice = "give it two: what else runs then stands in front of no decision"
        return warn(what, "1: a desk shares it with its screen", advice)
    return ok(what, f"{len(allowed)}; a desk can have one for itself")


def lightgbm() -> Finding:
    """Not by importing it: that takes a second, and its library may be missing."""
    what = "LightGBM"
    if importlib.util.find_spec("lightgbm") is None:
        return warn(what, "not installed: no training", "pip install lightgbm")
    if ctypes.util.find_library("gomp") is None and ctypes.util.find_library("omp") is None:
        return warn(
            what,
            "the OpenMP library is missing: no training, models are checked without LightGBM's own word",
            "Debian: apt-get install libgomp1; macOS: brew install libomp",
        )
    return ok(what, "installed")


def looked_at(state_dir: Path) -> list[Finding]:
    found = [directory(state_dir), disk(state_dir), sqlite(state_dir), memory(), processors(), lightgbm()]
    return [finding for finding in found if finding is not None]


def _existing(path: Path) -> Path:
    """The directory itself, or the nearest one above it that is there."""
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def _file_system(path: Path, mounts: Path) -> str:
    """Its kind, by the longest mount point that holds ``path``; "" where the machine does not say."""
    try:
        rows = [line.split() for line in mounts.read_text().splitlines()]
        real = _existing(path).resolve()
        held = [(len(row[1]), row[2]) for row in rows if len(row) > 2 and real.is_relative_to(row[1])]
    except (OSError, ValueError):
        return ""
    return max(held)[1] if held else ""
