"""The model registry: which versions exist, which one of each strategy is active, which one its shadow.

One SQLite file beside the artefacts (``<state>/models/registry.db``, ``<state>/models/<version>/``). Every
call opens it, runs short transactions and closes it, so the engine, the command line and a training run can
use it at once; what kills one of them in the middle leaves the state before or after, and at most a folder
that nobody names, which ``prune`` sweeps away.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.errors import ModelError, NoEarlierError
from engine.models import artefact, model_folders
from engine.models.artefact import Manifest, digest
from engine.models.registered import Entry as Entry
from engine.models.registered import Roles as Roles
from engine.models.registered import Rows
from engine.models.registry_file import RegistryFile
from engine.models.registry_history import Event, chosen_by, events, fell, tell, tell_ran
from engine.text import clean


class Registry:
    """The registry of a state directory. Raises ModelError when its file cannot be used.

    ``who`` and ``reason`` of what changes something go into its history.
    """

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir / "models"
        self._file = RegistryFile(self.directory)
        self._rows = Rows(self.directory)

    # --- looking -------------------------------------------------------------------------------------

    def list(self) -> list[Entry]:
        """All models, newest registration first."""
        with self._file.reading() as db:
            rows = db.execute("SELECT * FROM models ORDER BY registered_ns DESC, version").fetchall()
            return [self._rows.row(row) for row in rows]

    def get(self, version: str) -> Entry:
        """By version or its first characters. Raises ModelError when that names none, or several."""
        with self._file.reading() as db:
            return self._rows.entry(db, version)

    def active(self, strategy: str) -> Entry | None:
        """The strategy's active model."""
        return self.roles(strategy).active

    def shadow(self, strategy: str) -> Entry | None:
        """The model that runs beside the strategy's active one."""
        return self.roles(strategy).shadow

    def last_good(self, strategy: str) -> Entry | None:
        """The model that a rollback goes to; None: there is no earlier one."""
        return self.roles(strategy).last_good

    def earlier(self, strategy: str) -> Sequence[Entry]:
        """Where rollbacks go, one after the other: the last good model first."""
        with self._file.reading() as db:
            return self._rows.earlier(db, strategy)

    def roles(self, strategy: str) -> Roles:
        with self._file.reading() as db:
            earlier = self._rows.earlier(db, strategy)
            return Roles(
                self._rows.active(db, strategy),
                self._rows.shadow(db, strategy),
                earlier[0] if earlier else None,
            )

    def history(
        self, version: str | None = None, *, strategy: str | None = None, limit: int = 200
    ) -> Sequence[Event]:
        """What became of a model (its whole version), of a strategy's models, or of all; newest first."""
        with self._file.reading() as db:
            return events(db, version, strategy, limit)

    def fell(self, version: str) -> bool:
        """Whether the desk went back from it by itself, and nobody has made it active since (its whole
        version)."""
        with self._file.reading() as db:
            return fell(db, version)

    def shadow_by(self, strategy: str) -> str:
        """Who made the strategy's shadow one; "": nobody said, or there is none."""
        with self._file.reading() as db:
            shadow = self._rows.shadow(db, strategy)
            return "" if shadow is None else chosen_by(db, shadow.version)

    # --- changing ------------------------------------------------------------------------------------

    def register(self, path: Path, *, who: str = "", reason: str = "", now_ns: int | None = None) -> Entry:
        """Check the artefact at ``path``, take a copy into the registry's folder, and list it as inactive.

        Registering a version again changes nothing, but for files that were damaged: they are made good.
        """
        found = artefact.read(path)
        manifest = found.manifest
        home = self.directory / manifest.version
        if path.resolve() == home.resolve():
            with self._file.writing() as db:
                return self._add(db, manifest, who, reason, _now(now_ns))
        with model_folders.staged(self._file, found) as staging, self._file.writing() as db:
            known = db.execute("SELECT 1 FROM models WHERE version = ?", (manifest.version,)).fetchone()
            if known is None or not model_folders.intact(home):
                model_folders.settle(staging, home)
            return self._add(db, manifest, who, reason, _now(now_ns))

    def activate(self, version: str, *, who: str = "", reason: str = "", now_ns: int | None = None) -> Entry:
        """Make ``version`` (or the one that begins so) the active one of its strategy.

        Raises ModelError, and changes nothing, for files that are damaged and for a model that is not
        promotable. The one that was active is what a rollback goes to.
        """
        name = self.get(version).version
        self._check(name)
        with self._file.writing() as db:
            entry = self._rows.entry(db, name)
            if entry.status == "active":
                return entry
            now = _now(now_ns)
            before = self._rows.active(db, entry.strategy)
            self._switch(db, entry, now)
            db.execute(
                "INSERT INTO activations (strategy, version, ns) VALUES (?, ?, ?)",
                (entry.strategy, entry.version, now),
            )
            if before is not None:
                tell(db, now, before, "replaced", who, f"by {entry.version}")
            tell(db, now, entry, "activated", who, reason)
            return self._rows.entry(db, entry.version)

    def ran(self, version: str, *, now_ns: int | None = None) -> None:
        """A desk has put ``version`` to work: rollbacks go there before they go to what never ran."""
        with self._file.writing() as db:
            tell_ran(db, _now(now_ns), self._rows.entry(db, version))

    def deactivate(
        self,
        strategy: str,
        *,
        who: str = "",
        reason: str = "",
        bad: bool = False,
        now_ns: int | None = None,
    ) -> Entry:
        """Leave ``strategy`` without a model; returns the one that was active.

        ``bad``: no rollback returns to it.
        """
        with self._file.writing() as db:
            entry = self._rows.active(db, strategy)
            if entry is None:
                raise ModelError(f"no model of strategy {clean(strategy, 40)} is active")
            self._retire(db, strategy)
            if bad:
                self._spoil(db, entry)
            tell(db, _now(now_ns), entry, "deactivated", who, reason)
            return self._rows.entry(db, entry.version)

    def rollback(
        self,
        strategy: str,
        *,
        who: str = "",
        reason: str = "",
        bad: bool = False,
        to: str | None = None,
        now_ns: int | None = None,
    ) -> Entry:
        """Go back to the model that was active before, of those that ran on a desk where any did; again goes
        back further. ``to``: to this one of them (its whole version).

        ``bad``: no rollback returns to the one that is left, however often it was active before. One whose
        files are damaged by now is passed over, and its history says so. Raises ModelError when there is none
        to go back to.
        """
        with self._file.reading() as db:
            left, earlier = self._rows.active(db, strategy), self._rows.earlier(db, strategy)
        passed: list[tuple[Entry, str]] = []
        for entry in earlier:
            if to is not None and entry.version != to:
                continue
            try:
                self._check(entry.version)
            except ModelError as error:
                passed.append((entry, str(error)))
                continue
            return self._go_back(strategy, left, entry, passed, who, reason, bad, _now(now_ns))
        why = f" ({passed[0][1]})" if passed else ""
        raise NoEarlierError(f"strategy {clean(strategy, 40)} has no earlier model to go back to{why}")

    def set_shadow(
        self,
        version: str | None,
        strategy: str = "model",
        *,
        who: str = "",
        reason: str = "",
        now_ns: int | None = None,
    ) -> Entry | None:
        """Let ``version`` run beside the active model of ``strategy``; None: no shadow any more.

        Raises ModelError for the active model, one of another strategy, and damaged files.
        """
        name = None if version is None else self.get(version).version
        if name is not None:
            model_folders.check(self.directory / name)
        with self._file.writing() as db:
            now, before = _now(now_ns), self._rows.shadow(db, strategy)
            entry = None if name is None else self._rows.entry(db, name)
            if entry is not None:
                if entry.strategy != strategy:
                    raise ModelError(
                        f"model {entry.version} is of strategy {clean(entry.strategy, 40)}, not of "
                        f"{clean(strategy, 40)}"
                    )
                if entry.status == "active":
                    raise ModelError(f"model {entry.version} is the active one: it cannot be its own shadow")
                if before is not None and before.version == entry.version:
                    return entry
            if before is not None:
                why = reason if entry is None else f"replaced by {entry.version}"
                self._end_shadow(db, before, now, who, why)
            if entry is not None:
                db.execute("INSERT INTO shadows VALUES (?, ?, ?)", (strategy, entry.version, now))
                tell(db, now, entry, "shadow", who, reason)
            return entry

    def prune(
        self,
        keep: int,
        *,
        older_than_ns: int = 0,
        strategy: str | None = None,
        dry_run: bool = False,
        who: str = "",
        reason: str = "",
        now_ns: int | None = None,
    ) -> Sequence[Entry]:
        """Remove models with their files; returns them, with ``dry_run`` those that would go.

        Of each strategy its ``keep`` newest stay, and whatever was registered within ``older_than_ns``; the
        active one, its shadow and the last good one always do. Folders that killed processes left are swept.
        """
        now = _now(now_ns)
        with self._file.writing() as db:
            gone = [
                entry
                for entry in self._rows.beyond(db, keep)
                if strategy in (None, entry.strategy) and entry.registered_ns <= now - older_than_ns
            ]
            if dry_run:
                return gone
            for entry in gone:
                tell(db, now, entry, "pruned", who, reason)
                db.execute("DELETE FROM models WHERE version = ?", (entry.version,))
        model_folders.sweep(self._file)
        return gone

    # --- inside a transaction ------------------------------------------------------------------------

    def _check(self, version: str) -> Manifest:
        """Its files are intact and it may be active. Raises ModelError."""
        manifest = model_folders.check(self.directory / version)
        if manifest.objection:
            raise ModelError(
                f"model {version} cannot be made active: {manifest.objection}; it can run as a shadow: "
                f"`tickdesk models shadow {version}`"
            )
        return manifest

    def _add(self, db: sqlite3.Connection, manifest: Manifest, who: str, reason: str, now_ns: int) -> Entry:
        added = db.execute(
            "INSERT INTO models (version, strategy, kind, sha256, status, promotable, bar_interval_s, "
            "horizon_bars, metric, metrics, config, created_ns, registered_ns) "
            "VALUES (?, ?, ?, ?, 'inactive', ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (version) DO NOTHING",
            (
                *(manifest.version, manifest.strategy, manifest.kind),
                manifest.files[artefact.MODEL] if manifest.kind == "lightgbm" else digest(manifest),
                *(int(manifest.promotable), manifest.bar_interval_s, manifest.horizon_bars, manifest.metric),
                msgspec.json.encode(manifest.metrics).decode(),
                msgspec.json.encode(manifest.parameters, order="sorted").decode(),
                *(manifest.created_ns, now_ns),
            ),
        )
        entry = self._rows.entry(db, manifest.version)
        if added.rowcount:
            tell(db, now_ns, entry, "registered", who, reason)
        return entry

    def _go_back(
        self,
        strategy: str,
        left: Entry | None,
        entry: Entry,
        passed: Sequence[tuple[Entry, str]],
        who: str,
        reason: str,
        bad: bool,
        now_ns: int,
    ) -> Entry:
        with self._file.writing() as db:
            if self._rows.active(db, strategy) != left:
                raise ModelError(f"strategy {clean(strategy, 40)} got another model meanwhile: look again")
            entry = self._rows.entry(db, entry.version)
            self._switch(db, entry, now_ns)
            db.execute(
                "UPDATE activations SET undone = 1 WHERE strategy = ? AND id > "
                "(SELECT max(id) FROM activations WHERE strategy = ? AND version = ? AND NOT undone)",
                (strategy, strategy, entry.version),
            )
            for other, why in passed:
                tell(db, now_ns, other, "passed over", who, why)
            if left is not None:
                if bad:
                    self._spoil(db, left)
                tell(db, now_ns, left, "rolled back", who, reason)
            tell(db, now_ns, entry, "restored", who, reason)
            return self._rows.entry(db, entry.version)

    def _switch(self, db: sqlite3.Connection, entry: Entry, now_ns: int) -> None:
        self._retire(db, entry.strategy)
        db.execute(
            "UPDATE models SET status = 'active', activated_ns = ? WHERE version = ?", (now_ns, entry.version)
        )
        shadow = self._rows.shadow(db, entry.strategy)
        if shadow is not None and shadow.version == entry.version:
            self._end_shadow(db, shadow, now_ns, "", "it is the active one now")

    def _retire(self, db: sqlite3.Connection, strategy: str) -> None:
        db.execute(
            "UPDATE models SET status = 'deprecated' WHERE strategy = ? AND status = 'active'", (strategy,)
        )

    def _spoil(self, db: sqlite3.Connection, entry: Entry) -> None:
        """No rollback goes to it any more, until it is activated again."""
        db.execute(
            "UPDATE activations SET undone = 1 WHERE strategy = ? AND version = ?",
            (entry.strategy, entry.version),
        )

    def _end_shadow(self, db: sqlite3.Connection, entry: Entry, now_ns: int, who: str, why: str) -> None:
        db.execute("DELETE FROM shadows WHERE strategy = ?", (entry.strategy,))
        tell(db, now_ns, entry, "shadow ended", who, why)


def _now(now_ns: int | None) -> int:
    return time.time_ns() if now_ns is None else now_ns
