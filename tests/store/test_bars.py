"""Stored bars: who replaces whom, what survives, what is missing, what goes."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import StoreError
from engine.events import NS
from engine.store.bar import Provenance, Span, StoredAction, bar_of
from engine.store.bars import BarStore
from engine.store.bars_read import BarReader
from tests.conftest import ROOT
from tests.store.bar_samples import MINUTE, START, SYMBOL, bar, bars, candles

END = START + 1_000_000 * MINUTE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BarStore]:
    opened = BarStore(tmp_path / "bars.db")
    opened.start()
    yield opened
    opened.close()


@pytest.fixture
def reader(store: BarStore) -> Iterator[BarReader]:
    opened = BarReader(store.path)
    yield opened
    opened.close()


def closes(reader: BarReader, symbol: str = SYMBOL) -> list[float]:
    return reader.bars(symbol, 60).values[:, 3].tolist()


def test_bars_are_read_as_they_were_told(store: BarStore, reader: BarReader) -> None:
    told = bars(500)
    told[7] = msgspec.structs.replace(told[7], volume=math.nan, trades=-1)
    told[8] = msgspec.structs.replace(told[8], vwap=60_000.1, provenance=Provenance.LIVE, source="desk")
    assert store.call(store.page(told)) == 500
    found = reader.bars(SYMBOL, 60)
    # By text: NaN is not equal to itself.
    assert [repr(found.bar(at)) for at in range(len(found))] == [repr(one) for one in told]
    part = reader.bars(SYMBOL, 60, told[3].open_ns, told[9].open_ns)
    assert part.open_ns.tolist() == [one.open_ns for one in told[3:9]]
    last = reader.last(SYMBOL, 60, 4, told[100].open_ns)
    assert last.open_ns.tolist() == [one.open_ns for one in told[96:100]]
    assert len(reader.bars("nobody:X", 60)) == len(reader.bars(SYMBOL, 300)) == 0


def test_bars_written_behind_are_there_after_the_end(store: BarStore) -> None:
    store.behind(bars(3_000))
    assert store.close()
    reader = BarReader(store.path)
    assert len(reader.bars(SYMBOL, 60)) == 3_000
    reader.close()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_bar_that_is_not_closed_is_refused() -> None:
    with pytest.raises(ValueError, match="not closed"):
        bar_of(msgspec.structs.replace(candles(1)[0], closed=False))


def test_who_told_it_decides_what_it_rests_on() -> None:
    (candle,) = candles(1)
    replace = msgspec.structs.replace
    assert bar_of(candle).provenance is Provenance.VENUE
    assert (bar_of(replace(candle, source="")).source, bar_of(candle).source) == ("binance", "binance")
    assert bar_of(replace(candle, source="yahoo")).provenance is Provenance.SERVICE
    assert bar_of(replace(candle, filled=True)).provenance is Provenance.FILLED


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Provenance)), st.integers(1, 5)), min_size=1, max_size=12))
def test_the_best_provenance_stands_and_of_the_same_the_latest(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[Provenance, int]]
) -> None:
    store = BarStore(tmp_path_factory.mktemp("bars") / "bars.db")
    store.start()
    best: tuple[Provenance, int, float] | None = None
    for number, (provenance, told_s) in enumerate(told):
        price = 100.0 + number
        store.behind([bar(price, provenance=provenance, told_ns=told_s * NS)])
        if best is None or (provenance, told_s) >= best[:2]:
            best = provenance, told_s, price
    store.flush()
    reader = BarReader(store.path)
    assert best is not None and closes(reader) == [best[2]]
    reader.close()
    store.close()


def test_missing_is_what_nobody_has_and_nobody_was_asked_for(store: BarStore, reader: BarReader) -> None:
    assert reader.missing(SYMBOL, 60, START, START + 5 * MINUTE) == [(START, START + 5 * MINUTE)]
    assert reader.missing(SYMBOL, 60, START, START) == []
    told = bars(20)
    kept = [one for at, one in enumerate(told) if at not in (0, 1, 7, 12, 19)]
    store.call(store.page(kept))
    store.behind([bar(open_ns=told[3].open_ns, provenance=Provenance.PARTIAL)])  # a better one is there
    store.behind([bar(open_ns=told[12].open_ns, provenance=Provenance.PARTIAL)])
    store.call(store.page([], Span(SYMBOL, 60, told[7].open_ns, told[8].open_ns)))
    store.flush()
    at = [one.open_ns for one in told]
    assert reader.missing(SYMBOL, 60, at[0], at[19] + MINUTE) == [
        (at[0], at[2]),
        (at[12], at[13]),
        (at[19], at[19] + MINUTE),
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 15)), max_size=10), st.sets(st.integers(0, 55)))
def test_spans_and_bars_leave_exactly_the_rest(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]], held: set[int]
) -> None:
    store = BarStore(tmp_path_factory.mktemp("bars") / "bars.db")
    store.start()
    store.call(store.page([bar(open_ns=START + at * MINUTE) for at in held]))
    for first, count in spans:
        span = Span(SYMBOL, 60, START + first * MINUTE, START + (first + count) * MINUTE)
        store.call(store.page([], span))
    covered = held | {at for first, count in spans for at in range(first, first + count)}
    reader = BarReader(store.path)
    found = {
        (ns - START) // MINUTE
        for start, end in reader.missing(SYMBOL, 60, START, START + 56 * MINUTE)
        for ns in range(start, end, MINUTE)
    }
    assert found == set(range(56)) - covered
    kept = reader._rows("SELECT from_s, to_s FROM spans ORDER BY from_s")
    assert all(one[1] < other[0] for one, other in pairwise(kept))
    reader.close()
    store.close()


def test_days_may_be_an_hour_shorter(store: BarStore, reader: BarReader) -> None:
    opens = [START, START + 23 * 3600 * NS, START + 48 * 3600 * NS, START + 96 * 3600 * NS]
    store.call(store.page([bar(open_ns=ns, interval_s=86_400) for ns in opens]))
    assert reader.missing(SYMBOL, 86_400, START, opens[-1] + NS) == [(START + 72 * 3600 * NS, opens[-1])]


def test_the_summary(store: BarStore, reader: BarReader) -> None:
    told = bars(10)
    told[4] = msgspec.structs.replace(told[4], provenance=Provenance.FILLED)
    store.call(store.page([*told[:6], *told[8:]], Span(SYMBOL, 60, told[0].open_ns, told[5].open_ns)))
    store.call(store.page([bar(symbol="yahoo:X", source="yahoo")]))
    first, second = reader.summaries()
    assert (first.bars, first.filled, first.holes, first.missing) == (8, 1, 1, 2)
    assert (first.first_ns, first.last_ns, first.sources) == (told[0].open_ns, told[9].open_ns, ("binance",))
    assert (second.symbol, second.bars, second.holes) == ("yahoo:X", 1, 0)


def test_what_is_old_goes_in_small_batches(
    store: BarStore, reader: BarReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.bars.DELETED_AT_ONCE", 100)
    store.call(store.page(bars(250), Span(SYMBOL, 60, START, START + 250 * MINUTE)))
    store.call(store.page(bars(250, symbol="kraken:BTC/USD")))
    before_ns = START + 220 * MINUTE
    deleted = []
    while count := store.call(store.forget(before_ns)):
        deleted.append(count)
    assert sum(deleted) == 440 and max(deleted) == 100
    for symbol in (SYMBOL, "kraken:BTC/USD"):
        assert reader.bars(symbol, 60).open_ns.tolist() == [START + at * MINUTE for at in range(220, 250)]


def test_actions_of_a_kind_and_day_are_one(store: BarStore, reader: BarReader) -> None:
    day = 86_400 * NS
    split = StoredAction(20 * day + 13 * 3600 * NS, "split", 4.0, "yahoo", True, 21 * day)
    dividend = StoredAction(30 * day, "dividend", 0.2, "polygon", False, 31 * day)
    store.call(store.actions("AAPL", [dividend, split, dividend]))
    again = msgspec.structs.replace(split, value=5.0, ex_ns=20 * day, told_ns=40 * day)
    store.call(store.actions("AAPL", [again]))
    assert reader.actions("AAPL") == [again, msgspec.structs.replace(dividend, value=0.4)]
    assert reader.actions("MSFT") == []


def test_a_disk_that_is_full_loses_nothing_that_waits(store: BarStore, reader: BarReader) -> None:
    def limit(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # as few as are in use

    def lift(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1000000")

    store.call(limit)
    told = bars(2_000)
    with pytest.raises(StoreError, match="free space"):
        store.call(store.page(told))
    store.behind(told)
    with pytest.raises(StoreError, match="full"):
        store.flush()
    assert "full" in store.error and closes(reader) == []
    store.call(lift)
    store.flush()
    assert store.error == "" and len(closes(reader)) == 2_000


def test_of_too_many_that_wait_the_newest_stay(
    store: BarStore, reader: BarReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.bars.MAX_WAITING", 10)
    store.behind(bars(25))
    store.flush()
    assert store.dropped == 15
    assert reader.bars(SYMBOL, 60).open_ns.tolist() == [START + at * MINUTE for at in range(15, 25)]


def test_a_job_with_a_bug_costs_itself_only(store: BarStore, reader: BarReader) -> None:
    def bug(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM bars")
        raise ZeroDivisionError

    store.call(store.page(bars(3)))
    with pytest.raises(StoreError, match="internal error"):
        store.call(bug)
    assert len(closes(reader)) == 3


@pytest.mark.parametrize(
    ("content", "said"), [(b"no database" * 100, "damaged"), (None, "newer tickdesk"), (b"", "")]
)
def test_files_that_are_none(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "bars.db"
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        path.write_bytes(content)
    store = BarStore(path)
    if said:
        with pytest.raises(StoreError, match=said) as raised:
            store.start()
        assert "\n" not in str(raised.value)
    else:
        store.start()
        assert store.close()


def test_there_are_none_to_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="tickdesk history load"):
        BarReader(tmp_path / "bars.db")


_KILLED = """
import sys
from pathlib import Path
from engine.store.bar import Span
from engine.store.bars import BarStore
from tests.store.bar_samples import MINUTE, SYMBOL, START, bars
store = BarStore(Path(sys.argv[1])); store.start()
for page in range(10_000):
    first = START + page * 100 * MINUTE
    told = bars(100, start_ns=first)
    store.call(store.page(told, Span(SYMBOL, 60, first, first + 100 * MINUTE)))
    print(page, flush=True)
"""


def test_after_a_kill_every_page_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "bars.db"
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 20:
            os.kill(process.pid, signal.SIGKILL)
            break
    told = max([20, *(int(line) for line in process.stdout if line.strip())])
    process.wait(30)
    process.stdout.close()
    store = BarStore(path)
    store.start()
    reader = BarReader(path)
    found = reader.bars(SYMBOL, 60)
    assert len(found) % 100 == 0 and len(found) >= 100 * (told + 1)
    assert (np.diff(found.open_ns) == MINUTE).all()
    assert reader.missing(SYMBOL, 60, START, END) == [(START + len(found) * MINUTE, END)]
    reader.close()
    store.close()


def test_who_adjusts_is_known_whatever_came_of_it_first(store: BarStore) -> None:
    """A bar that came by itself says nothing of it, before or after the history does."""
    polled = bar(symbol="poll:X", source="yahoo", open_ns=START + 10 * MINUTE, provenance=Provenance.SERVICE)
    store.behind([polled])
    store.flush()
    told = bar(symbol="poll:X", source="yahoo", provenance=Provenance.SERVICE)
    store.call(store.page([told], split_adjusted=True))
    store.behind([msgspec.structs.replace(polled, open_ns=START + 11 * MINUTE)])
    store.flush()
    reader = BarReader(store.path)
    found = reader.bars("poll:X", 60)
    assert [found.split_adjusted[source] for source in found.source] == [True, True, True]
    reader.close()


def test_what_was_deleted_can_be_asked_for_again(store: BarStore, reader: BarReader) -> None:
    """Fewer days were wanted for a while."""
    store.call(store.page(bars(100), Span(SYMBOL, 60, START, START + 120 * MINUTE)))
    until_ns = START + 120 * MINUTE
    assert reader.missing(SYMBOL, 60, START, until_ns) == []
    middle_ns = START + 60 * MINUTE
    assert store.call(store.forget(middle_ns)) == 60
    assert reader.missing(SYMBOL, 60, START, until_ns) == [(START, middle_ns)]
