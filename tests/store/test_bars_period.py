"""Bars of a period as arrays: what training reads is what was stored, adjusted or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.features.alpha158 import WIDTH, alpha158_series
from engine.store.bar import Provenance, StoredAction
from engine.store.bars import BarStore
from engine.store.bars_period import read_period
from engine.store.bars_read import BarReader
from tests.store.bar_samples import MINUTE, START, bar

COUNT = 200
SHARE, COIN = "poll:X", "binance:BTCUSDT"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[BarReader]:
    store = BarStore(tmp_path / "bars.db")
    store.start()
    for symbol in (SHARE, COIN):
        told = [
            bar(
                (100.0 + at % 9) / (4.0 if symbol == SHARE and at >= 100 else 1.0),
                symbol=symbol,
                open_ns=START + at * MINUTE,
                source="polygon" if symbol == SHARE else "binance",
                provenance=Provenance.FILLED if at % 10 == 5 else Provenance.SERVICE,
            )
            for at in range(COUNT)
        ]
        store.call(store.page(told))
    split = StoredAction(START + 100 * MINUTE + 6 * 3600 * 10**9, "split", 4.0, "polygon", False, START)
    store.call(store.actions(SHARE, [split]))
    opened = BarReader(store.path)
    yield opened
    opened.close()
    store.close()


def test_a_period(reader: BarReader) -> None:
    for symbol in (COIN, SHARE):
        bars = read_period(reader, symbol, 60, START + 50 * MINUTE, START + 150 * MINUTE, adjust=False)
        assert bars.open_ns.tolist() == [START + at * MINUTE for at in range(50, 150)]
        whole = reader.bars(symbol, 60)
        assert bars.values.tobytes() == whole.values[50:150].tobytes()
        assert alpha158_series(bars.values).shape == (100, WIDTH)


def test_adjusted_for_what_came_after_the_period_too(reader: BarReader) -> None:
    told, found = (
        {
            symbol: read_period(reader, symbol, 60, START, START + 90 * MINUTE, adjust=adjust)
            for symbol in (SHARE, COIN)
        }
        for adjust in (False, True)
    )
    assert np.array_equal(found[SHARE].values[:, 3], told[SHARE].values[:, 3] / 4.0)
    assert np.array_equal(found[SHARE].values[:, 4], told[SHARE].values[:, 4] * 4.0)
    assert np.array_equal(found[COIN].values, told[COIN].values, equal_nan=True)


def test_without_what_was_made_up(reader: BarReader) -> None:
    found = read_period(reader, COIN, 60, START, START + COUNT * MINUTE, adjust=False).traded()
    assert len(found) == COUNT * 9 // 10
    assert not (found.provenance == Provenance.FILLED).any()
    assert found.bar(5).open_ns == START + 6 * MINUTE


@pytest.mark.parametrize(("interval_s", "since_ns"), [(300, START), (60, START + 10_000 * MINUTE)])
def test_where_none_are_stored_none_are_read(reader: BarReader, interval_s: int, since_ns: int) -> None:
    for adjust in (False, True):
        assert len(read_period(reader, COIN, interval_s, since_ns, 1 << 62, adjust=adjust)) == 0
