"""The writer: one thread owns the database; every transaction is one call on it.

Two ways in. ``commit`` is for order events, fills, risk changes and alerts: on disk before they are
acknowledged. ``behind`` is for everything that may be lost with the last batch.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, perf_counter_ns
from typing import Any, NamedTuple, TypeVar

import msgspec

from engine.errors import StoreError
from engine.events import JournalEvent, Verdict
from engine.histogram import Histogram
from engine.store import opening, recovery, rows
from engine.store.calls import Awaited, Call
from engine.store.commands import Command
from engine.store.journal import JournalWriter
from engine.store.read import BorrowedReader, Query, Reader
from engine.store.rows import Record

T = TypeVar("T")

BATCH = 2_000
BATCH_S = 0.25
MAX_WAITING = 200_000
_REPLAY_BATCH = 20_000
_COMMIT_BOUNDS_S = (1e-5, 5e-5, 1e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)

_log = logging.getLogger(__name__)


class _Commit(NamedTuple):
    first_seq: int
    events: Sequence[JournalEvent]
    done: Callable[[int], None] | None


class Store:
    """The desk's database.

    ``path``: the file (its directory exists), or None for a database in memory. ``durable=False`` is for
    replays: nothing waits for the disk, commits are written in large batches, and a crash may leave a file
    that cannot be read.

    After any failure nothing more is written or acknowledged: ``failed`` is called once, on the writer
    thread, and ``commit`` raises the same ``StoreError``.
    """

    def __init__(self, path: Path | None, *, durable: bool = True) -> None:
        self.path = path
        self.durable = durable
        self.last_seq = 0
        """The newest sequence number handed out."""
        self.dropped_records = 0
        """Write-behind records lost because more than 200,000 waited."""
        self.beats = 0
        """Rises while the writer gets on, four times a second at least; not while a disk hangs."""
        self.commit_times = Histogram(_COMMIT_BOUNDS_S)
        """Of each transaction of the journal, until the disk said that it holds it."""
        self.repaired: list[str] = []
        """Where the tables differed from the journal at start, one line each; they were rebuilt from it."""
        self.failed: Callable[[StoreError], None] | None = None
        self.error: StoreError | None = None
        self._file: os.stat_result | None = None
        """What was opened at ``path``."""
        self._settings: dict[str, Any] = {}
        self._batch = BATCH if durable else _REPLAY_BATCH
        self._waiting: deque[Record] = deque()
        self._foremost: deque[Verdict | Command] = deque()
        self._commits: deque[_Commit] = deque()
        self._changed_settings: dict[str, str] = {}
        self._jobs: deque[Call] = deque()
        self._swift: deque[Call] = deque()
        self._asked: list[Call] = []
        self._writing = 0
        self._closing = False
        self._work = threading.Condition()
        self._nudged = False
        self._thread: threading.Thread | None = None

    # --- opening and closing -------------------------------------------------------------------------

    def start(self) -> None:
        """Open, migrate, check against the journal, and start the writer.

        Raises ``StoreError`` (one line) when the database is unreadable, corrupt, newer, read-only or full.
        """
        opened: list[StoreError | None] = []
        ready = threading.Event()
        self._thread = threading.Thread(target=self._main, args=(opened, ready), name="store", daemon=True)
        self._thread.start()
        ready.wait()
        if opened[0] is not None:
            self._thread.join()
            raise opened[0]

    def recover(self) -> list[JournalEvent]:
        """The whole journal in order of sequence, without verdicts; its length is ``last_seq``."""
        return self._call(recovery.events)

    def reader(self) -> Reader:
        """Queries; of a file over a read-only connection of its own."""
        return Reader(self.path) if self.path is not None else BorrowedReader(self._call)

    def close(self, timeout: float = 10.0) -> bool:
        """Write what waits, end the writer and close the database. False when something was lost."""
        thread = self._thread
        if thread is None:
            return True
        with self._work:
            self._closing = True
            self._work.notify_all()
        thread.join(timeout)
        return not thread.is_alive() and self.error is None

    # --- writing -------------------------------------------------------------------------------------

    def commit(self, events: Sequence[JournalEvent], done: Callable[[int], None] | None = None) -> list[int]:
        """Number ``events`` and write them; returns their sequence numbers at once.

        ``done(last of them)`` is called on the writer thread when they are on disk. Raises ``StoreError``
        after a failure.
        """
        with self._work:
            self._refuse()
            if not events:
                raise ValueError("a commit needs at least one event")
            first = self.last_seq + 1
            self.last_seq += len(events)
            self._commits.append(_Commit(first, tuple(events), done))
            if self.durable or done is not None or len(self._commits) >= self._batch:
                self._work.notify_all()
            return list(range(first, self.last_seq + 1))

    def commit_now(self, events: Sequence[JournalEvent]) -> list[int]:
        """Number and write ``events``; when durable, they are on disk when it returns.

        When not durable, they are written with the next batch. Raises ``StoreError`` after a failure.
        """
        if not self.durable:
            return self.commit(events)
        written = threading.Event()
        seqs = self.commit(events, lambda _seq: written.set())
        with self._work:
            # The writer notifies after every transaction and when it fails.
            self._work.wait_for(lambda: written.is_set() or self.error is not None)
        if not written.is_set():
            self._refuse()
        return seqs

    def behind(self, record: Record) -> None:
        """Write ``record`` with the next batch: within 250 ms, or when 2,000 wait.

        A verdict and a command are written at the latest with the next commit, so that no order is on disk
        without them.
        """
        kind = type(record)
        if kind is Verdict or kind is Command:
            self._foremost.append(record)  # type: ignore[arg-type]
            return
        waiting = self._waiting
        waiting.append(record)
        if len(waiting) >= self._batch:
            self._nudge()

    def put_setting(self, key: str, value: Any) -> None:
        """Keep ``value`` (anything JSON can say) across restarts. Raises ``StoreError`` after a failure."""
        text = msgspec.json.encode(value).decode()
        with self._work:
            self._refuse()
            self._settings[key] = msgspec.json.decode(text)
            self._changed_settings[key] = text
            self._work.notify_all()

    def settings(self) -> dict[str, Any]:
        """All settings, as last put."""
        with self._work:
            return dict(self._settings)

    def ask(
        self,
        query: Query[T],
        answer: Callable[[T | None, Exception | None], None],
        *,
        swift: bool = False,
    ) -> None:
        """Run ``query`` on the writer thread after everything given so far; it may write.

        ``swift``: it does not wait for what is written behind, and may not see it. ``answer(result, error)``
        is called there, one of the two being None. Raises ``StoreError`` after a failure.
        """
        with self._work:
            self._refuse()
            (self._swift if swift else self._jobs).append(Call(query, answer))
            self._work.notify_all()

    @property
    def pending(self) -> int:
        """Records, events and settings that are not in the database yet."""
        waiting = len(self._waiting) + len(self._foremost) + len(self._changed_settings) + self._writing
        return waiting + sum(len(commit.events) for commit in tuple(self._commits))

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until everything given so far is written. False when it is not."""
        try:
            self._call(lambda _connection: None, timeout)
        except StoreError:
            return False
        return True

    # --- the writer's side -----------------------------------------------------------------------------

    def _refuse(self) -> None:
        if self.error is not None:
            # Made anew: one error would keep the frames of all who were refused, as long as the engine lives.
            raise StoreError(str(self.error))
        if self._closing or self._thread is None:
            raise StoreError("the store is not open")

    def _nudge(self) -> None:
        """Wake the writer for a full batch, once; bound what waits when it cannot keep up."""
        if not self._nudged:
            self._nudged = True
            with self._work:
                self._work.notify_all()
        waiting = self._waiting
        if len(waiting) > MAX_WAITING:
            if not self.durable and self.error is None:
                self.flush(60.0)
            while len(waiting) > MAX_WAITING:
                waiting.popleft()
                self.dropped_records += 1

    def _call(self, query: Query[T], timeout: float = 60.0) -> T:
        """Run ``query`` on the writer thread after everything given so far, and return its result."""
        awaited: Awaited[T] = Awaited("the database")
        self.ask(query, awaited.take)
        return awaited.result(timeout)

    def _main(self, opened: list[StoreError | None], ready: threading.Event) -> None:
        try:
            connection, state = opening.open_database(self.path, durable=self.durable)
            self._file = None if self.path is None else self.path.stat()
        except Exception as error:
            if not isinstance(error, StoreError):  # our own bug: who waits for us must hear of it
                _log.exception("the database could not be opened")
                error = StoreError(
                    f"cannot open {self.path or 'memory'}: {type(error).__name__}; see the log"
                )
            opened.append(error)
            ready.set()
            return
        _, self.last_seq, self._settings, self.repaired = state
        opened.append(None)
        ready.set()
        try:
            self._serve(connection, state.journal)
            state.journal.close(connection)
        except Exception as error:
            self._fail(error)
        finally:
            connection.close()

    def _serve(self, connection: sqlite3.Connection, journal: JournalWriter) -> None:
        due = monotonic() + BATCH_S
        while True:
            self.beats += 1
            with self._work:
                if not self._has_work():
                    self._work.wait(max(0.0, due - monotonic()))
                closing = self._closing
                # Taken before the commits and answered after them: a job sees all that was given before it.
                swift = len(self._swift)
                self._asked = [*self._swift, *self._jobs]
                self._swift.clear()
                self._jobs.clear()
                commits = [self._commits.popleft() for _ in range(len(self._commits))]
                settings, self._changed_settings = self._changed_settings, {}
                self._nudged = False
                self._writing = sum(len(commit.events) for commit in commits) + len(settings)
            self._commit(connection, journal, commits, settings)
            for _ in range(swift):
                self._asked.pop(0).do(connection)
            now = monotonic()
            if now >= due or self._asked or closing or len(self._waiting) >= self._batch:
                self._write_behind(connection)
                due = now + BATCH_S
            while self._asked:
                self._asked.pop(0).do(connection)
            if closing and not (self._commits or self._jobs or self._swift):
                return

    def _has_work(self) -> bool:
        if self._jobs or self._swift or self._changed_settings or self._closing:
            return True
        if self._commits and self.durable:
            return True
        return len(self._waiting) >= self._batch or len(self._commits) >= self._batch

    def _commit(
        self,
        connection: sqlite3.Connection,
        journal: JournalWriter,
        commits: list[_Commit],
        settings: dict[str, str],
    ) -> None:
        if not commits and not settings:
            return
        foremost = [self._foremost.popleft() for _ in range(len(self._foremost))]
        began = perf_counter_ns()
        connection.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'OFF'}")
        connection.execute("BEGIN IMMEDIATE")
        rows.write(connection, foremost)
        journal.write(connection, ((commit.first_seq, commit.events) for commit in commits))
        rows.insert(
            connection,
            "settings",
            ("key", "value"),
            list(settings.items()),
            "ON CONFLICT DO UPDATE SET value = excluded.value",
        )
        connection.execute("COMMIT")
        self._require_file()
        self.commit_times.add(perf_counter_ns() - began)
        for commit in commits:
            if commit.done is not None:
                self._acknowledge(commit.done, commit.first_seq + len(commit.events) - 1)
        with self._work:
            self._writing = 0
            self._work.notify_all()

    @property
    def is_in_place(self) -> bool:
        """Whether its file is still where it was opened."""
        if self.path is None or self._file is None:
            return True
        try:
            return os.path.samestat(self.path.stat(), self._file)
        except OSError:
            return False

    def _require_file(self) -> None:
        """What was written to a file that nobody will find is not kept. Raises StoreError."""
        if not self.is_in_place:
            raise StoreError(
                f"{self.path} was removed, moved or replaced while it was in use: end this process, put back "
                "what was there, and start again"
            )

    def _acknowledge(self, done: Callable[[int], None], seq: int) -> None:
        try:
            done(seq)
        except Exception:
            # The events are on disk; that their giver cannot hear of it any more must not stop the others.
            _log.exception("nobody took the acknowledgement of event %d", seq)

    def _write_behind(self, connection: sqlite3.Connection) -> None:
        left = len(self._waiting)
        while left or self._foremost:
            foremost = [self._foremost.popleft() for _ in range(len(self._foremost))]
            # Fewer may be left than counted: the other side drops the oldest when too many wait.
            batch = [self._waiting.popleft() for _ in range(min(left, len(self._waiting), _REPLAY_BATCH))]
            left = left - len(batch) if batch else 0
            self._writing = len(batch) + len(foremost)
            connection.execute(f"PRAGMA synchronous = {'NORMAL' if self.durable else 'OFF'}")
            connection.execute("BEGIN IMMEDIATE")
            rows.write(connection, foremost)
            rows.write(connection, batch)
            connection.execute("COMMIT")
            self._writing = 0
            self.beats += 1
            if self._commits and self.durable and not self._asked:
                return  # orders do not wait for a backlog

    def _fail(self, error: Exception) -> None:
        """Fail closed: nothing after this is written or acknowledged."""
        if isinstance(error, StoreError):
            fault = error
        else:
            where = self.path or "memory"
            advice = "free space or repair the disk"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                advice = f"another program held it for {opening.BUSY_MS / 1000:g} s, end that"
            fault = StoreError(f"cannot write {where}: {error}; {advice}, then restart the engine")
        _log.error("%s", fault, exc_info=None if isinstance(error, sqlite3.Error | StoreError) else error)
        with self._work:
            self.error = fault
            jobs = [*self._asked, *self._swift, *self._jobs]
            self._work.notify_all()
        for job in jobs:
            job.answer(None, fault)
        if self.failed is not None:
            self.failed(fault)
