"""The table of what was not believed: listed newest first, by symbol, reason and time, and bounded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.events import Quarantined
from engine.store import schema
from engine.store.quarantine import listed, prune
from engine.store.store import Store
from tests.store.samples import features


def row(number: int, symbol: str = "test:A", reason: str = "OUTLIER") -> Quarantined:
    return Quarantined(number, symbol, reason, "trade", f"price {number}", 0)


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(None, durable=False)
    made.start()
    yield made
    made.close()


def test_rows_come_back_newest_first_and_filtered(store: Store) -> None:
    rows = [row(1), row(2, "test:B"), row(3, reason="CROSSED"), row(4)]
    for one in rows:
        store.behind(one)
    read = store.reader().quarantine
    assert read() == rows[::-1]
    assert read(symbol="test:B") == [rows[1]]
    assert read(reason="CROSSED") == [rows[2]]
    assert read(since_ns=3) == [rows[3], rows[2]]
    assert read(symbol="test:A", reason="OUTLIER", since_ns=2) == [rows[3]]
    assert read(limit=2) == rows[:1:-1]


def test_the_oldest_go_first(store: Store) -> None:
    for number in range(20):
        store.behind(row(number))
    read, run = store.reader().quarantine, store._call
    assert run(lambda db: prune(db, 5)) == 15
    assert [one.ns for one in read()] == [19, 18, 17, 16, 15]
    assert run(lambda db: prune(db, 5)) == 0 and run(lambda db: prune(db, 0)) == 5
    store.behind(row(99))
    assert [one.ns for one in read()] == [99]


def test_an_older_database_gets_the_table_and_the_new_columns_of_features(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path, isolation_level=None)
    before = schema.MIGRATIONS[: schema.MIGRATIONS.index("market.sql")]
    schema.migrate(connection, before)
    connection.close()
    store = Store(path)
    store.start()
    store.behind(row(7))
    store.behind(features(3))
    assert store.flush()
    assert store.reader().quarantine() == [row(7)]
    assert store.close()


def test_a_database_that_no_engine_has_opened_since_lists_nothing() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, schema.MIGRATIONS[: schema.MIGRATIONS.index("market.sql")])
    assert listed(connection) == []
    connection.close()
