"""Runs of automations as they are recorded: once, one at a time, and not for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store import automations
from engine.store.automations import (
    FAILED,
    INTERRUPTED,
    STARTED,
    SUCCEEDED,
    AutomationRun,
    EndedRun,
    StoredAutomation,
)
from engine.store.store import Store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    store = Store(tmp_path / "tickdesk.db")
    store.start()
    assert store.close()
    made = sqlite3.connect(tmp_path / "tickdesk.db", isolation_level=None)
    yield made
    made.close()


def wanted(run_id: str, ns: int = 1, *, name: str = "one", symbol: str = "x:A") -> AutomationRun:
    return AutomationRun(run_id, name, "trend", symbol, STARTED, ns, 0, "")


def begin(connection: sqlite3.Connection, *runs: AutomationRun, keep: int = 100) -> frozenset[str]:
    return automations.advance((), runs, keep)(connection)


def end(connection: sqlite3.Connection, run_id: str, state: str = SUCCEEDED, *, keep: int = 100) -> None:
    automations.advance([EndedRun(run_id, state, 9, "")], (), keep)(connection)


def states(connection: sqlite3.Connection, name: str = "") -> dict[str, str]:
    return {run.run_id: run.state for run in automations.recent_runs(100, name)(connection)}


def test_one_run_at_a_time_of_an_automation_and_symbol(connection: sqlite3.Connection) -> None:
    first = begin(
        connection,
        wanted("a"),
        wanted("b"),
        wanted("c", symbol="x:B"),
        wanted("d", name="two"),
    )
    assert first == {"a", "c", "d"}
    assert begin(connection, wanted("e")) == frozenset()
    end(connection, "a")
    assert begin(connection, wanted("e")) == {"e"}
    assert states(connection, "two") == {"d": STARTED}


def test_a_recorded_run_is_never_begun_again(connection: sqlite3.Connection) -> None:
    assert begin(connection, wanted("a"), wanted("a")) == {"a"}
    end(connection, "a", FAILED)
    assert begin(connection, wanted("a")) == frozenset()
    assert states(connection) == {"a": FAILED}


def test_what_ends_makes_room_in_the_same_call(connection: sqlite3.Connection) -> None:
    begin(connection, wanted("a"))
    assert automations.advance([EndedRun("a", SUCCEEDED, 9, "")], [wanted("b")], 100)(connection) == {"b"}


def test_more_rows_than_a_statement_holds(connection: sqlite3.Connection) -> None:
    runs = [wanted(f"r{number}", symbol=f"x:{number}") for number in range(1_200)]
    assert len(begin(connection, *runs, keep=5_000)) == 1_200
    ended = [EndedRun(run.run_id, SUCCEEDED, 9, "") for run in runs]
    automations.advance(ended, (), 5_000)(connection)
    rows = connection.execute("SELECT state, COUNT(*) FROM automation_runs GROUP BY 1").fetchall()
    assert rows == [(SUCCEEDED, 1_200)]


def test_the_log_is_bounded_and_what_runs_stays(connection: sqlite3.Connection) -> None:
    begin(connection, wanted("runs", 0, name="long"))
    for number in range(1, 21):
        assert begin(connection, wanted(f"r{number:02}", number), keep=5)
        end(connection, f"r{number:02}")
    assert set(states(connection)) == {"runs", "r16", "r17", "r18", "r19", "r20"}


def test_a_start_ends_what_was_running_and_knows_the_last_starts(connection: sqlite3.Connection) -> None:
    begin(connection, wanted("a", 5), wanted("b", 6, symbol="x:B"))
    end(connection, "a")
    begin(connection, wanted("c", 7))
    last = automations.take_up(99)(connection)
    assert last == {("one", "x:A"): 7, ("one", "x:B"): 6}
    assert states(connection) == {"a": SUCCEEDED, "b": INTERRUPTED, "c": INTERRUPTED}
    assert automations.take_up(6)(connection)["one", "x:A"] == 6, "a clock that was ahead is not waited for"


def test_definitions(connection: sqlite3.Connection) -> None:
    one, two = StoredAutomation("one", "{}", True, 1), StoredAutomation("two", "{}", False, 2)
    for row in (two, one):
        automations.put(row)(connection)
    assert automations.load(connection) == [one, two]
    automations.put(StoredAutomation("one", "[]", False, 3))(connection)
    assert automations.load(connection)[0] == StoredAutomation("one", "[]", False, 3)
    assert automations.remove("one")(connection) and not automations.remove("one")(connection)
    assert automations.load(connection) == [two]


def test_a_batch_that_cannot_be_written_leaves_nothing(connection: sqlite3.Connection) -> None:
    torn = AutomationRun("b", "one", None, "x:B", STARTED, 1, 0, "")  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        begin(connection, wanted("a"), torn)
    assert states(connection) == {} and not connection.in_transaction
