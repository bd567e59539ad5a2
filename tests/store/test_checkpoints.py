"""A long journal is compared from its last checkpoint on; whatever does not fit there, from the beginning."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.events import Funding, LimitChange, OrderState
from engine.store import checkpoints, compare, opening
from engine.store.chain_audit import CHAIN
from engine.store.store import Store
from engine.store.verify import verify
from tests.store import samples

EVERY = 40


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of more than 20 events is long; a checkpoint is due every 40."""
    monkeypatch.setattr(checkpoints, "EVERY", EVERY)
    monkeypatch.setattr(opening, "COMPARED_WHOLE", 20)


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Told of each fold of the whole journal."""
    whole: list[str] = []

    def count(connection: sqlite3.Connection) -> object:
        whole.append("whole")
        return compare.fold_journal(connection)

    monkeypatch.setattr(opening, "fold_journal", count)
    return whole


def fill_up(store: Store, first: int, last: int) -> None:
    for number in range(first, last):
        store.commit_now(samples.order(number))
    # One stays open, and there is money beside the fills.
    store.commit_now(
        [
            samples.transition(10_000 + last, OrderState.INITIALIZED, samples.request(10_000 + last)),
            samples.transition(10_000 + last, OrderState.SUBMITTED),
            Funding(f"f{last}", samples.SYMBOL, Decimal("-0.25"), "USDT", 0.0001, last),
            LimitChange("desk", "max_position_pct", "20", str(last), "me", last),
        ]
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that was killed some events after its last checkpoint."""
    path = tmp_path / "desk.sqlite"
    store = Store(path)
    store.start()
    fill_up(store, 0, 30)
    killed = tmp_path / "killed.sqlite"
    with sqlite3.connect(path) as source, sqlite3.connect(killed) as target:
        source.backup(target)
    assert store.close()
    with sqlite3.connect(killed) as connection:
        last, seq = connection.execute(
            "SELECT (SELECT MAX(seq) FROM journal), (SELECT MAX(seq) FROM checkpoints)"
        ).fetchone()
        assert 0 < last - seq < EVERY
    return killed


def opened(path: Path) -> Store:
    store = Store(path)
    store.start()
    return store


def test_a_start_folds_the_tail_alone(path: Path, folded: list[str]) -> None:
    store = opened(path)
    assert store.repaired == [] and folded == []
    fill_up(store, 30, 50)
    assert store._call(compare.verify) == []
    assert store.close() and folded == []
    again = opened(path)
    assert again.repaired == [] and folded == []
    assert again._call(compare.verify) == []
    assert again.reader().limits()[0].value == "50"
    assert again.reader().balances()[1].funding == "-0.50"
    again.close()


def test_it_goes_on_as_if_all_had_been_folded(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as source, sqlite3.connect(other) as target:
        source.backup(target)
    tail = opened(path)
    monkeypatch.setattr(opening, "COMPARED_WHOLE", 10**9)
    whole = opened(other)
    for store in (tail, whole):
        # A late fill of an order that ended before the checkpoint, and one that is booked already.
        store.commit_now([samples.fill(1, 7), samples.fill(2, 1)])
        fill_up(store, 30, 45)
        assert store.close()
    dumps = []
    for file in (path, other):
        with sqlite3.connect(file) as connection:
            dumps.append([line for line in connection.iterdump() if "checkpoints" not in line])
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE positions SET quantity = '7'", "quantity is 7"),
        ("UPDATE balances SET fees = '0'", "fees is 0"),
        ("DELETE FROM fills WHERE seq = (SELECT MAX(seq) FROM fills)", "missing"),
        ("UPDATE orders SET state = 'filled' WHERE state = 'submitted'", "state is filled"),
        ("UPDATE orders SET filled = '1' WHERE state = 'submitted'", "filled is 1"),
        ("UPDATE limits SET value = '99'", "value is 99"),
        ("UPDATE checkpoints SET body = '{}' WHERE seq = (SELECT MAX(seq) FROM checkpoints)", "made anew"),
        ("UPDATE checkpoints SET body = '' WHERE seq = (SELECT MAX(seq) FROM checkpoints)", "made anew"),
        (
            "UPDATE checkpoints SET digest = 'x' WHERE seq = (SELECT MAX(seq) FROM checkpoints)",
            "does not fit",
        ),
    ],
)
def test_what_differs_is_told_and_rebuilt_from_the_whole_journal(
    path: Path, folded: list[str], change: str, told: str
) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(change)
    store = opened(path)
    assert len(store.repaired) == 1 and told in store.repaired[0]
    assert folded == ["whole"]
    assert store._call(compare.verify) == []
    store.close()


def test_one_of_another_version_is_passed_over(path: Path, folded: list[str]) -> None:
    with sqlite3.connect(path) as connection:
        last = checkpoints.newest(connection, 1)[0]
        body = '{"positions": [], "of_another_version": 1}'
        seal = checkpoints._seal(last.digest, body)
        connection.execute("UPDATE checkpoints SET body = ?, seal = ? WHERE seq = ?", (body, seal, last.seq))
        assert checkpoints.newest(connection, 1)[0].whole
    store = opened(path)
    assert len(store.repaired) == 1 and "made anew" in store.repaired[0]
    assert folded == ["whole"] and store._call(compare.verify) == []
    fill_up(store, 30, 60)
    assert store.close()
    again = opened(path)
    assert again.repaired == [] and folded == ["whole"], "the next one is taken up"
    again.close()


@pytest.mark.parametrize("text", ["'x', 'x', '{}'", "x'ff', x'ff', x'ff'"])
def test_one_beyond_the_journal_is_removed(path: Path, folded: list[str], text: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"INSERT INTO checkpoints VALUES (99999, {text})")
    store = opened(path)
    assert store.repaired and "beyond" in store.repaired[0] and folded == []
    fill_up(store, 30, 60)
    assert store.close()
    again = opened(path)
    assert again.repaired == [] and folded == []
    again.close()


def fitting(connection: sqlite3.Connection) -> bool:
    return next(one.ok for one in verify(connection) if one.name == CHAIN)


@pytest.mark.parametrize("which", ["MIN", "MAX"])
@pytest.mark.parametrize("change", ["body = '{}'", "body = body || ' '", "seal = 'x'"])
def test_a_damaged_one_is_made_anew_so_that_a_verification_holds_again(
    path: Path, which: str, change: str
) -> None:
    with sqlite3.connect(path) as connection:
        before = connection.execute("SELECT * FROM checkpoints").fetchall()
        assert len(before) > 1
        connection.execute(
            f"UPDATE checkpoints SET {change} WHERE seq = (SELECT {which}(seq) FROM checkpoints)"
        )
        connection.commit()
        assert not fitting(connection)
    store = opened(path)
    assert len(store.repaired) == 1 and "made anew" in store.repaired[0]
    assert store.close()
    with sqlite3.connect(path) as connection:
        assert fitting(connection)
    again = opened(path)
    assert again.repaired == []
    again.close()


def test_what_is_no_text_fits_nothing(path: Path, folded: list[str]) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE checkpoints SET digest = x'ff', body = x'ff'")
    store = opened(path)
    assert len(store.repaired) == 1 and folded == ["whole"]
    store.close()


@pytest.mark.parametrize(
    "edit", ["DELETE FROM journal WHERE seq = {0}", "UPDATE journal SET seq = 999 WHERE seq = {0}"]
)
def test_a_gap_after_the_checkpoint_is_refused(path: Path, edit: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER journal_keeps_rows")
        connection.execute("DROP TRIGGER journal_keeps_values")
        (last,) = connection.execute("SELECT MAX(seq) FROM journal").fetchone()
        connection.execute(edit.format(last - 2))
    with pytest.raises(StoreError, match="damaged"):
        Store(path).start()


def test_events_before_the_checkpoint_that_were_changed_are_told(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER journal_keeps_values")
        (seq,) = connection.execute("SELECT MAX(seq) FROM checkpoints").fetchone()
        connection.execute(
            "UPDATE journal SET body = replace(body, '100.1', '100.2') WHERE seq > ? - 8", (seq,)
        )
    store = opened(path)
    assert any("does not fit" in text for text in store.repaired)
    store.close()


def test_bodies_of_old_checkpoints_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "BODIES_KEPT", 3)
    store = opened(tmp_path / "desk.sqlite")
    fill_up(store, 0, 60)
    rows = store._call(lambda c: c.execute("SELECT body <> '' FROM checkpoints ORDER BY seq").fetchall())
    assert len(rows) >= 7 and [kept for (kept,) in rows] == [0] * (len(rows) - 3) + [1] * 3
    store.close()


def test_a_replay_keeps_no_checkpoints(tmp_path: Path) -> None:
    store = Store(tmp_path / "replay.sqlite", durable=False)
    store.start()
    fill_up(store, 0, 60)
    assert store.flush()
    assert store._call(lambda c: c.execute("SELECT COUNT(*) FROM checkpoints").fetchone()) == (0,)
    store.close()
