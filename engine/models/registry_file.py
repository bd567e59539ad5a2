"""The registry's SQLite file: its schema, how an older one is brought up to date, and transactions on it.

Rollback journal, not WAL: every call opens the file anew, and a process killed in the middle leaves a hot
journal that the next one rolls back.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.errors import ModelError
from engine.models import artefact
from engine.models.artefact import Metrics
from engine.text import clean

DATABASE = "registry.db"
BUSY_TIMEOUT_S = 10.0
SCHEMA_VERSION = 2
"""In ``PRAGMA user_version``; 0: empty, or of before it was counted."""

_MODELS = """
CREATE TABLE models (
    version TEXT PRIMARY KEY,
    strategy TEXT NOT NULL,
    kind TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('inactive', 'active', 'deprecated')),
    promotable INTEGER NOT NULL CHECK (promotable IN (0, 1)),
    bar_interval_s REAL NOT NULL,
    horizon_bars INTEGER NOT NULL,
    metric TEXT NOT NULL,
    metrics TEXT NOT NULL,
    config TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    registered_ns INTEGER NOT NULL,
    activated_ns INTEGER NOT NULL DEFAULT 0
) STRICT
"""
_REST = (
    "CREATE UNIQUE INDEX one_active ON models (strategy) WHERE status = 'active'",
    """
    CREATE TABLE activations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        strategy TEXT NOT NULL,
        version TEXT NOT NULL REFERENCES models (version) ON DELETE CASCADE,
        ns INTEGER NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    """
    CREATE TABLE shadows (
        strategy TEXT PRIMARY KEY,
        version TEXT NOT NULL REFERENCES models (version) ON DELETE CASCADE,
        since_ns INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE history (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL,
        strategy TEXT NOT NULL,
        version TEXT NOT NULL,
        what TEXT NOT NULL,
        who TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX history_of_version ON history (version)",
)


class RegistryFile:
    """``registry.db`` of a folder, at the newest schema. Raises ModelError when it cannot be used."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            # the state directory is private too; what is above it is not ours
            directory.parent.parent.mkdir(parents=True, exist_ok=True)
            directory.parent.mkdir(mode=0o700, exist_ok=True)
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ModelError(
                f"cannot use {directory}: {error.strerror}; choose another --state-dir"
            ) from None
        with self.reading() as db:
            version = self._version(db)
        if version < SCHEMA_VERSION:
            with self.writing() as db:
                if self._version(db) < SCHEMA_VERSION:  # another process may have been faster
                    self._upgrade(db)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One look at one state of the file."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one process at a time: durable when this returns."""
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        path = self.directory / DATABASE
        try:
            with contextlib.closing(
                sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as db:
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("PRAGMA synchronous = FULL")
                db.execute(begin)
                try:
                    yield db
                except BaseException:
                    if db.in_transaction:  # SQLite ends it by itself when the disk is full
                        db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise _refusal(path, error) from None
        except msgspec.DecodeError as error:
            raise _damaged(path, error) from None

    def _version(self, db: sqlite3.Connection) -> int:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise ModelError(
                f"the model registry {self.directory / DATABASE} is of a newer tickdesk: use that one"
            )
        return version

    def _upgrade(self, db: sqlite3.Connection) -> None:
        names = {row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        old_models: list[sqlite3.Row] = []
        old_activations: list[sqlite3.Row] = []
        if "models" in names:
            old_models = db.execute("SELECT * FROM models").fetchall()
            old_activations = db.execute("SELECT * FROM activations ORDER BY id").fetchall()
            db.execute("DROP TABLE activations")
            db.execute("DROP TABLE models")
        for statement in (_MODELS, *_REST):
            db.execute(statement)
        for row in old_models:
            self._take_over(db, row)
        known = {row["version"] for row in old_models}
        db.executemany(
            "INSERT INTO activations (strategy, version, ns, undone) VALUES (?, ?, ?, ?)",
            [
                (row["strategy"], row["version"], row["ns"], row["undone"])
                for row in old_activations
                if row["version"] in known
            ],
        )
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _take_over(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        """A row of the first schema. The rest is in the manifest, if this desk can still read it."""
        kind, promotable, interval_s, horizon, metrics = "lightgbm", False, 0.0, 0, "null"
        with contextlib.suppress(ModelError):  # a manifest of an older format: its model loads no more
            manifest = artefact.read_manifest(self.directory / row["version"])
            kind, promotable = manifest.kind, manifest.promotable
            interval_s, horizon = manifest.bar_interval_s, manifest.horizon_bars
            metrics = msgspec.json.encode(manifest.metrics).decode()
        db.execute(
            "INSERT INTO models (version, strategy, kind, sha256, status, promotable, bar_interval_s, "
            "horizon_bars, metric, metrics, config, created_ns, registered_ns, activated_ns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(row["version"], row["strategy"], kind, row["sha256"], row["status"], int(promotable)),
                *(interval_s, horizon, row["metric"], metrics, row["config"], row["created_ns"]),
                *(row["registered_ns"], row["activated_ns"]),
            ),
        )


def decode_metrics(text: str) -> Metrics | None:
    return msgspec.json.decode(text, type=Metrics | None)


def _refusal(path: Path, error: sqlite3.Error) -> ModelError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return disk_full(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ModelError(
            f"the model registry {path} is in use by another process for {BUSY_TIMEOUT_S:g} s: try again"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return ModelError(f"the model registry {path} cannot be written ({clean(error)}): check its rights")
    if code == sqlite3.SQLITE_IOERR:
        return ModelError(f"the model registry {path} cannot be read or written ({clean(error)}): try again")
    return _damaged(path, error)


def _damaged(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"the model registry {path} cannot be used: {clean(error)}; move it away to start a new one"
    )


def disk_full(path: Path) -> ModelError:
    return ModelError(f"no room to write {path}: the disk is full; free some space and do it again")


def os_refusal(path: Path, error: OSError) -> ModelError:
    """What the file system refused, one line."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    return ModelError(f"cannot write {path}: {error.strerror}; check the folder's rights")
