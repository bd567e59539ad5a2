"""What became of models: a line for every change of the registry, by whom and why."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from engine.text import clean

MOST = 20_000
"""Lines that are kept."""
RAN = "first ran here"
DESK = "desk"
"""Who goes back from a model by itself."""


class Event(msgspec.Struct, frozen=True):
    ns: int
    """Since the epoch, UTC."""
    strategy: str
    version: str
    what: str
    """registered, activated, replaced, deactivated, rolled back (away from it), restored (by a rollback),
    passed over (by a rollback), first ran here, shadow, shadow ended or
    pruned."""
    who: str
    """A person, a command or the engine; "": nobody said."""
    reason: str

    @property
    def text(self) -> str:
        """One line for people."""
        when = datetime.fromtimestamp(self.ns / 1e9, UTC)
        who = f" by {self.who}" if self.who else ""
        return f"{when:%Y-%m-%d %H:%M:%S}Z  {self.what}{who}{f': {self.reason}' if self.reason else ''}"


class _Model(Protocol):
    @property
    def version(self) -> str: ...

    @property
    def strategy(self) -> str: ...


def tell(db: sqlite3.Connection, ns: int, model: _Model, what: str, who: str, reason: str) -> None:
    """Add a line, in the transaction of what it tells of."""
    added = db.execute(
        "INSERT INTO history (ns, strategy, version, what, who, reason) VALUES (?, ?, ?, ?, ?, ?)",
        (ns, model.strategy, model.version, what, clean(who, 60), clean(reason, 300)),
    )
    db.execute("DELETE FROM history WHERE id <= ?", ((added.lastrowid or 0) - MOST,))


def fell(db: sqlite3.Connection, version: str) -> bool:
    """Whether the desk went back from it by itself, and nobody has made it active since."""
    row = db.execute(
        "SELECT who, what FROM history WHERE version = ? AND what IN "
        "('activated', 'restored', 'rolled back', 'deactivated') ORDER BY id DESC LIMIT 1",
        (version,),
    ).fetchone()
    return row is not None and row["who"] == DESK and row["what"] in ("rolled back", "deactivated")


def tell_ran(db: sqlite3.Connection, ns: int, model: _Model) -> None:
    """That a desk put it to work; once is enough."""
    known = db.execute(
        "SELECT 1 FROM history WHERE version = ? AND what = ?", (model.version, RAN)
    ).fetchone()
    if known is None:
        tell(db, ns, model, RAN, DESK, "")


def chosen_by(db: sqlite3.Connection, version: str) -> str:
    """Who made it a shadow last; "": nobody said."""
    row = db.execute(
        "SELECT who FROM history WHERE version = ? AND what = 'shadow' ORDER BY id DESC LIMIT 1", (version,)
    ).fetchone()
    return "" if row is None else str(row["who"])


def events(db: sqlite3.Connection, version: str | None, strategy: str | None, limit: int) -> list[Event]:
    """Newest first; None: of all."""
    rows = db.execute(
        "SELECT ns, strategy, version, what, who, reason FROM history "
        "WHERE version = coalesce(?, version) AND strategy = coalesce(?, strategy) ORDER BY id DESC LIMIT ?",
        (version, strategy, limit),
    ).fetchall()
    return [Event(*row) for row in rows]
