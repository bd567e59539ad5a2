"""Not every source tells who took: trades of unknown side lean to neither side, live and in a backtest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.quant.registry import NAMES, QuantSet
from engine.research.bar_ticks import Series, pack
from tests.features.ticks import T0, block, quote, trade

MICROSTRUCTURE = NAMES.index("microstructure")


def leaning(ticks: Any, bar_s: float) -> list[float]:
    """The module's score at each bar's close."""
    features, quant = FeatureEngine(FeaturesConfig(bar_s=bar_s)), QuantSet(round(bar_s * NS))
    features.add_symbol("test:A")
    quant.add_symbol()
    found, position = [], 0
    while (outcome := features.feed(ticks, position, len(ticks)))[0] != NONE:
        code, position, _ = outcome
        assert code == BARS
        scores, _ = quant.on_bars(features.closed_table())
        found.append(float(scores[MICROSTRUCTURE, 0]))
    return found


@pytest.mark.parametrize(("side", "score"), [(0, 0.0), (1, 0.5), (-1, -0.5)])
def test_beside_an_even_book_the_takers_alone_decide(side: int, score: float) -> None:
    ticks = [quote(0, 100.0, 100.0, 5.0, 5.0), *(trade(at, 100.0, 2.0, side) for at in (0.1, 0.5, 1.1))]
    assert leaning(block(*ticks), 1.0) == [score]


def test_without_a_book_trades_of_unknown_side_say_nothing() -> None:
    (found,) = leaning(block(trade(0.1, 100.0, 2.0, 0), trade(1.1, 100.0, 2.0, 0)), 1.0)
    assert math.isnan(found)


def test_the_bars_of_a_backtest_lean_to_neither_side() -> None:
    begin_ns = (T0 // (60 * NS) + np.arange(5)) * 60 * NS
    bars = np.tile([100.0, 101.0, 99.0, 100.5, 1_000.0], (5, 1))
    assert leaning(pack([Series(begin_ns, bars)], 60, spread_bps=2.0), 60.0) == [0.0] * 4
