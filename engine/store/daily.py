"""Daily runs as they are stored: a file of their own, ``daily.db``, beside the desk's database.

Not in that one: its only writer is the engine, and a daily run has to note what it does while no engine runs,
before it starts one and after it has ended. Here the one writer is whoever holds the lock of the daily run;
the engine, consoles and other commands read. Each note is one transaction, on disk when it returns: what was
noted is so after any kill.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.errors import StoreError
from engine.store import schema
from engine.store.opening import BUSY_MS

DAILY_DATABASE = "daily.db"
MIGRATIONS = ("daily.sql",)
KEPT_RUNS = 2_000
"""The oldest go."""

T = TypeVar("T", bound=msgspec.Struct)


class StoredRun(msgspec.Struct, frozen=True):
    """A row of ``runs``."""

    id: int
    day: str
    kind: str
    account: str
    dry: bool
    options: str
    """JSON."""
    state: str
    """running, done or failed; of one that is running no process may be at work: it was killed."""
    text: str
    started_ns: int
    ended_ns: int
    """0 until it is done, or has failed."""


class StoredStep(msgspec.Struct, frozen=True):
    """A row of ``steps``."""

    name: str
    state: str
    """waiting, running, done, skipped or failed."""
    attempt: int
    started_ns: int
    ended_ns: int
    text: str
    todo: str
    """What to do about a failure; "" without one."""
    product: str
    """JSON for the steps after it; "" when it made none."""


class StoredOrder(msgspec.Struct, frozen=True):
    """A row of ``orders``: one that was planned, and how far it is."""

    number: int
    plan: int
    """Which plan of the run it is of, from 1."""
    key: str
    body: bytes
    """As it is sent, byte for byte."""
    phase: str
    symbol: str
    side: str
    quantity: str
    state: str = "planned"
    """planned, sending (nobody knows whether it arrived), sent, done, denied or left (it is not sent)."""
    order_id: str = ""
    filled: str = ""
    price: str = ""
    text: str = ""
    planned_ns: int = 0
    sent_ns: int = 0
    ended_ns: int = 0


_RUN = ", ".join(StoredRun.__struct_fields__)
_STEP = ", ".join(StoredStep.__struct_fields__)
_ORDER = ", ".join(StoredOrder.__struct_fields__)


class DailyStore:
    """The writer; hold the lock. Every method raises StoreError."""

    def __init__(self, state_dir: Path) -> None:
        path = state_dir / DAILY_DATABASE
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            schema.migrate(self._connection, MIGRATIONS)
        except OSError as error:
            raise StoreError(f"cannot open {path}: {error.strerror}; choose another --state-dir") from error
        except sqlite3.Error as error:
            raise StoreError(f"cannot open {path}: {error}; move it away to start afresh") from error
        self._path = path

    def close(self) -> None:
        self._connection.close()

    # --- runs

    def run(
        self, day: str, kind: str, account: str, *, dry: bool, options: str, steps: Sequence[str], now_ns: int
    ) -> StoredRun:
        """The run of this key: as it is there, or new, with all its steps waiting."""
        key = (day, kind, account, int(dry))
        with self._writing() as db:
            known = db.execute(
                "SELECT id FROM runs WHERE day = ? AND kind = ? AND account = ? AND dry = ?", key
            ).fetchone()
            if known is None:
                number = db.execute(
                    "INSERT INTO runs (day, kind, account, dry, options, state, text, started_ns, ended_ns) "
                    "VALUES (?, ?, ?, ?, ?, 'running', '', ?, 0)",
                    (*key, options, now_ns),
                ).lastrowid
                db.executemany(
                    "INSERT INTO steps VALUES (?, ?, ?, 'waiting', 0, 0, 0, '', '', '')",
                    [(number, position, name) for position, name in enumerate(steps)],
                )
                db.execute("DELETE FROM runs WHERE id <= ?", ((number or 0) - KEPT_RUNS,))
            else:
                (number,) = known
            (row,) = _rows(db, StoredRun, f"SELECT {_RUN} FROM runs WHERE id = ?", number)  # noqa: S608
            return row

    def forget(self, run: int) -> None:
        """A dry run is made anew each time."""
        with self._writing() as db:
            db.execute("DELETE FROM runs WHERE id = ?", (run,))

    def note_run(self, run: int, state: str, text: str, ended_ns: int) -> None:
        with self._writing() as db:
            db.execute(
                "UPDATE runs SET state = ?, text = ?, ended_ns = ? WHERE id = ?", (state, text, ended_ns, run)
            )

    def note_options(self, run: int, options: str) -> None:
        with self._writing() as db:
            db.execute("UPDATE runs SET options = ? WHERE id = ?", (options, run))

    # --- steps

    def steps(self, run: int) -> list[StoredStep]:
        with self._reading() as db:
            return _steps(db, run)

    def begin_step(self, run: int, name: str, now_ns: int) -> None:
        """It is at work, once more."""
        with self._writing() as db:
            db.execute(
                "UPDATE steps SET state = 'running', attempt = attempt + 1, started_ns = ?, ended_ns = 0, "
                "text = '', todo = '' WHERE run = ? AND name = ?",
                (now_ns, run, name),
            )

    def note_progress(self, run: int, name: str, text: str) -> None:
        """What it is doing, for who looks."""
        with self._writing() as db:
            db.execute(
                "UPDATE steps SET text = ? WHERE run = ? AND name = ? AND state = 'running'",
                (text, run, name),
            )

    def retell_step(self, run: int, name: str, text: str) -> None:
        """What one came to that has ended, once more is known of it."""
        with self._writing() as db:
            db.execute("UPDATE steps SET text = ? WHERE run = ? AND name = ?", (text, run, name))

    def note_product(self, run: int, name: str, product: str) -> None:
        """What is to be known of it after a kill in its middle."""
        with self._writing() as db:
            db.execute("UPDATE steps SET product = ? WHERE run = ? AND name = ?", (product, run, name))

    def end_step(
        self,
        run: int,
        name: str,
        state: str,
        text: str,
        now_ns: int,
        *,
        todo: str = "",
        product: str | None = None,
        orders: Sequence[StoredOrder] = (),
    ) -> None:
        """How it ended, with what it made; ``orders`` that it planned are stored with it, or not at all."""
        with self._writing() as db:
            db.execute(
                "UPDATE steps SET state = ?, text = ?, todo = ?, ended_ns = ?, product = IFNULL(?, product) "
                "WHERE run = ? AND name = ?",
                (state, text, todo, now_ns, product, run, name),
            )
            if orders:
                day, dry = db.execute("SELECT day, dry FROM runs WHERE id = ?", (run,)).fetchone()
                marks = ", ".join("?" * len(StoredOrder.__struct_fields__))
                db.executemany(
                    f"INSERT INTO orders (run, day, {_ORDER}) VALUES (?, ?, {marks})",  # noqa: S608
                    [(run, day, *msgspec.structs.astuple(order)) for order in orders],
                )
                if not dry:
                    db.execute(
                        "INSERT INTO numbers VALUES (?, ?) "
                        "ON CONFLICT (day) DO UPDATE SET next = excluded.next",
                        (day, max(order.number for order in orders) + 1),
                    )

    def again(self, run: int, names: Sequence[str], now_ns: int) -> None:
        """These steps are to be done again. What was not sent of plans made by them is left."""
        with self._writing() as db:
            db.executemany(
                "UPDATE steps SET state = 'waiting', started_ns = 0, ended_ns = 0, text = '', todo = '', "
                "product = '' WHERE run = ? AND name = ?",
                [(run, name) for name in names],
            )
            if "targets" in names:
                db.execute(
                    "UPDATE orders SET state = 'left', ended_ns = ?, text = 'planned anew' "
                    "WHERE run = ? AND state = 'planned'",
                    (now_ns, run),
                )
            db.execute("UPDATE runs SET state = 'running', text = '', ended_ns = 0 WHERE id = ?", (run,))

    # --- orders

    def next_number(self, day: str) -> int:
        """The first number of the day that no order was ever planned under."""
        with self._reading() as db:
            row = db.execute("SELECT next FROM numbers WHERE day = ?", (day,)).fetchone()
            return 1 if row is None else int(row[0])

    def orders(self, run: int) -> list[StoredOrder]:
        with self._reading() as db:
            return _orders(db, run)

    def note_order(self, run: int, order: StoredOrder) -> None:
        """How far it is now."""
        with self._writing() as db:
            db.execute(
                "UPDATE orders SET state = ?, order_id = ?, filled = ?, price = ?, text = ?, sent_ns = ?, "
                "ended_ns = ? WHERE run = ? AND number = ?",
                (
                    *(order.state, order.order_id, order.filled, order.price, order.text),
                    *(order.sent_ns, order.ended_ns, run, order.number),
                ),
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        db = self._connection
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"cannot write {self._path}: {error}: free space, then run it again") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {self._path}: {error}") from error


class KeptRun(msgspec.Struct, frozen=True):
    """A run, its steps and its orders."""

    run: StoredRun
    steps: tuple[StoredStep, ...]
    orders: tuple[StoredOrder, ...]


def kept_runs(state_dir: Path, limit: int, day: str = "") -> list[KeptRun]:
    """Runs, the newest day first; of one day unless that is "". Raises StoreError."""
    path = state_dir / DAILY_DATABASE
    if not path.is_file():
        return []
    connection = None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:  # it is just being made
            return []
        if version != len(MIGRATIONS):
            raise StoreError(f"{path} is of version {version}, this tickdesk knows {len(MIGRATIONS)}")
        connection.execute("BEGIN")
        runs = _rows(
            connection,
            StoredRun,
            f"SELECT {_RUN} FROM runs WHERE ? IN ('', day) ORDER BY day DESC, id DESC LIMIT ?",  # noqa: S608
            *(day, limit),
        )
        return [
            KeptRun(run, tuple(_steps(connection, run.id)), tuple(_orders(connection, run.id)))
            for run in runs
        ]
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    finally:
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _steps(db: sqlite3.Connection, run: int) -> list[StoredStep]:
    query = f"SELECT {_STEP} FROM steps WHERE run = ? ORDER BY position"  # noqa: S608
    return _rows(db, StoredStep, query, run)


def _orders(db: sqlite3.Connection, run: int) -> list[StoredOrder]:
    query = f"SELECT {_ORDER} FROM orders WHERE run = ? ORDER BY number"  # noqa: S608
    return _rows(db, StoredOrder, query, run)


def _rows(db: sqlite3.Connection, kind: type[T], text: str, *values: Any) -> list[T]:
    return [
        msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind, strict=False)
        for row in db.execute(text, values)
    ]
