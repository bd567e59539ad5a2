"""Looking back shows what rows said, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.candles import Candles, candle_values
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.features.look_back import LookBack
from engine.features.state import BARS_KEPT, SHOWN
from engine.ticks import TICK, TRADE
from tests.features.captures import binance_ticks
from tests.features.test_indicators import random_bars, ticks_of
from tests.features.ticks import T0

CONFIG = FeaturesConfig()


def fed(ticks: np.ndarray, symbols: int = 1) -> tuple[FeatureEngine, dict[tuple[int, int], list[float]]]:
    """The engine after ``ticks``, and by (symbol, bar start) what its rows showed at each close."""
    engine, position, rows = FeatureEngine(CONFIG, capacity=1), 0, dict[tuple[int, int], list[float]]()
    for number in range(symbols):
        engine.add_symbol(f"test:{number}")
    while True:
        code, position, _ = engine.feed(ticks, position, len(ticks))
        if code == NONE:
            return engine, rows
        if code == BARS:
            for index in engine.closed().tolist():
                row = engine.row(index)
                rows[index, row.bar_start_ns] = [getattr(row, name) for name in ("close", *SHOWN)]


@pytest.mark.parametrize("count", [5, BARS_KEPT - 1, BARS_KEPT + 300])
def test_bars_and_what_was_shown_at_their_close_are_those_of_the_rows_to_the_bit(count: int) -> None:
    engine, rows = fed(ticks_of(random_bars(3, count)))
    bars = LookBack(engine).bars(0, 10_000)
    assert len(bars.open_ns) == min(count, BARS_KEPT)
    expected = [rows[0, start] for start in bars.open_ns.tolist()]
    assert np.array_equal(np.column_stack((bars.values[:, 3], bars.shown)), expected, equal_nan=True)
    assert np.array_equal(bars.values, engine.bars(0, 512))
    assert bars.open_ns[-1] == max(start for _, start in rows)


def test_a_capture_looks_back_as_it_was(data_dir: Path) -> None:
    ticks = binance_ticks(data_dir)
    symbols = range(int(ticks["symbol"].max()) + 1)
    engine, rows = fed(ticks, len(symbols))
    look = LookBack(engine)
    for index in range(len(symbols)):
        bars = look.bars(index, BARS_KEPT)
        shown = [rows[index, start][1:] for start in bars.open_ns.tolist()]
        assert shown and np.array_equal(bars.shown, shown, equal_nan=True)
        prints = ticks[(ticks["kind"] == TRADE) & (ticks["symbol"] == index)][-200:]
        found = look.trades(index, 0, 200)
        assert [(one.price, one.size, one.side) for one in found] == list(
            zip(*(prints[name].tolist() for name in ("a", "b", "aggressor")), strict=True)
        )


def test_the_open_bar_is_what_its_close_will_be_and_looking_changes_nothing() -> None:
    bars = random_bars(5, BARS_KEPT + 40)
    ticks = ticks_of(bars)
    looked, alone = FeatureEngine(CONFIG), FeatureEngine(CONFIG)
    look = LookBack(looked)
    for engine in (looked, alone):
        engine.add_symbol("test:X")
    assert look.open_bar(0) is None
    opened = None
    for start in range(0, len(ticks), 4):
        for engine in (looked, alone):
            position = start
            while True:
                code, position, _ = engine.feed(ticks, position, min(start + 4, len(ticks)))
                if code == NONE:
                    break
        if opened is not None:
            closed = look.bars(0, 1)
            assert np.array_equal(opened.values, closed.values) and opened.open_ns == closed.open_ns
            assert np.array_equal(opened.shown, closed.shown, equal_nan=True)
        opened = look.open_bar(0)
    assert np.array_equal(looked.row(0).rsi, alone.row(0).rsi)
    assert repr(looked.row(0)) == repr(alone.row(0))  # what is not known equals nothing


def trades(count: int, side: int = 1, per_s: int = 2) -> np.ndarray:
    ticks = np.zeros(count, TICK)
    ticks["recv_ns"] = T0 + np.arange(count) * (NS // per_s)
    ticks["a"], ticks["b"], ticks["aggressor"] = 100.0 + np.arange(count), 1.0 + np.arange(count), side
    return ticks


def test_trades_are_there_after_they_left_the_window() -> None:
    engine, _ = fed(trades(1_000, -1))
    look = LookBack(engine)
    assert look.trade_count(0) == 1_000
    found = look.trades(0, 0, 200)
    assert [one.price for one in found] == [900.0 + n for n in range(200)]
    assert found[-1].ns == engine.now_ns and {one.side for one in found} == {-1}
    assert [one.size for one in look.trades(0, 998, 200)] == [999.0, 1000.0]
    assert not look.trades(0, 1_000, 200) and len(look.trades(0, 0, 10_000)) == 256


def test_after_the_window_grew_only_what_is_held_is_told() -> None:
    engine, _ = fed(trades(1_000, per_s=1_000))  # all within the window: it grew twice
    found = LookBack(engine).trades(0, 0, 10_000)
    assert [one.price for one in found] == [100.0 + n for n in range(1_000)]
    more = trades(400, per_s=100)
    engine.add_symbol("test:other")
    more["symbol"] = 1
    more["recv_ns"] += 60 * NS
    position = 0
    while (outcome := engine.feed(more, position, len(more)))[0] != NONE:
        position = outcome[1]
    assert [one.price for one in LookBack(engine).trades(1, 0, 10_000)] == [100.0 + n for n in range(400)]


def test_a_side_that_was_not_told_makes_no_seller() -> None:
    ticks = trades(4)
    ticks["aggressor"] = [1, -1, 0, 1]
    engine, _ = fed(ticks)
    assert [one.side for one in LookBack(engine).trades(0, 0, 10)] == [1, 0, 0, 1]


def test_candles_one_by_one_are_those_at_once() -> None:
    bars = np.column_stack((random_bars(9, 700), np.full(700, np.nan)))
    whole, one_by_one = candle_values(bars, CONFIG), Candles(CONFIG)
    first = one_by_one.add(bars[:600])
    peeked = one_by_one.peek(bars[600:601])
    rest = one_by_one.add(bars[600:])
    assert np.array_equal(np.vstack((first, rest)), whole, equal_nan=True)
    assert np.array_equal(peeked[0], whole[600], equal_nan=True)
