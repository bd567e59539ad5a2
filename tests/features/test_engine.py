"""The feature engine: the same to the bit however ticks are batched, and on a captured day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.alpha158 import alpha158_live
from engine.features.engine import BARS, EXIT, NONE, RISE, WAKE, FeatureEngine
from engine.features.state import NEVER
from engine.ticks import TRADE
from tests.features.captures import binance_ticks
from tests.features.running_engine import make, played, random_ticks


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_any_batch_split_gives_the_same_bits(seed: int, data: st.DataObject) -> None:
    ticks = random_ticks(np.random.default_rng(seed), 300, 3)
    cuts = sorted(data.draw(st.lists(st.integers(0, 300), max_size=30)))
    whole = played(ticks, [], 3)
    assert played(ticks, cuts, 3) == whole
    assert played(ticks, list(range(1, 300)), 3) == whole
    assert {entry[0] for entry in whole[0]} >= {BARS}


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(1, 299), max_size=12),
    bar_s=st.sampled_from([0.5, 1.0, 5.0, 60.0]),
    window_s=st.sampled_from([0.4, 5.0, 30.0]),
    late=st.sampled_from([0, 150]),
)
def test_any_split_at_any_bar_and_window_length_and_with_a_symbol_added_midway(
    seed: int, cuts: list[int], bar_s: float, window_s: float, late: int
) -> None:
    ticks = random_ticks(np.random.default_rng(seed), 300, 3)
    ticks["symbol"][:late] %= 2
    whole = played(ticks, [], 3, bar_s=bar_s, window_s=window_s, late=late)
    assert played(ticks, cuts, 3, bar_s=bar_s, window_s=window_s, late=late) == whole
    assert played(ticks, list(range(1, 300)), 3, bar_s=bar_s, window_s=window_s, late=late) == whole


def test_the_split_test_sees_every_kind_of_trigger() -> None:
    log, _ = played(random_ticks(np.random.default_rng(1), 300, 3), [], 3)
    assert {BARS, RISE, EXIT, WAKE} <= {entry[0] for entry in log}
    outdated = [entry for entry in log if entry[0] == EXIT and entry[3].startswith("(nan")]
    assert outdated and len(outdated) < sum(entry[0] == EXIT for entry in log)


@pytest.mark.data
def test_bars_and_windows_of_a_captured_day(data_dir: Path) -> None:
    """Every bar that had trades, and the window at each close, against plain numpy over the same ticks."""
    ticks = binance_ticks(data_dir)
    trades = ticks[ticks["kind"] == TRADE]
    clock = np.maximum.accumulate(ticks["recv_ns"])[ticks["kind"] == TRADE]
    engine = make()
    engine.wake_at(0, NEVER)
    position, seen, volume = 0, 0, 0.0
    while True:
        code, position, _ = engine.feed(ticks, position, len(ticks))
        if code == NONE:
            break
        row = engine.row(0)
        if row.trade_count:
            first, end = np.searchsorted(clock, [row.bar_start_ns, row.bar_start_ns + NS])
            prices = trades["a"][first:end]
            assert (row.open, row.high, row.low, row.close, row.trade_count) == (
                prices[0], prices.max(), prices.min(), prices[-1], end - first,
            )  # fmt: skip
            seen += end - first
            volume += row.volume
        first, end = np.searchsorted(clock, [engine.now_ns - 5 * NS + 1, engine.now_ns])
        assert row.window_count == end - first
        assert row.window_volume == pytest.approx(trades["b"][first:end].sum(), rel=1e-9)
    assert seen > 0.99 * len(trades)
    assert volume == pytest.approx(trades["b"][:seen].sum(), rel=1e-9)


@pytest.mark.parametrize("index", [-1, 1, 5_000, 10**9])
def test_an_index_that_was_not_added_is_refused(index: int) -> None:
    """Kernels are called by address: beyond the rows lies other memory."""
    engine = FeatureEngine(FeaturesConfig())
    engine.add_symbol("sim:AAA")
    wanted = np.array([index])
    for read in (engine.table, engine.live_mids, lambda indices: alpha158_live(indices, engine.address)):
        with pytest.raises(IndexError):
            read(wanted)
