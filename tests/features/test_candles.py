"""Candles through the live code: the same numbers as ticks that make the same bars."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.events import NS
from engine.feature_table import FLOAT_FIELDS
from engine.features.candles import candle_row, candle_values, first_unsound
from engine.features.engine import BARS, NONE, FeatureEngine
from tests.features.test_indicators import random_bars, ticks_of
from tests.features.ticks import T0

INDICATORS = FLOAT_FIELDS[FLOAT_FIELDS.index("rsi") :]


@pytest.mark.parametrize("settings", [{}, {"rsi_period": 5, "sma_fast": 3, "sma_slow": 7, "bb_width": 1.5}])
def test_candles_give_the_indicators_that_ticks_give(settings: dict[str, float]) -> None:
    config = msgspec.convert(settings, FeaturesConfig)
    ohlcv = random_bars(5, 300)
    engine = FeatureEngine(config)
    engine.add_symbol("test:X")
    ticks, position, live = ticks_of(ohlcv), 0, []
    while (outcome := engine.feed(ticks, position, len(ticks)))[0] != NONE:
        assert outcome[0] == BARS
        position = outcome[1]
        live.append(engine.row(0))
    bars = engine.bars(0, 300)
    values = candle_values(bars, config)
    for name in INDICATORS:
        ours = values[:, FLOAT_FIELDS.index(name)]
        np.testing.assert_allclose(
            ours, [getattr(row, name) for row in live], rtol=1e-12 if name == "vwap" else 0, err_msg=name
        )
    row = candle_row("test:X", bars, T0, NS, config)
    assert row is not None
    assert (row.symbol, row.ns, row.bar_start_ns, row.bars) == ("test:X", T0 + 300 * NS, T0 + 299 * NS, 300)
    assert (row.open, row.high, row.low, row.close, row.volume) == tuple(bars[-1, :5])
    unknown = (row.bid, row.ask, row.bid_size, row.last, row.window_volume, row.window_vwap, row.trade_count)
    assert all(math.isnan(value) for value in unknown)


def test_a_vwap_that_is_not_told_is_the_typical_price() -> None:
    bars = np.array([[10.0, 12.0, 9.0, 11.0, 2.0, math.nan], [11.0, 11.0, 11.0, 11.0, 0.0, math.nan]])
    row = candle_row("x", bars, 0, NS, FeaturesConfig())
    assert row is not None and row.vwap == pytest.approx(32 / 3)


@pytest.mark.parametrize(
    ("column", "value"), [(0, 0.0), (3, -1.0), (1, math.nan), (2, math.inf), (4, -1.0), (5, math.inf)]
)
def test_what_is_no_bar_gives_no_row(column: int, value: float) -> None:
    bars = np.ones((3, 6))
    bars[1, column] = value
    assert first_unsound(bars) == 1
    assert candle_row("x", bars, 0, NS, FeaturesConfig()) is None
    assert candle_row("x", np.ones((0, 6)), 0, NS, FeaturesConfig()) is None
