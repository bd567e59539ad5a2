"""Alpha158 against the reference, and one code path for live, block and series."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.alpha158 import (
    HISTORY,
    NAMES,
    SCHEMA_HASH,
    WIDTH,
    alpha158,
    alpha158_block,
    alpha158_live,
    alpha158_series,
    schema_hash,
)
from engine.features.engine import NONE, FeatureEngine
from engine.ticks import TICK, TRADE


def random_bars(n: int, seed: int, *, holes: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    open_ = close * (1 + rng.normal(0, 3e-4, n))
    high = np.maximum(open_, close) * 1.0002
    low = np.minimum(open_, close) * 0.9997
    volume = rng.integers(0, 4, n).astype(float)
    bars = np.column_stack([open_, high, low, close, volume, (high + low + close) / 3])
    if holes:
        bars[rng.random(n) < 0.1] = np.nan
        bars[rng.random(n) < 0.05, 4] = np.inf
        bars[rng.random(n) < 0.05, 3] = -np.inf
    return bars


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal bit for bit; any NaN equals any NaN."""
    return a.shape == b.shape and bool(
        np.all((a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b)))
    )


@pytest.mark.data
@pytest.mark.parametrize("name", ["GOOG_daily", "EURUSD_1h", "XRP_ETH_5m", "edge_SPY_modified"])
def test_reference(data_dir: Path, name: str) -> None:
    with (data_dir / "alpha158" / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = ("open", "high", "low", "close", "volume", "vwap")
    bars = np.array([[float(row[key]) if row[key] else np.nan for key in columns] for row in rows])
    with np.load(data_dir / "alpha158" / f"{name}.alpha158.npz") as reference:
        names, exact = tuple(reference["names"]), reference["exact"]
        ambiguous = np.unpackbits(reference["ambiguous"], count=exact.size).reshape(exact.shape).astype(bool)
    ours = alpha158_series(bars)
    assert names == NAMES
    assert not np.any((np.isnan(ours) != np.isnan(exact)) & ~ambiguous)
    with np.errstate(invalid="ignore"):
        error = np.abs(ours - exact) / np.maximum(1, np.abs(exact))
    error[np.isnan(exact) | (ours == exact) | ambiguous] = 0
    assert error.max() <= 1e-9


def test_names() -> None:
    assert len(NAMES) == WIDTH == 158 and len(set(NAMES)) == 158
    assert NAMES[:3] == ("KMID", "KLEN", "KMID2") and NAMES[13] == "ROC5" and NAMES[-1] == "VSUMD60"


def test_start_of_a_series() -> None:
    """Which cells are unknown on the first bars, and the values that are defined there."""
    features = alpha158_series(np.add(random_bars(70, 1), [0, 0, 0, 0, 1, 0]))

    def unknown(row: int) -> set[str]:
        return {name for name, value in zip(NAMES, features[row], strict=True) if np.isnan(value)}

    def each(*groups: str) -> set[str]:
        return {f"{group}{d}" for group in groups for d in (5, 10, 20, 30, 60)}

    lags = each("CORD", "WVMA", "ROC")
    sums = each("SUMP", "SUMN", "SUMD", "VSUMP", "VSUMN", "VSUMD")
    assert unknown(0) == lags | sums | each("STD", "BETA", "RSQR", "RESI", "CORR", "VSTD")
    assert each("ROC") <= unknown(1) <= lags | each("CORR")
    assert {"WVMA5", "CORD60"} <= unknown(1)
    assert {name for name in unknown(10) if name.startswith("ROC")} == {"ROC20", "ROC30", "ROC60"}
    assert not unknown(60)
    first = dict(zip(NAMES, features[0], strict=True))
    assert first["MA5"] == first["RANK5"] == 1 and first["IMAX5"] == 1 / 5
    assert first["CNTP5"] == first["CNTN60"] == 0


def test_flat_series_has_no_trend_and_no_path() -> None:
    value = dict(zip(NAMES, alpha158(np.tile([2.1, 2.1, 2.1, 2.1, 5.3, 2.1], (61, 1))), strict=True))
    assert value["STD60"] == value["VSTD60"] == value["BETA30"] == value["SUMP60"] == value["WVMA20"] == 0
    assert np.isnan(value["RSQR60"]) and np.isnan(value["CORR60"]) and value["RANK60"] == 61 / 120


@given(seed=st.integers(0, 2**32), n=st.integers(1, 130), holes=st.booleans())
@settings(max_examples=40, deadline=None)
def test_one_at_a_time_block_and_series_agree(seed: int, n: int, holes: bool) -> None:
    bars = random_bars(n, seed, holes=holes)
    series = alpha158_series(bars)
    last = alpha158(bars)
    assert same_bits(last, series[-1])
    assert same_bits(last, alpha158(np.asfortranarray(bars[-HISTORY:])))
    other = random_bars(n, seed + 1, holes=holes)
    block = alpha158_block(np.stack([bars, other, bars]))
    assert same_bits(block, np.stack([last, alpha158(other), last]))


def test_block_with_short_histories() -> None:
    bars = random_bars(61, 3)
    block = alpha158_block(np.stack([bars, bars, bars]), np.array([61, 7, 0]))
    assert same_bits(block[0], alpha158(bars))
    assert same_bits(block[1], alpha158(bars[-7:]))
    assert np.isnan(block[2]).all()
    with pytest.raises(ValueError, match="counts"):
        alpha158_block(np.stack([bars]), np.array([62]))


@pytest.mark.parametrize("seconds", [62, 300, 512 + 30])
def test_out_of_an_engine_as_from_its_bars(seconds: int) -> None:
    random = np.random.default_rng(seconds)
    engine = FeatureEngine(FeaturesConfig())
    for symbol in ("a:X", "a:Y"):
        engine.add_symbol(symbol)
    ticks = np.zeros(2 * seconds, TICK)
    ticks["symbol"], ticks["kind"] = np.arange(len(ticks)) % 2, TRADE
    ticks["recv_ns"] = ticks["event_ns"] = NS + np.arange(len(ticks)) * (NS // 2)
    ticks["a"], ticks["b"] = random.uniform(90, 110, len(ticks)), random.uniform(1, 9, len(ticks))
    position = 0
    while (outcome := engine.feed(ticks, position, len(ticks)))[0] != NONE:
        position = outcome[1]
    live = alpha158_live(np.array([1, 0]), engine.address)
    assert same_bits(live, np.stack([alpha158(engine.bars(index, HISTORY)) for index in (1, 0)]))


def test_only_the_last_61_bars_count() -> None:
    bars = random_bars(90, 5)
    bars[: 90 - HISTORY] = 1e9
    assert same_bits(alpha158(bars), alpha158(random_bars(90, 5)))
    changed = random_bars(90, 5)
    changed[90 - HISTORY, 3] *= 2
    assert not same_bits(alpha158(bars), alpha158(changed))


def test_wrong_shapes_are_refused() -> None:
    for shape in ((61, 5), (0, 6), (6,), (2, 61, 6)):
        with pytest.raises(ValueError, match="bars of shape"):
            alpha158(np.zeros(shape))


def test_schema_hash_names_the_bar_interval() -> None:
    assert schema_hash(1) == SCHEMA_HASH == schema_hash(1.0) and len(SCHEMA_HASH) == 64
    assert schema_hash(60.0) != SCHEMA_HASH
