"""Indicators against TA-Lib, bar by bar, from the first one on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas_ta_classic as pandas_ta
import pytest
import talib

from engine.config import FeaturesConfig
from engine.events import NS
from engine.feature_table import COLUMN
from engine.features.candles import candle_values
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.ticks import TICK
from tests.features.captures import binance_ticks
from tests.features.ticks import T0

FIELDS = (
    "rsi", "ema_fast", "ema_slow", "bb_upper", "bb_middle", "bb_lower", "atr", "macd", "macd_signal",
    "macd_hist", "volume_ma", "momentum", "sma_fast", "sma_slow", "sma_fast_prev", "sma_slow_prev",
    "return_std", "return_std_long", "vwap",
)  # fmt: skip


def ticks_of(bars: Any) -> Any:
    """Four trades a second that make these (open, high, low, close, volume) bars."""
    ticks = np.zeros(4 * len(bars) + 1, TICK)
    ticks["recv_ns"] = T0 + np.arange(len(ticks)) * (NS // 4)
    ticks["a"][:-1] = bars[:, :4].ravel()
    ticks["b"][:-1] = np.repeat(bars[:, 4] / 4, 4)
    ticks["a"][-1] = ticks["b"][-1] = 1.0
    return ticks


def rows_of(bars: Any, **config: Any) -> dict[str, Any]:
    engine = FeatureEngine(msgspec.convert(config, FeaturesConfig))
    engine.add_symbol("test:X")
    ticks, position, rows = ticks_of(bars), 0, []
    while True:
        code, position, _ = engine.feed(ticks, position, len(ticks))
        if code == NONE:
            break
        assert code == BARS
        rows.append(engine.row(0))
    assert len(rows) == len(bars)
    return {name: np.array([getattr(row, name) for row in rows]) for name in FIELDS}


def expected(bars: Any, config: FeaturesConfig) -> dict[str, Any]:
    _, high, low, close, volume = np.ascontiguousarray(bars.T)
    c = config
    macd, signal, hist = talib.MACD(close, c.ema_fast, c.ema_slow, c.macd_signal)
    upper, middle, lower = talib.BBANDS(close, c.bb_period, c.bb_width, c.bb_width)
    sma_fast, sma_slow = talib.SMA(close, c.sma_fast), talib.SMA(close, c.sma_slow)
    returns = np.diff(np.log(close), prepend=np.nan)

    def deviation(count: int) -> Any:
        out = np.full(len(close), np.nan)
        for bar in range(count, len(close)):
            out[bar] = np.std(returns[bar - count + 1 : bar + 1], ddof=1)
        return out

    value = bars[:, :4].sum(axis=1) / 4 * volume
    return {
        "rsi": talib.RSI(close, c.rsi_period),
        "ema_fast": talib.EMA(close, c.ema_fast),
        "ema_slow": talib.EMA(close, c.ema_slow),
        "bb_upper": upper, "bb_middle": middle, "bb_lower": lower,
        "atr": talib.ATR(high, low, close, c.atr_period),
        "macd": macd, "macd_signal": signal, "macd_hist": hist,
        "volume_ma": talib.SMA(volume, c.volume_ma_period),
        "momentum": talib.MOM(close, c.momentum_period),
        "sma_fast": sma_fast, "sma_slow": sma_slow,
        "sma_fast_prev": np.append(np.nan, sma_fast[:-1]),
        "sma_slow_prev": np.append(np.nan, sma_slow[:-1]),
        "return_std": deviation(20), "return_std_long": deviation(120),
        "vwap": np.cumsum(value) / np.cumsum(volume),
    }  # fmt: skip


def random_bars(seed: int, count: int, *, price: float = 100.0, sigma: float = 2e-3) -> Any:
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0, sigma, count)))
    open_ = close * np.exp(rng.normal(0, sigma, count))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, sigma, count)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, sigma, count)))
    return np.column_stack([open_, high, low, close, rng.lognormal(0, 2, count)])


ODD = {
    "rsi_period": 2, "ema_fast": 3, "ema_slow": 4, "macd_signal": 2, "bb_period": 2, "bb_width": 1.5,
    "atr_period": 2, "volume_ma_period": 7, "momentum_period": 1, "sma_fast": 2, "sma_slow": 3,
}  # fmt: skip
LONG = {
    "rsi_period": 100, "ema_fast": 150, "ema_slow": 200, "macd_signal": 100, "bb_period": 200,
    "atr_period": 100, "volume_ma_period": 200, "momentum_period": 200, "sma_fast": 199, "sma_slow": 200,
}  # fmt: skip


@pytest.mark.parametrize("config", [{}, ODD, LONG], ids=["default", "short", "long"])
@pytest.mark.parametrize(("price", "sigma"), [(100.0, 2e-3), (60_000.0, 1e-5), (3e-5, 1e-3)])
def test_against_talib(config: dict[str, Any], price: float, sigma: float) -> None:
    bars = random_bars(3, 900, price=price, sigma=sigma)
    ours = rows_of(bars, **config)
    theirs = expected(bars, msgspec.convert(config, FeaturesConfig))
    # What is a small difference of prices can be no better than the prices' own rounding.
    differences = {"macd", "macd_signal", "macd_hist", "momentum"}
    # A deviation of k digits less than the price: the log return itself has lost them.
    for name in FIELDS:
        slack = price * 1e-12 if name in differences else 1e-15
        if name.startswith("bb_"):
            slack = price * 1e-7 if price > 1000 else slack  # TA-Lib's own variance cancels here
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=slack, err_msg=name)


def test_bands_are_exact_where_the_textbook_sum_of_squares_is_not() -> None:
    """A long run at a high price, with a shock in the middle that must leave nothing behind."""
    bars = random_bars(9, 3000, price=60_000.0, sigma=1e-6)
    bars[1500, :4] *= 3.0
    ours = rows_of(bars)
    close = bars[:, 3]
    windows = np.lib.stride_tricks.sliding_window_view(close, 20)
    deviation = (windows - windows.mean(axis=1, keepdims=True)).std(axis=1)
    np.testing.assert_allclose((ours["bb_upper"] - ours["bb_middle"])[19:], 2 * deviation, rtol=1e-6)
    np.testing.assert_allclose((ours["bb_upper"])[19:], windows.mean(axis=1) + 2 * deviation, rtol=1e-13)


def test_a_flat_market_has_no_deviation_at_all() -> None:
    bars = random_bars(4, 400)
    bars[200:] = bars[200, 3]
    bars[200:, 4] = 1.0
    ours = rows_of(bars)
    assert (ours["bb_upper"][225:] == ours["bb_lower"][225:]).all()
    assert (ours["return_std"][225:] == 0).all()
    assert (ours["return_std_long"][325:] == 0).all()
    assert (ours["volume_ma"][225:] == 1.0).all()


def test_a_market_that_never_moved_has_talibs_rsi_of_zero() -> None:
    bars = np.full((40, 5), 7.0)
    np.testing.assert_array_equal(rows_of(bars)["rsi"], talib.RSI(bars[:, 3].copy(), 14))


@pytest.mark.data
@pytest.mark.parametrize(("bar_s", "settings"), [(1.0, {}), (5.0, {}), (5.0, ODD), (60.0, ODD)])
def test_against_talib_on_a_captured_day(data_dir: Path, bar_s: float, settings: dict[str, Any]) -> None:
    """Every indicator, of the bars that the engine itself made of a real tape."""
    config = msgspec.convert({"bar_s": bar_s, "window_s": 2.0, **settings}, FeaturesConfig)
    engine = FeatureEngine(config)
    engine.add_symbol("test:X")
    ticks, position, rows, bars = binance_ticks(data_dir), 0, [], []
    while (outcome := engine.feed(ticks, position, len(ticks)))[0] != NONE:
        position = outcome[1]
        rows.append(engine.row(0))
        bars.append(engine.bars(0, 1)[0])
    made = np.array(bars)
    assert len(made) >= 600 / bar_s and {row.bar_start_ns % round(bar_s * NS) for row in rows} == {0}
    theirs = expected(made[:, :5], config)
    value, volume = np.cumsum(made[:, 5] * made[:, 4]), np.cumsum(made[:, 4])
    theirs["vwap"] = np.where(volume > 0, value / np.where(volume > 0, volume, 1), np.nan)
    # What is a small difference of prices can be no better than the prices' own rounding.
    price = float(made[0, 3])
    differences = {"macd": 1e-12, "macd_signal": 1e-12, "macd_hist": 1e-12, "momentum": 1e-12}
    for name in FIELDS:
        # TA-Lib's own variance cancels at this price
        slack = price * (1e-7 if name.startswith("bb_") else differences.get(name, 0.0))
        ours = np.array([getattr(row, name) for row in rows])
        np.testing.assert_allclose(ours, theirs[name], rtol=1e-9, atol=slack or 1e-12, err_msg=name)


def test_against_pandas_ta_classic() -> None:
    """Where it defines an indicator as TA-Lib does, from the first bar; else once the start is forgotten.

    Its Wilder averages (RSI, ATR) start with the first value alone, not a mean, and its MACD starts each
    average at its own period: those differ at first and converge.
    """
    import pandas

    bars = random_bars(11, 1500)
    ours = rows_of(bars)
    _, high, low, close, volume = (pandas.Series(column) for column in bars.T)
    macd = pandas_ta.macd(close, 12, 26, 9, talib=False)
    bands = pandas_ta.bbands(close, 20, 2.0, ddof=0, talib=False)
    same = {
        "ema_fast": pandas_ta.ema(close, 12, talib=False),
        "sma_slow": pandas_ta.sma(close, 200, talib=False),
        "volume_ma": pandas_ta.sma(volume, 20, talib=False),
        "momentum": pandas_ta.mom(close, 10, talib=False),
        "bb_lower": bands.iloc[:, 0], "bb_middle": bands.iloc[:, 1], "bb_upper": bands.iloc[:, 2],
    }  # fmt: skip
    converging = {
        "rsi": pandas_ta.rsi(close, 14, talib=False),
        "atr": pandas_ta.atr(high, low, close, 14, talib=False),
        "macd": macd.iloc[:, 0], "macd_hist": macd.iloc[:, 1], "macd_signal": macd.iloc[:, 2],
    }  # fmt: skip
    for name, theirs in same.items():
        np.testing.assert_allclose(ours[name], theirs, rtol=1e-9, atol=1e-9, err_msg=name)
    for name, theirs in converging.items():
        np.testing.assert_allclose(ours[name][1000:], theirs[1000:], rtol=1e-9, atol=1e-10, err_msg=name)


def test_a_million_bars_at_a_high_price_leave_no_drift() -> None:
    """Through the candles' entry, which keeps bars and indicators by the same code."""
    count = 1_000_000
    rng = np.random.default_rng(12)
    close = 60_000.0 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], count))
    bars = np.column_stack([close, close + 0.01, close - 0.01, close, rng.lognormal(0, 2, count), close])
    values = candle_values(bars, FeaturesConfig())[-1]
    last = close[-20:]
    deviation = np.std(last - last[0])
    assert values[COLUMN["bb_upper"]] - values[COLUMN["bb_middle"]] == pytest.approx(2 * deviation, rel=1e-6)
    assert values[COLUMN["sma_slow"]] == pytest.approx(close[-200:].mean(), rel=1e-13)
    assert values[COLUMN["volume_ma"]] == pytest.approx(bars[-20:, 4].mean(), rel=1e-9)
    returns = np.diff(np.log(close[-121:]))
    assert values[COLUMN["return_std_long"]] == pytest.approx(returns.std(ddof=1), rel=1e-6)
    assert values[COLUMN["vwap"]] == pytest.approx(np.average(close, weights=bars[:, 4]), rel=1e-12)


@pytest.mark.parametrize("period", [2, 14])
def test_a_market_that_stands_still_after_its_rise_is_not_oversold(period: int) -> None:
    bars = random_bars(5, 900)
    bars[100:, :4] = bars[100, 3]
    ours = rows_of(bars, rsi_period=period)["rsi"]
    assert ours[100] > 0
    np.testing.assert_allclose(ours[100:], ours[100], rtol=1e-9)


def test_a_market_that_never_moved_has_an_rsi_of_nothing() -> None:
    bars = random_bars(5, 40)
    bars[:, :4] = 100.0
    assert (rows_of(bars)["rsi"][14:] == 0.0).all()
