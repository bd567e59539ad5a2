"""The default parameters on real BTCUSDT trading: a handful of signals, not none and not hundreds."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.events import FeatureRow
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.strategies.registry import StrategySet
from engine.ticks import TICK, TRADE
from tests.strategies.rows import Tape, table_of

CAPTURE = "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"


def bars_of(path: Path) -> list[FeatureRow]:
    """Feature rows of the capture's 1 s bars."""
    ticks = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if '\\"e\\":\\"trade\\"' not in line:
                continue
            frame = json.loads(line)
            raw = json.loads(frame["raw"])
            trade = raw.get("data", raw)
            side = -1 if trade["m"] else 1
            price, size = float(trade["p"]), float(trade["q"])
            at, made = frame["t"], trade["T"] * 1_000_000
            ticks.append((at, made, trade["t"], 0, TRADE, 0, side, 0, price, size, 0.0, 0.0))
    engine = FeatureEngine(FeaturesConfig())
    engine.add_symbol("binance:BTCUSDT")
    block = np.array(ticks, dtype=TICK)
    rows, position = [], 0
    while True:
        code, position, _ = engine.feed(block, position, len(block))
        if code == NONE:
            return rows
        if code == BARS:
            rows += engine.rows(engine.closed())


@pytest.mark.data
def test_a_reasonable_number_of_signals_on_real_trading(data_dir: Path) -> None:
    rows = bars_of(data_dir / CAPTURE)
    closed = Tape()
    strategies = StrategySet({}, bars=closed.bars)
    signals = []
    for row in rows:
        table = table_of([row], ["binance:BTCUSDT"])
        closed.close(table)
        signals += strategies.on_bars(table)
    counts = Counter(signal.source for signal in signals)
    assert len(rows) > 600
    assert 3 <= counts["golden_cross"] <= 15
    assert 8 <= counts["trend"] <= 40
    assert 3 <= counts["breakout"] <= 40, counts
    assert 8 <= counts["mean_reversion"] <= 40
    assert counts["rapid_rise"] == 0, "the whole range was half a percent"
    for source in ("golden_cross", "trend", "mean_reversion", "breakout"):
        sides = Counter(signal.score > 0 for signal in signals if signal.source == source)
        assert min(sides[True], sides[False]) >= 2
    assert strategies.take_errors() == []
