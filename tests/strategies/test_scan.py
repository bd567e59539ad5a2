"""What candidates leave out would have said nothing: for every shipped strategy, at every boundary."""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, Signal
from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.strategies.base import Strategy
from engine.strategies.registry import STRATEGIES, StrategySet
from tests.strategies.rows import Tape, feature_row, table_of
from tests.strategies.test_on_capture import CAPTURE, bars_of

NAMES = [f"venue:S{number}" for number in range(70)]
"""More than the memory of a scan holds at first."""
SHOWN = (0, 3, 69)
QUICK: dict[str, dict[str, float]] = {
    "trend": {"cooldown_s": 3},
    "mean_reversion": {"cooldown_s": 3},
    "breakout": {"cooldown_s": 3, "channel_bars": 4},
}


def near(values: list[float]) -> st.SearchStrategy[float]:
    return st.sampled_from([float("nan"), *values])


FIELDS = {
    "close": near([96.0, 98.0, 100.0, 102.0, 104.0]),
    "high": st.sampled_from([100.0, 101.0, 103.0]),
    "low": st.sampled_from([97.0, 99.0, 100.0]),
    "volume": near([0.0, 5.0, 20.0]),
    "volume_ma": near([0.0, 5.0]),
    "window_change_pct": near([-2.5, 0.0, 2.0, 3.0]),
    "window_volume": near([0.5, 10.0]),
    "window_vwap": near([100.0]),
    "window_count": near([2.0, 5.0]),
    "rsi": near([0.0, 20.0, 50.0, 80.0]),
    "ema_fast": near([97.0, 100.0, 103.0]),
    "ema_slow": near([100.0]),
    "bb_upper": near([98.0, 102.0]),
    "bb_lower": near([98.0]),
    "atr": near([0.0, 1.0]),
    "macd_hist": near([-0.1, 0.0, 0.1]),
    "momentum": near([-4.0, 0.0, 4.0]),
    "sma_fast": near([99.0, 99.99, 100.0, 100.01, 101.0]),
    "sma_slow": near([100.0]),
    "sma_fast_prev": near([99.0, 101.0]),
    "sma_slow_prev": near([100.0]),
    "filled": st.sampled_from((0.0, 0.0, 0.0, 1.0)),
}


@st.composite
def boundaries(draw: st.DrawFn) -> list[FeatureTable]:
    found = []
    closed = dict.fromkeys(SHOWN, 0)
    for bar in range(draw(st.integers(1, 25))):
        indices = [index for index in SHOWN if draw(st.integers(0, 3))]
        rows = []
        for index in indices:
            closed[index] += 1
            fields = draw(st.fixed_dictionaries(FIELDS))
            rows.append(feature_row(bar, NAMES[index], bars=closed[index], **fields))
        found.append(table_of(rows, NAMES))
    return found


def of(kind: type[Strategy], tape: Tape) -> StrategySet:
    options: dict[str, dict[str, Any]] = {name: {"enabled": name == kind.name} for name in STRATEGIES}
    options[kind.name] |= QUICK.get(kind.name, {})
    if kind.name == "rapid_rise":
        options[kind.name]["falls"] = True
    return StrategySet(options, bars=tape.bars)


def on_every_row(strategy: Strategy, table: FeatureTable) -> list[Signal]:
    rows = [table.row(position) for position in range(len(table))]
    heard = [strategy.on_bar(row) for row in rows if row.filled != 1.0]
    return [signal for signal in heard if signal is not None]


@pytest.mark.parametrize("kind", STRATEGIES.values(), ids=STRATEGIES)
@settings(max_examples=60, deadline=None)
@given(tape=boundaries(), switched=st.integers(1, 12))
def test_candidates_leave_out_only_what_would_be_silent(
    kind: type[Strategy], tape: list[FeatureTable], switched: int
) -> None:
    closed = Tape()
    chosen = of(kind, closed)
    changes = {"falls": True} if kind.name == "rapid_rise" else QUICK.get(kind.name, {})
    every = kind(msgspec.convert(changes, kind.Params))
    every.connect(closed.bars)
    for number, table in enumerate(tape):
        closed.close(table)
        if number == switched:
            chosen.set_enabled(kind.name, False)
            chosen.set_enabled(kind.name, True)
            every = kind(msgspec.convert(changes, kind.Params))
            every.connect(closed.bars)
        assert chosen.on_bars(table) == on_every_row(every, table)
    assert chosen.take_errors() == []


@pytest.mark.data
def test_on_real_trading_too_and_with_few_candidates(data_dir: Path) -> None:
    rows = bars_of(data_dir / CAPTURE)
    tape = [table_of(list(group), ["binance:BTCUSDT"]) for _, group in groupby(rows, lambda row: row.ns)]
    for kind in STRATEGIES.values():
        closed = Tape()
        chosen, watched = of(kind, closed), kind(kind.Params())
        every = kind(msgspec.convert(QUICK.get(kind.name, {}), kind.Params))
        every.connect(closed.bars)
        watched.connect(closed.bars)
        passed = 0
        for table in tape:
            closed.close(table)
            mask = watched.candidates(table)
            assert mask is not None or kind.name == "model"
            for position in [] if mask is None else mask.nonzero()[0].tolist():
                passed += 1
                watched.on_bar(table.row(position))
            if kind.name != "rapid_rise":
                assert chosen.on_bars(table) == on_every_row(every, table)
        assert passed <= 0.06 * len(rows), f"{kind.name} looked at {passed} of {len(rows)}"


def test_a_boundary_with_nothing_to_do_is_cheap() -> None:
    values = np.full((500, len(FLOAT_FIELDS)), 100.0)
    values[:, FLOAT_FIELDS.index("filled")] = 0.0
    values[:, FLOAT_FIELDS.index("window_change_pct")] = 0.1
    names = [f"venue:S{number}" for number in range(500)]
    starts = np.zeros(500, np.int64)
    table = FeatureTable(names, np.arange(500), 5 * NS, starts, starts, values)
    strategies = StrategySet({})
    assert strategies.on_bars(table) == []
    times = []
    for _ in range(50):
        began = time.perf_counter()
        strategies.on_bars(table)
        times.append(time.perf_counter() - began)
    assert min(times) < 500e-6, "the goal is 100 us; this only catches rows being made one by one"
