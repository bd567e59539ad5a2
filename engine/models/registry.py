"""The model registry: which versions exist, and which one of each strategy is active.

One SQLite file beside the artefacts (``<state>/models/registry.db``, ``<state>/models/<version>/``). Every
call opens it, runs one short transaction and closes it, so the engine, the command line and a training run
can use it at once.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import ModelError
from engine.models import artefact
from engine.models.artefact import Metrics, digest
from engine.text import clean

DATABASE = "registry.db"
BUSY_TIMEOUT_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS models (
    version TEXT PRIMARY KEY,
    strategy TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('inactive', 'active', 'deprecated')),
    metric TEXT NOT NULL,
    metrics TEXT NOT NULL,
    config TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    registered_ns INTEGER NOT NULL,
    activated_ns INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_active ON models (strategy) WHERE status = 'active';
CREATE TABLE IF NOT EXISTS activations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    strategy TEXT NOT NULL,
    version TEXT NOT NULL REFERENCES models (version),
    ns INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
) STRICT;
"""


class Entry(msgspec.Struct, frozen=True):
    """A registered model. Times are ns since the epoch, UTC; 0: never."""

    version: str
    strategy: str
    path: str
    """Directory of the artefact."""
    sha256: str
    """Of ``model.txt``."""
    status: str
    """inactive, active, deprecated (was active before)"""
    metric: str
    metrics: Metrics | None
    config: dict[str, int | float | str | bool]
    created_ns: int
    registered_ns: int
    activated_ns: int


class Registry:
    """The registry of a state directory. Raises ModelError when its file cannot be used."""

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir / "models"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(
                f"cannot use {self.directory}: {error.strerror}; choose another --state-dir"
            ) from None
        with self._transaction() as db:
            for statement in _SCHEMA.split(";\n"):
                db.execute(statement)

    def register(self, path: Path, *, now_ns: int | None = None) -> Entry:
        """Check the artefact at ``path``, take a copy into the registry's folder, and list it as inactive.

        Registering a version again changes nothing.
        """
        found = artefact.read(path)
        manifest = found.manifest
        home = self.directory / manifest.version
        if path.resolve() != home.resolve():
            artefact.write(found, home)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO models (version, strategy, sha256, status, metric, metrics, config, created_ns, "
                "registered_ns) VALUES (?, ?, ?, 'inactive', ?, ?, ?, ?, ?) ON CONFLICT (version) DO NOTHING",
                (
                    manifest.version,
                    manifest.strategy,
                    manifest.files.get(artefact.MODEL, digest(manifest)),
                    manifest.metric,
                    msgspec.json.encode(manifest.metrics).decode(),
                    msgspec.json.encode(manifest.parameters, order="sorted").decode(),
                    manifest.created_ns,
                    _now(now_ns),
                ),
            )
            return self._entry(db, manifest.version)

    def activate(self, version: str, *, now_ns: int | None = None) -> Entry:
        """Make ``version`` (or the one that begins so) the active one of its strategy, its files intact."""
        with self._transaction() as db:
            entry = self._entry(db, version)
            artefact.read(Path(entry.path))
            if entry.status != "active":
                now = _now(now_ns)
                self._switch(db, entry, now)
                db.execute(
                    "INSERT INTO activations (strategy, version, ns) VALUES (?, ?, ?)",
                    (entry.strategy, entry.version, now),
                )
            return self._entry(db, entry.version)

    def deactivate(self, strategy: str) -> Entry:
        """Leave ``strategy`` without a model; returns the one that was active."""
        with self._transaction() as db:
            entry = self._active(db, strategy)
            if entry is None:
                raise ModelError(f"no model of strategy {clean(strategy, 40)} is active")
            db.execute("UPDATE models SET status = 'deprecated' WHERE version = ?", (entry.version,))
            return self._entry(db, entry.version)

    def rollback(self, strategy: str, *, now_ns: int | None = None) -> Entry:
        """Go back to the version that was active before the last activation; again goes back further."""
        with self._transaction() as db:
            past = db.execute(
                "SELECT id, version FROM activations WHERE strategy = ? AND NOT undone "
                "ORDER BY id DESC LIMIT 2",
                (strategy,),
            ).fetchall()
            if len(past) < 2:
                raise ModelError(f"strategy {clean(strategy, 40)} has no earlier model to go back to")
            entry = self._entry(db, past[1]["version"])
            artefact.read(Path(entry.path))
            self._switch(db, entry, _now(now_ns))
            db.execute("UPDATE activations SET undone = 1 WHERE id = ?", (past[0]["id"],))
            return self._entry(db, entry.version)

    def list(self) -> list[Entry]:
        """All models, newest registration first."""
        with self._transaction() as db:
            rows = db.execute("SELECT * FROM models ORDER BY registered_ns DESC, version").fetchall()
            return [self._row(row) for row in rows]

    def active(self, strategy: str) -> Entry | None:
        """The strategy's active model."""
        with self._transaction() as db:
            return self._active(db, strategy)

    # --- inside a transaction ------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        path = self.directory / DATABASE
        try:
            with contextlib.closing(
                sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as db:
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise ModelError(
                f"the model registry {path} cannot be used: {clean(error)}; move it away to start a new one"
            ) from None

    def _active(self, db: sqlite3.Connection, strategy: str) -> Entry | None:
        row = db.execute(
            "SELECT * FROM models WHERE strategy = ? AND status = 'active'", (strategy,)
        ).fetchone()
        return None if row is None else self._row(row)

    def _entry(self, db: sqlite3.Connection, version: str) -> Entry:
        rows = db.execute(
            "SELECT * FROM models WHERE substr(version, 1, ?) = ?", (len(version), version)
        ).fetchall()
        if len(rows) == 1 and version:
            return self._row(rows[0])
        what = "several models begin with" if rows else "no model has version"
        raise ModelError(f"{what} {clean(version, 40)!r}: `tickdesk models list` shows them")

    def _switch(self, db: sqlite3.Connection, entry: Entry, now_ns: int) -> None:
        db.execute(
            "UPDATE models SET status = 'deprecated' WHERE strategy = ? AND status = 'active'",
            (entry.strategy,),
        )
        db.execute(
            "UPDATE models SET status = 'active', activated_ns = ? WHERE version = ?", (now_ns, entry.version)
        )

    def _row(self, row: sqlite3.Row) -> Entry:
        values: dict[str, Any] = {key: row[key] for key in row.keys()}  # noqa: SIM118 - a Row iterates its values
        values["path"] = str(self.directory / values["version"])
        values["metrics"] = msgspec.json.decode(values["metrics"], type=Metrics | None)
        values["config"] = msgspec.json.decode(values["config"])
        return Entry(**values)


def _now(now_ns: int | None) -> int:
    return time.time_ns() if now_ns is None else now_ns
