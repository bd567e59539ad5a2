"""Candles through the live code: the same numbers as ticks that make the same bars."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.feature_table import FLOAT_FIELDS
from engine.features.candles import candle_values, first_unsound
from engine.features.engine import BARS, NONE, FeatureEngine
from tests.features.test_indicators import random_bars, ticks_of

INDICATORS = FLOAT_FIELDS[FLOAT_FIELDS.index("rsi") : FLOAT_FIELDS.index("window_gapped")]


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
    newest = dict(zip(FLOAT_FIELDS, values[-1].tolist(), strict=True))
    assert [newest[name] for name in ("open", "high", "low", "close", "volume")] == bars[-1, :5].tolist()
    for name in ("bid", "ask", "bid_size", "last", "window_volume", "window_vwap", "trade_count"):
        assert math.isnan(newest[name]), name


def test_a_vwap_that_is_not_told_is_the_typical_price() -> None:
    bars = np.array([[10.0, 12.0, 9.0, 11.0, 2.0, math.nan], [11.0, 11.0, 11.0, 11.0, 0.0, math.nan]])
    vwap = candle_values(bars, FeaturesConfig())[-1, FLOAT_FIELDS.index("vwap")]
    assert vwap == pytest.approx(32 / 3)


def test_prices_that_add_up_to_no_number_warn_of_nothing() -> None:
    bars = np.tile([1e308, 1.7e308, 1e308, 1.5e308, 1.0, math.nan], (30, 1))
    newest = dict(zip(FLOAT_FIELDS, candle_values(bars, FeaturesConfig())[-1].tolist(), strict=True))
    assert newest["close"] == 1.5e308 and newest["vwap"] == math.inf


@pytest.mark.parametrize(
    ("column", "value"), [(0, 0.0), (3, -1.0), (1, math.nan), (2, math.inf), (4, -1.0), (5, math.inf)]
)
def test_what_is_no_bar_is_unsound(column: int, value: float) -> None:
    bars = np.ones((3, 6))
    bars[1, column] = value
    assert first_unsound(bars) == 1
    assert first_unsound(np.ones((3, 6))) is None
