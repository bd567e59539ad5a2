"""Stored bars: one SQLite file beside the desk's database, one writer thread, each transaction one call.

A bar is replaced by one of better or the same provenance, never by a worse one. Of the same provenance the
one that was told later stands: who told it may have corrected it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from engine.errors import StoreError
from engine.events import NS
from engine.store import schema
from engine.store.bar import Bar, Span, StoredAction
from engine.store.bars_rows import BarRows
from engine.store.calls import Awaited
from engine.store.opening import BUSY_MS
from engine.text import clean

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

BARS_DATABASE = "bars.db"
"""The file of stored bars in a state directory."""
MIGRATIONS = ("bars.sql",)

BATCH = 2_000
BATCH_S = 1.0
RETRY_S = 5.0
MAX_WAITING = 100_000
DELETED_AT_ONCE = 5_000
_WAL_BYTES = 64 << 20

log = logging.getLogger("engine.bars")


class BarStore:
    """The writer. What it cannot write now (a full disk) waits, within bounds, and is tried again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error = ""
        """Why the bars that wait could not be written when it was tried last; "" when they could."""
        self.dropped = 0
        """Bars written behind that were lost because too many waited: the oldest."""
        self._waiting: deque[Bar] = deque()
        self._jobs: deque[tuple[Job[Any], Callable[[Any, StoreError | None], None]]] = deque()
        self._work = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._rows = BarRows()

    # --- life ---

    def start(self) -> None:
        """Open or make the file and start the writer. Raises ``StoreError``, one line."""
        opened: list[StoreError | None] = []
        ready = threading.Event()
        self._thread = threading.Thread(target=self._main, args=(opened, ready), name="bars", daemon=True)
        self._thread.start()
        ready.wait()
        if opened[0] is not None:
            self._thread.join()
            self._thread = None
            raise opened[0]

    def close(self, timeout: float = 10.0) -> bool:
        """Write what waits and end. False when something was lost."""
        thread = self._thread
        if thread is None:
            return True
        with self._work:
            self._closing = True
            self._work.notify_all()
        thread.join(timeout)
        return not thread.is_alive() and not self._waiting

    # --- in ---

    def behind(self, bars: Iterable[Bar]) -> None:
        """Write them within a second; a kill loses at most that. Never blocks."""
        self._waiting.extend(bars)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        if len(self._waiting) >= BATCH:
            with self._work:
                self._work.notify_all()

    def ask(self, job: Job[T], answer: Callable[[T | None, StoreError | None], None]) -> None:
        """Run ``job`` as one transaction on the writer thread; ``answer(result, error)`` is called there."""
        with self._work:
            if self._closing or self._thread is None:
                raise StoreError("the store of bars is not open")
            self._jobs.append((job, answer))
            self._work.notify_all()

    def call(self, job: Job[T], timeout: float = 60.0) -> T:
        """Run ``job`` as ``ask`` does, and wait for it. Raises ``StoreError``."""
        awaited: Awaited[T] = Awaited("the database of bars")
        self.ask(job, awaited.take)
        return awaited.result(timeout)

    def flush(self) -> None:
        """Wait until all that was given so far is written. Raises ``StoreError``."""
        self.call(lambda _connection: None)
        if self.error:
            raise StoreError(self.error)

    # --- jobs: each one transaction ---

    def page(
        self, bars: Sequence[Bar], covered: Span | None = None, *, split_adjusted: bool = False
    ) -> Job[int]:
        """Write ``bars``, and that ``covered`` was asked for and answered: both or none. Answers how many
        bars were new or changed a stored one."""

        def write(connection: sqlite3.Connection) -> int:
            changed = self._rows.put(connection, bars, split_adjusted=split_adjusted)
            if covered is not None:
                self._rows.cover(connection, covered)
            return changed

        return write

    def actions(self, symbol: str, actions: Sequence[StoredAction]) -> Job[None]:
        def write(connection: sqlite3.Connection) -> None:
            self._rows.put_actions(connection, symbol, actions)

        return write

    def forget(self, before_ns: int) -> Job[int]:
        """Delete at most 5,000 bars that begin before then; answers how many: call again until none was."""

        def delete(connection: sqlite3.Connection) -> int:
            return self._rows.forget(connection, before_ns // NS, DELETED_AT_ONCE)

        return delete

    # --- the writer's side ---

    def _main(self, opened: list[StoreError | None], ready: threading.Event) -> None:
        try:
            connection = open_bars(self.path)
        except Exception as error:
            if not isinstance(error, StoreError):  # our own bug: who waits for us must hear of it
                log.exception("the bars could not be opened")
                error = StoreError(f"cannot open {self.path}: {type(error).__name__}; see the log")
            opened.append(error)
            ready.set()
            return
        opened.append(None)
        ready.set()
        try:
            self._serve(connection)
        finally:
            connection.close()

    def _serve(self, connection: sqlite3.Connection) -> None:
        due = monotonic() + BATCH_S
        while True:
            with self._work:
                if not (self._jobs or self._closing):
                    self._work.wait(max(0.0, due - monotonic()))
                closing = self._closing
                jobs = [self._jobs.popleft() for _ in range(len(self._jobs))]
            # Before the jobs: a job sees what was given before it.
            if jobs or closing or monotonic() >= due or len(self._waiting) >= BATCH:
                well = self._write_waiting(connection)
                due = monotonic() + (BATCH_S if well else RETRY_S)
            for job, answer in jobs:
                self._answer(connection, job, answer)
            if closing and not self._jobs:
                return

    def _answer(
        self,
        connection: sqlite3.Connection,
        job: Job[T],
        answer: Callable[[T | None, StoreError | None], None],
    ) -> None:
        try:
            value = self._transact(connection, job)
        except StoreError as error:
            answer(None, error)
        except Exception as error:  # a bug of its giver's, who must hear of it; the others' jobs go on
            log.exception("a job of the bars failed")
            answer(None, StoreError(f"internal error ({type(error).__name__}), see the log"))
        else:
            answer(value, None)

    def _write_waiting(self, connection: sqlite3.Connection) -> bool:
        while self._waiting:
            # Taken one by one: the other side drops the oldest meanwhile when too many wait.
            batch = [self._waiting.popleft() for _ in range(min(BATCH * 5, len(self._waiting)))]
            try:
                self._transact(connection, self.page(batch))
            except StoreError as error:
                self._waiting.extendleft(reversed(batch))
                if str(error) != self.error:
                    log.error("%s", error)
                self.error = str(error)
                return False
        self.error = ""
        return True

    def _transact(self, connection: sqlite3.Connection, job: Job[T]) -> T:
        try:
            connection.execute("BEGIN IMMEDIATE")
            value = job(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._rows.forget_ids()
            told = clean(f"cannot write {self.path.name}: {error}; free space, or choose --state-dir", 300)
            raise StoreError(told) from error
        except BaseException:
            connection.execute("ROLLBACK")
            self._rows.forget_ids()
            raise
        return value


def open_bars(path: Path) -> sqlite3.Connection:
    """Open for writing. Raises ``StoreError``, one line that says what to do."""
    connection: sqlite3.Connection | None = None
    try:
        # SQLite would create it with the umask's rights; its -wal and -shm inherit these.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"its file system has no shared memory (journal mode {mode}): use a local --state-dir"
            )
        # A power cut may take the last bars, which can be loaded again; a kill takes none of them.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        schema.migrate(connection, MIGRATIONS)
        return connection
    except OSError as error:
        fault = f"{error.strerror}: make it writable, or choose --state-dir"
    except sqlite3.OperationalError as error:
        fault = clean(f"{error}: free space, close other programs that use it, or choose --state-dir", 300)
    except sqlite3.Error as error:
        fault = clean(f"it is damaged ({error}): move it away, its bars can be loaded again", 300)
    except StoreError as error:
        fault = str(error)
    if connection is not None:
        connection.close()
    raise StoreError(f"cannot open {path}: {fault}")
