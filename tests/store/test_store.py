"""The writer: durable commits, batches behind, failure, and what a reader sees."""

from __future__ import annotations

import math
import shutil
import sqlite3
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from engine.errors import StoreError
from engine.events import NS, Alert, Fill, OrderEvent, OrderState, RiskChange, RiskState, Side
from engine.store import read
from engine.store import store as store_module
from engine.store.codec import encode
from engine.store.compare import verify
from engine.store.rows import CurrencyPoint, EquityPoint, PositionPoint
from engine.store.store import Store
from tests.store import samples


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    opened.start()
    yield opened
    opened.close()


def limit_pages(store: Store, more: int) -> None:
    """A disk that takes ``more`` pages and is full then."""

    def limit(connection: sqlite3.Connection) -> None:
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {used + more}")

    store._call(limit)


def test_bodies_are_those_of_the_kinds_asked_for_page_by_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_PAGE", 2)
    alert = Alert("warning", "test", "text", 1)
    events = [*samples.order(1), alert, *samples.order(2), alert]
    store.commit_now(events)
    reader = store.reader()
    kept = [event for event in events if isinstance(event, (OrderEvent, Fill))]
    assert list(reader.bodies(OrderEvent, Fill)) == [encode(event) for event in kept]
    assert list(reader.bodies(Alert)) == [encode(alert)] * 2
    assert list(reader.bodies(RiskChange)) == []
    reader.close()


def test_a_commit_is_on_disk_when_it_is_acknowledged(store: Store, path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    acknowledged = threading.Event()

    def done(seq: int) -> None:
        with sqlite3.connect(path) as other:
            (count,) = other.execute("SELECT COUNT(*) FROM journal").fetchone()
        seen.append((seq, count, threading.current_thread().name))
        acknowledged.set()

    assert store.commit(samples.order(1), done) == [1, 2, 3, 4, 5, 6]
    assert acknowledged.wait(10)
    assert seen == [(6, 6, "store")]


def test_orders_wait_for_the_disk_and_signals_do_not(store: Store) -> None:
    statements: list[str] = []
    store._call(lambda connection: connection.set_trace_callback(statements.append))
    store.behind(samples.signal(1))
    assert store.flush()
    behind, statements[:] = list(statements), []
    store.commit_now(samples.order(1))
    for traced, mode in ((behind, "NORMAL"), (statements, "FULL")):
        kept = [text for text in traced if text.startswith(("PRAGMA", "BEGIN", "COMMIT"))]
        assert kept[:3] == [f"PRAGMA synchronous = {mode}", "BEGIN IMMEDIATE", "COMMIT"]


def test_a_reader_cannot_write(store: Store) -> None:
    reader = store.reader()
    with pytest.raises(StoreError, match="readonly"):
        reader._rows("DELETE FROM settings")
    reader.close()
    with pytest.raises(StoreError, match="closed"):
        reader.last_seq()


def test_a_copy_of_a_closed_stores_file_alone_has_everything(
    store: Store, path: Path, tmp_path: Path
) -> None:
    reader = store.reader()  # one that nobody closes, as of who is still asked something
    seqs = store.commit_now(samples.order(0))
    assert reader.last_seq() == seqs[-1]
    store.commit_now(samples.order(1))
    assert store.close()
    copy = Path(shutil.copy(path, tmp_path / "copy.sqlite"))
    copied = read.Reader(copy)
    assert copied.last_seq() == reader.last_seq() > seqs[-1]
    copied.close()
    reader.close()


def test_waiting_commits_are_numbered_and_acknowledged_in_order(store: Store) -> None:
    acknowledged: list[int] = []
    given = [store.commit(samples.order(n), acknowledged.append) for n in range(20)]
    assert store.flush()
    assert [seq for seqs in given for seq in seqs] == list(range(1, 121))
    assert acknowledged == list(range(6, 121, 6))
    assert store.last_seq == 120 and store.pending == 0


def test_a_restart_recovers_every_event_as_it_was(path: Path, store: Store) -> None:
    events = [
        *samples.order(1),
        RiskChange(RiskState.HALTED, RiskState.ACTIVE, "kill switch", "me", 7),
        Alert("warning", "feeds", "stale", 8),
    ]
    store.commit_now(events)
    assert store.close()
    again = Store(path)
    again.start()
    assert again.recover() == events
    assert again.last_seq == 8 and again.repaired == []
    assert again.commit_now(samples.order(2))[0] == 9
    assert again.close()


def test_a_price_that_was_unknown_stays_unknown(store: Store) -> None:
    order = msgspec.structs.replace(samples.request(1), decision_price=math.nan)
    store.commit_now(
        [samples.transition(1, OrderState.INITIALIZED, order), samples.transition(1, OrderState.SUBMITTED)]
    )
    first, second = store.recover()
    assert math.isnan(first.request.decision_price)
    assert second == samples.transition(1, OrderState.SUBMITTED)


def test_the_tables_follow_from_the_journal(store: Store) -> None:
    store.commit_now(samples.order(1))
    store.commit_now([samples.transition(2, OrderState.INITIALIZED, samples.request(2, Side.SELL, "5"))])
    store.commit_now([samples.fill(2, 0, Side.SELL, "3", "101")])
    reader = store.reader()
    first, second = reader.order("o1"), reader.order("o2")
    assert (first.state, first.filled, first.notional, first.fees) == ("filled", "2", "200.4", "0.2")
    assert (second.state, second.filled) == ("partially_filled", "3")
    (position,) = reader.positions()
    assert (position.quantity, position.entry_price, position.realized) == ("-1", "101", "1.6")
    assert (position.notional, position.fees, position.updated_seq) == ("102.6", "0.3", 8)
    assert [order.client_order_id for order in reader.recent_orders()] == ["o2", "o1"]
    assert [fill.trade_id for fill in reader.fills_of(samples.SYMBOL, 2)] == ["t2.0", "t1.1"]
    assert not reader.fills_of("binance:ETHUSDT")
    assert [fill.trade_id for fill in reader.fills("o1")] == ["t1.0", "t1.1"]
    assert [event.state for event in reader.order_events("o1")] == [
        "initialized",
        "submitted",
        "accepted",
        "filled",
    ]
    assert [seq for seq, _ in reader.events_since(5, 2)] == [6, 7]
    reader.close()
    assert store._call(verify) == []


def test_a_fill_seen_twice_counts_once_also_after_its_order_ended(store: Store) -> None:
    store.commit_now(samples.order(1))
    store.commit_now([samples.fill(1, 1)])
    reader = store.reader()
    assert reader.order("o1").filled == "2"
    assert reader.counts()["fills"] == 2 and reader.counts()["journal"] == 7
    assert store._call(verify) == []


def test_an_ended_order_that_is_heard_of_again_keeps_what_was_known(store: Store) -> None:
    store.commit_now([*samples.order(1)[:4], samples.transition(1, OrderState.CANCELED, reason="late")])
    store.commit_now([samples.fill(1, 1)])
    order = store.reader().order("o1")
    assert (order.state, order.filled, order.quantity, order.opportunity_id) == ("filled", "2", "2", "p1")


def test_what_is_written_behind_is_found_again(store: Store) -> None:
    for record in (
        *(samples.signal(n) for n in range(300)),
        samples.blend(1),
        samples.opportunity(1),
        samples.opportunity(1, merged=3),
        samples.verdict(1),
        samples.features(1),
        samples.drop(1),
        samples.drop(2),
        EquityPoint(1, "100000", "100000", "0"),
    ):
        store.behind(record)
    assert store.flush()
    reader = store.reader()
    counts = reader.counts()
    assert counts["signals"] == 300 and counts["opportunities"] == 1 and counts["drops"] == 2
    assert counts["blends"] == counts["features"] == counts["verdicts"] == counts["equity"] == 1
    assert reader.drops() == {"opportunities:LOW_SCORE": 2}
    assert reader.verdict("o1") == samples.verdict(1)
    found = reader.opportunity("p1")
    assert found.merged == 3 and found.blend == samples.blend(1)
    assert math.isnan(found.features.sma_slow) and found.features.rsi == 1.0
    assert reader.opportunity("p9") is None and reader.verdict("o9") is None and reader.order("o9") is None


def test_a_merge_in_a_later_batch_updates_the_opportunity(store: Store) -> None:
    for merged in (0, 2):
        store.behind(samples.opportunity(1, merged))
        store.behind(samples.drop(merged))
        assert store.flush()
    reader = store.reader()
    assert reader.opportunity("p1").merged == 2
    assert reader.drops() == {"opportunities:LOW_SCORE": 2}


def test_a_verdict_is_on_disk_no_later_than_its_order(store: Store, path: Path) -> None:
    reader = store.reader()
    store.behind(samples.verdict(1))
    store.commit_now(samples.order(1)[:1])
    assert reader.verdict("o1") == samples.verdict(1)


@pytest.mark.parametrize(("batch", "batch_s", "given"), [(50, 60.0, 50), (2_000, 0.01, 3)])
def test_a_batch_is_written_when_it_is_full_or_due(
    path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, batch_s: float, given: int
) -> None:
    monkeypatch.setattr(store_module, "BATCH", batch)
    monkeypatch.setattr(store_module, "BATCH_S", batch_s)
    store = Store(path)
    store.start()
    reader = store.reader()
    for number in range(given):
        store.behind(samples.signal(number))
    deadline = monotonic() + 10
    while reader.counts()["signals"] < given and monotonic() < deadline:
        pass
    assert reader.counts()["signals"] == given
    store.close()


def test_a_record_that_cannot_be_stored_fails_closed_and_is_logged(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.behind("a text")  # type: ignore[arg-type]
    assert not store.flush()
    assert "cannot write" in caplog.text
    with pytest.raises(StoreError):
        store.commit(samples.order(1))


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_acknowledged_that_nobody_would_find(
    store: Store, path: Path, replaced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[StoreError] = []
    store.failed = failed.append
    store.commit_now(samples.order(1))
    path.rename(path.with_suffix(".away"))
    if replaced:
        Store(path).start()
    acknowledged: list[int] = []
    store.commit(samples.order(2), acknowledged.append)
    assert not store.flush()
    with pytest.raises(StoreError, match="was removed, moved or replaced while it was in use"):
        store.commit(samples.order(3))
    assert not acknowledged and failed == [store.error]
    assert caplog.text.count("put back what was there") == 1 and "cannot write" not in caplog.text


def test_records_beyond_the_bound_are_dropped_and_counted_and_orders_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MAX_WAITING", 3_000)
    blocked, release = threading.Event(), threading.Event()

    def hold(_seq: int) -> None:
        blocked.set()
        release.wait(10)

    store.commit(samples.order(1), hold)
    assert blocked.wait(10)
    for number in range(5_000):
        store.behind(samples.signal(number))
    store.commit(samples.order(2))
    assert store.dropped_records == 2_000
    assert store.pending == 3_000 + 6 + 6
    release.set()
    assert store.flush()
    counts = store.reader().counts()
    assert counts["signals"] == 3_000 and counts["journal"] == 12


@pytest.mark.parametrize("broken", ["", "{", "[" * 100_000, "nan", b"\xff\xfe", 7, 1.5])
def test_a_setting_that_cannot_be_read_is_told_and_left_out(store: Store, path: Path, broken: object) -> None:
    store.put_setting("good", {"kept": 1})
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO settings (key, value) VALUES ('bad', ?)", (broken,))
    again = Store(path)
    again.start()
    # A column of text holds numbers as text, which is JSON.
    assert again.settings() == {"good": {"kept": 1}} | (
        {"bad": broken} if isinstance(broken, int | float) else {}
    )
    assert any("bad" in text for text in again.repaired) is not isinstance(broken, int | float)
    again.close()


def test_settings_survive(store: Store, path: Path) -> None:
    store.put_setting("strategies.trend", {"enabled": False, "weight": 0.5})
    store.put_setting("risk", "halted")
    store.put_setting("risk", "active")
    expected = {"strategies.trend": {"enabled": False, "weight": 0.5}, "risk": "active"}
    assert store.settings() == expected
    assert store.close()
    again = Store(path)
    again.start()
    assert again.settings() == expected
    again.close()


def test_a_full_disk_fails_closed(store: Store) -> None:
    store.commit_now(samples.order(0))
    limit_pages(store, 10)
    failures: list[StoreError] = []
    failed = threading.Event()
    acknowledged: list[int] = []

    def on_failure(error: StoreError) -> None:
        failures.append(error)
        failed.set()

    store.failed = on_failure
    with pytest.raises(StoreError, match="full"):
        for number in range(1, 10_000):
            store.commit_now(samples.order(number))
            acknowledged.append(store.last_seq)
    assert failed.wait(10)
    assert len(failures) == 1 and "\n" not in str(failures[0]) and "free space" in str(failures[0])
    late: list[int] = []
    with pytest.raises(StoreError, match="full"):
        store.commit(samples.order(0), late.append)
    with pytest.raises(StoreError, match="full"):
        store.put_setting("risk", "active")
    assert not store.flush() and not store.close()
    assert late == []
    again = Store(store.path)
    again.start()
    assert again.last_seq == acknowledged[-1] and again.repaired == []
    again.close()


def test_a_failed_store_keeps_nothing_of_whom_it_refuses(store: Store) -> None:
    limit_pages(store, 10)
    with pytest.raises(StoreError, match="full"):
        for number in range(10_000):
            store.commit_now(samples.order(number))

    def frames() -> int:
        assert store.error is not None
        return len(list(traceback.walk_tb(store.error.__traceback__)))

    before = frames()
    for _ in range(5):
        with pytest.raises(StoreError, match="full"):
            store.put_setting("risk", "active")
    assert frames() == before


def test_a_database_that_another_program_holds_fails_closed_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.opening.BUSY_MS", 50)
    store = Store(path)
    store.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"locked; another program held it for 0\.05 s, end that, then"):
        store.commit_now(samples.order(0))
    other.close()
    assert not store.close()


def test_a_full_disk_behind_stops_commits_too(store: Store) -> None:
    limit_pages(store, 2)
    for number in range(5_000):
        store.behind(samples.signal(number))
    asked = monotonic()
    assert not store.flush(30.0)
    assert monotonic() - asked < 15  # told of the failure, not left to wait
    with pytest.raises(StoreError, match="full"):
        store.commit_now(samples.order(1))


def test_a_giver_that_is_gone_does_not_stop_the_writer(store: Store) -> None:
    def gone(_seq: int) -> None:
        raise RuntimeError("event loop is closed")

    store.commit(samples.order(1), gone)
    assert store.commit_now(samples.order(2)) == list(range(7, 13))


def test_changes_of_the_trading_state_are_found_without_a_walk_through_all_orders(store: Store) -> None:
    for number in range(5):
        store.commit_now(samples.order(number))
        store.commit_now([RiskChange(RiskState.HALTED, RiskState.ACTIVE, f"{number}", "risk", number + 1)])
    reader = store.reader()
    assert [change.reason for change in reader.risk_changes(3)] == ["4", "3", "2"]
    asked: list[str] = []
    reader._connection.set_trace_callback(asked.append)
    reader.risk_changes(3)
    plan = reader._rows(f"EXPLAIN QUERY PLAN {asked[0]}")
    assert "journal_by_rare_kind" in str(plan) and "TEMP B-TREE" not in str(plan)


def test_a_closed_store_refuses(store: Store) -> None:
    assert store.close() and store.close()
    with pytest.raises(StoreError, match="not open"):
        store.commit_now(samples.order(1))


def test_a_replay_needs_no_file() -> None:
    store = Store(None, durable=False)
    store.start()
    for number in range(100):
        store.commit_now(samples.order(number))
        store.behind(samples.signal(number))
    assert store.flush()
    reader = store.reader()
    assert reader.counts()["journal"] == 600 and reader.counts()["signals"] == 100
    assert len(store.recover()) == 600
    assert store._call(verify) == []
    assert store.close()


def test_a_replay_that_outruns_the_disk_waits_instead_of_losing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_WAITING", 25_000)
    store = Store(None, durable=False)
    store.start()
    record = samples.signal(1)
    for _ in range(80_000):
        store.behind(record)
    assert store.flush()
    assert store.dropped_records == 0
    assert store.reader().counts()["signals"] == 80_000
    store.close()


def test_history_by_time(store: Store) -> None:
    day = 86_400 * NS
    assert store.reader().first_equity() is None and store.reader().equity_closes(5 * day) == []
    for ns in (day - 1, day, day + 7, 2 * day - 1, 4 * day + 3):
        store.behind(EquityPoint(ns, f"{ns}", "0", "0"))
    for ns, symbol in ((5, "a:A"), (9, "a:A"), (7, "b:B")):
        store.behind(PositionPoint(ns, symbol, f"{ns}", "1", "1", "0", "0"))
    for ns, currency, rate in ((day, "EUR", "1.1"), (day + 9, "EUR", ""), (day + 5, "JPY", "0.01")):
        store.behind(CurrencyPoint(ns, currency, "1", "0", rate))
    assert store.flush()
    reader = store.reader()
    first = reader.first_equity()
    assert first is not None and first.ns == day - 1
    closes = [point.ns for point in reader.equity_closes(4 * day + 4)]
    assert closes == [day - 1, 2 * day - 1, 4 * day + 3], "the last of each day that has one"
    assert [point.ns for point in reader.equity_closes(day + 7)] == [day - 1, day]
    assert [point.ns for point in reader.equity_points(day, 2 * day - 1)] == [day, day + 7]
    assert [point.ns for point in reader.position_points("a:A", 0, 9)] == [5]
    before = reader.position_before("a:A", 9)
    assert before is not None and before.quantity == "5"
    assert reader.position_before("a:A", 5) is None
    assert reader.rates_before(day + 6) == {"EUR": "1.1", "JPY": "0.01"}
    assert reader.rates_before(day + 10) == {"EUR": "", "JPY": "0.01"}
    assert reader.rates_before(9 * day) == {}
    reader.require_current()
