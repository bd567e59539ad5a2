"""Registered models as the registry's tables have them: one look at a time, in a transaction of who asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import UnknownModelError
from engine.models.artefact import Metrics
from engine.models.registry_file import decode_metrics
from engine.models.registry_history import RAN
from engine.text import clean


class Entry(msgspec.Struct, frozen=True):
    """A registered model. Times are ns since the epoch, UTC; 0: never."""

    version: str
    strategy: str
    path: str
    """Directory of the artefact."""
    sha256: str
    """Of ``model.txt``; of the whole manifest for a user's model."""
    status: str
    """inactive, active, deprecated (was active before)"""
    metric: str
    metrics: Metrics | None
    config: dict[str, int | float | str | bool]
    """The parameters it was trained with."""
    created_ns: int
    registered_ns: int
    activated_ns: int
    kind: str = "lightgbm"
    """lightgbm or user"""
    promotable: bool = True
    """False: it may only run as a shadow."""
    bar_interval_s: float = 0.0
    """0: unknown, of a format that this desk does not read."""
    horizon_bars: int = 0


class Roles(msgspec.Struct, frozen=True):
    """What a strategy's models are for, all of one moment."""

    active: Entry | None
    shadow: Entry | None
    last_good: Entry | None
    """A rollback goes to this one, if its files are still intact."""


class Rows:
    """Looks into the tables of the registry in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def active(self, db: sqlite3.Connection, strategy: str) -> Entry | None:
        row = db.execute(
            "SELECT * FROM models WHERE strategy = ? AND status = 'active'", (strategy,)
        ).fetchone()
        return None if row is None else self.row(row)

    def shadow(self, db: sqlite3.Connection, strategy: str) -> Entry | None:
        row = db.execute(
            "SELECT models.* FROM models JOIN shadows USING (version) WHERE shadows.strategy = ?", (strategy,)
        ).fetchone()
        return None if row is None else self.row(row)

    def earlier(self, db: sqlite3.Connection, strategy: str) -> Sequence[Entry]:
        """Models that were active and were not rolled back, without the active: newest activation first, and
        before all others those that a desk ran."""
        rows = db.execute(
            "SELECT models.* FROM models JOIN (SELECT version, max(id) AS last FROM activations "
            "WHERE strategy = ? AND NOT undone GROUP BY version) USING (version) "
            "WHERE status != 'active' AND promotable ORDER BY "
            "EXISTS (SELECT 1 FROM history WHERE history.version = models.version AND what = ?) DESC, "
            "last DESC",
            (strategy, RAN),
        ).fetchall()
        return [self.row(row) for row in rows]

    def entry(self, db: sqlite3.Connection, version: str) -> Entry:
        """By version or its first characters. Raises UnknownModelError when that names none, or several."""
        rows = db.execute(
            "SELECT * FROM models WHERE substr(version, 1, ?) = ? LIMIT 2", (len(version), version)
        ).fetchall()
        if len(rows) == 1 and version:
            return self.row(rows[0])
        what = "several models begin with" if rows else "no model has version"
        raise UnknownModelError(f"{what} {clean(version, 40)!r}: `tickdesk models list` shows them")

    def beyond(self, db: sqlite3.Connection, keep: int) -> Sequence[Entry]:
        """Models that are not among the ``keep`` newest of their strategy and have no role."""
        rows = db.execute("SELECT * FROM models ORDER BY registered_ns DESC, rowid DESC").fetchall()
        of: dict[str, Any] = {}
        for row in rows:
            entry = self.row(row)
            of.setdefault(entry.strategy, []).append(entry)
        beyond = []
        for strategy, entries in of.items():
            earlier = self.earlier(db, strategy)
            roles = (self.active(db, strategy), self.shadow(db, strategy), *earlier[:1])
            held = {role.version for role in roles if role is not None}
            beyond += [entry for entry in entries[max(keep, 0) :] if entry.version not in held]
        return beyond

    def row(self, row: sqlite3.Row) -> Entry:
        values: dict[str, Any] = {key: row[key] for key in row.keys()}  # noqa: SIM118 - a Row iterates its values
        values["path"] = str(self._directory / values["version"])
        values["promotable"] = bool(values["promotable"])
        values["metrics"] = decode_metrics(values["metrics"])
        values["config"] = msgspec.json.decode(values["config"])
        return Entry(**values)
