"""Bars in Parquet: the very floats, by day, whole or not at all."""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.errors import ConfigError, StoreError
from engine.events import NS
from engine.store.bar import Bar, Provenance, StoredAction
from engine.store.bars import BarStore
from engine.store.bars_export import export
from engine.store.bars_read import BarReader
from tests.store.bar_samples import MINUTE, START, SYMBOL, bar, bars

polars = pytest.importorskip("polars")

SLASHED = "kraken:BTC/USD"
DAY = 86_400 * NS


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[BarReader]:
    told = bars(3_000)
    told[5] = msgspec.structs.replace(told[5], volume=math.nan, close=0.1 + 0.2, provenance=Provenance.LIVE)
    told[6] = msgspec.structs.replace(told[6], provenance=Provenance.FILLED, vwap=1 / 3)
    store = BarStore(tmp_path / "bars.db")
    store.start()
    store.call(store.page(told))
    store.call(store.page(bars(10, symbol=SLASHED, seed=2)))
    opened = BarReader(store.path)
    yield opened
    opened.close()
    store.close()


def test_the_floats_that_come_back_are_those_that_were_stored(reader: BarReader, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    found = export(reader, folder)
    assert (found.bars, found.files) == (3_010, 5)
    assert {path.parent.parent.name for path in folder.rglob("*.parquet")} == {
        "symbol=binance%3ABTCUSDT",
        "symbol=kraken%3ABTC%2FUSD",
    }
    frame = polars.read_parquet(folder, hive_partitioning=True).sort("symbol", "open_ns")
    assert frame["symbol"].unique().sort().to_list() == [SYMBOL, SLASHED]
    own = reader.bars(SYMBOL, 60)
    rows = frame.filter(polars.col("symbol") == SYMBOL)
    assert rows["open_ns"].to_list() == own.open_ns.tolist()
    for at, name in enumerate(("open", "high", "low", "close", "volume", "vwap")):
        # By their bits, NaN included.
        np.testing.assert_array_equal(
            rows[name].to_numpy().view(np.int64), own.values[:, at].copy().view(np.int64)
        )
    assert rows["provenance"][5] == "live" and rows["filled"].to_list()[5:8] == [False, True, False]
    assert rows["source"].unique().to_list() == ["binance"] and rows["interval_s"].unique().to_list() == [60]
    assert rows["date"].cast(str).to_list() == [
        str(np.datetime64(ns, "ns").astype("datetime64[D]")) for ns in own.open_ns.tolist()
    ]


def test_days_are_written_whole_and_only_those_asked_for(reader: BarReader, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    noon = START // DAY * DAY + DAY + DAY // 2
    found = export(reader, folder, symbols=[SYMBOL], since_ns=noon, until_ns=noon + 1)
    (path,) = folder.rglob("*.parquet")
    assert (found.bars, found.files, path.parent.name) == (1_440, 1, "date=2023-11-15")
    before = path.read_bytes()
    export(reader, folder, symbols=[SYMBOL], since_ns=noon, until_ns=noon + 1)
    assert path.read_bytes() == before and [path] == [one for one in folder.rglob("*") if one.is_file()]


def test_adjusted_prices_are_of_all_that_came_later(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "bars.db")
    store.start()
    day = [START // DAY * DAY + at * DAY for at in range(4)]
    told: list[Bar] = [
        bar(
            close,
            symbol="poll:X",
            open_ns=ns,
            interval_s=86_400,
            source="polygon",
            provenance=Provenance.SERVICE,
        )
        for close, ns in zip((400.0, 100.0, 100.0, 99.0), day, strict=True)
    ]
    store.call(store.page(told))
    split = StoredAction(day[1], "split", 4.0, "polygon", False, day[3])
    dividend = StoredAction(day[3], "dividend", 1.0, "polygon", False, day[3])
    store.call(store.actions("poll:X", [split, dividend]))
    reader = BarReader(store.path)
    export(reader, tmp_path / "out", until_ns=day[1] + MINUTE, adjust=True)
    frame = polars.read_parquet(tmp_path / "out").sort("open_ns")
    assert frame["close"].to_list() == pytest.approx([99.0, 99.0])
    assert frame["volume"].to_list() == [4.0, 1.0]
    export(reader, tmp_path / "raw", until_ns=day[1] + MINUTE)
    assert polars.read_parquet(tmp_path / "raw")["close"].sort().to_list() == [100.0, 400.0]
    reader.close()
    store.close()


def test_bars_of_a_day_are_one_file_a_symbol_and_all_are_as_it_is_asked_for(
    reader: BarReader, tmp_path: Path
) -> None:
    store = BarStore(reader._path)
    store.start()
    day = START // DAY * DAY
    told = [bar(100.0 + at, symbol="poll:X", open_ns=day + at * DAY, interval_s=86_400) for at in range(400)]
    store.call(store.page(told))
    store.close()

    def files(folder: str) -> set[str]:
        return {str(one.relative_to(tmp_path / folder)) for one in (tmp_path / folder).rglob("*.parquet")}

    found = export(reader, tmp_path / "told")
    whole = "symbol=poll%3AX/86400s.parquet"
    assert found.files == len(files("told")) == 6 and whole in files("told")
    assert polars.read_parquet(tmp_path / "told" / whole)["close"].to_list() == [
        100.0 + at for at in range(400)
    ]
    for length, symbols in ((86_400, {"poll:X"}), (60, {SYMBOL, SLASHED})):
        every = polars.read_parquet(tmp_path / "told" / "**" / f"{length}s.parquet", hive_partitioning=True)
        assert set(every["symbol"].to_list()) == symbols, "of one length all are read together"
    assert export(reader, tmp_path / "days", symbols=["poll:X"], by="day").files == 400
    assert files("days") >= {"symbol=poll%3AX/date=2023-11-14/86400s.parquet"}
    assert export(reader, tmp_path / "one", symbols=[SYMBOL], by="symbol").files == 1
    assert files("one") == {"symbol=binance%3ABTCUSDT/60s.parquet"}
    for folder, by in (("days", "symbol"), ("told", "day")):
        before = files(folder)
        with pytest.raises(StoreError, match="in the other layout: choose another folder"):
            export(reader, tmp_path / folder, symbols=["poll:X"], by=by)
        assert files(folder) == before
    nothing = export(reader, tmp_path / "none", symbols=["poll:X"], until_ns=day)
    assert nothing == (0, 0) and not files("none")


def test_what_cannot_be_exported(reader: BarReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="no bars are stored of nobody:X"):
        export(reader, tmp_path, symbols=["nobody:X", SYMBOL])
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        export(reader, tmp_path / "file")
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, most))  # as where the disk is full
    try:
        with pytest.raises(StoreError, match="cannot write"):
            export(reader, tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert not [one for one in (tmp_path / "full").rglob("*") if one.is_file()]
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[parquet\]'"):
        export(reader, tmp_path)
