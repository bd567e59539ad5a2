"""What is found at start: damage, other versions, differences between journal and tables."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store import opening, schema
from engine.store.store import Store
from tests.store import samples


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed database with five orders."""
    path = tmp_path / "desk.sqlite"
    store = Store(path)
    store.start()
    for number in range(5):
        store.commit_now(samples.order(number))
    assert store.close()
    return path


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        Store(path).start()
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


def test_only_its_owner_can_read_the_database(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite"
    path.write_bytes(b"not a database at all, and long enough to be looked at" * 100)
    assert "damaged" in refusal(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_database_that_is_removed_while_it_is_opened_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database = opening.open_database

    def opened(where: Path, *, durable: bool) -> object:
        found = open_database(where, durable=durable)
        where.unlink()
        return found

    monkeypatch.setattr(opening, "open_database", opened)
    assert "cannot open" in refusal(path)


def test_overwritten_pages_are_refused(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for start in range(4096 * 2, len(content), 4096):
        content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    assert "damaged" in refusal(path)


def test_a_truncated_database_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 3 + 100])
    assert "damaged" in refusal(path)


def test_a_body_that_is_no_event_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO journal VALUES (31, 0, 'Fill', '', '{\"event\":\"Fill\"}')")
    assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    "change",
    [
        "json_set(body, '$.quantity', '1E+999999999')",
        "json_set(body, '$.quantity', '1E-999999999')",
        "json_set(body, '$.quantity', 'NaN')",
        "json_set(body, '$.price', 'Infinity')",
        "CAST(body AS BLOB)",
        "replace(hex(zeroblob(30000)), '0', '[')",
        "CAST(x'7bff' AS TEXT)",
    ],
)
def test_a_fill_that_nothing_can_be_made_of_is_refused(path: Path, change: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER journal_keeps_values")
        (seq,) = connection.execute("SELECT MAX(seq) FROM journal WHERE kind = 'Fill'").fetchone()
        connection.execute(f"UPDATE journal SET body = {change} WHERE seq = ?", (seq,))
    assert "restore a copy" in refusal(path)


def test_a_bug_of_ours_is_told_to_who_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr(schema, "migrate", broken)
    assert "RuntimeError" in refusal(path)


def test_a_gap_in_the_journal_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER journal_keeps_rows")
        connection.execute("DELETE FROM journal WHERE seq = 7")
    assert "29 events up to number 30" in refusal(path)


def test_the_journal_cannot_be_rewritten(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        for statement in ("DELETE FROM journal", "UPDATE journal SET ns = 0"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    assert "upgrade tickdesk" in refusal(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION + 1,)


def test_a_directory_in_its_place_is_refused(tmp_path: Path) -> None:
    assert "--state-dir" in refusal(tmp_path)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "missing" / "desk.sqlite")


def test_a_database_that_another_program_holds_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.opening.BUSY_MS", 50)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in refusal(path)
    other.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE positions SET quantity = '7'", "positions binance:BTCUSDT: quantity is 7, journal says 10"),
        ("DELETE FROM fills WHERE seq = 4", "fills 4: missing"),
        (
            "UPDATE orders SET state = 'accepted' WHERE client_order_id = 'o3'",
            "state is accepted, journal says filled",
        ),
        (
            "INSERT INTO positions VALUES ('kraken:BTC/USD', '1', '1', '0', '0', '0', 1, '0')",
            "positions kraken:BTC/USD: not in the journal",
        ),
    ],
)
def test_tables_that_differ_are_told_and_rebuilt(path: Path, change: str, told: str) -> None:
    with sqlite3.connect(path) as connection:
        before = list(connection.iterdump())
        connection.execute(change)
    store = Store(path)
    store.start()
    assert len(store.repaired) == 1 and told in store.repaired[0]
    store.close()
    with sqlite3.connect(path) as connection:
        assert list(connection.iterdump()) == before
    again = Store(path)
    again.start()
    assert again.repaired == []
    again.close()


def test_an_older_database_becomes_this_one(tmp_path: Path, path: Path) -> None:
    old = tmp_path / "old.sqlite"
    made = sqlite3.connect(old, isolation_level=None)
    schema.migrate(made, schema.MIGRATIONS[:2])
    made.execute("ATTACH ? AS source", (str(path),))
    made.execute("INSERT INTO journal SELECT * FROM source.journal")
    for table in ("orders", "fills", "positions"):
        names = ", ".join(row[1] for row in made.execute(f"PRAGMA main.table_info({table})"))
        made.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM source.{table}")
    made.close()
    store = Store(old)
    store.start()
    assert store.repaired == []
    assert store.close()
    dumps = []
    for file in (path, old):
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
            dumps.append(
                [
                    connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
                    for table in ("journal", "orders", "fills", "positions", "balances", "checkpoints")
                ]
            )
    assert dumps[0] == dumps[1]
