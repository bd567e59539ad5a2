from __future__ import annotations

import math

import numpy as np
import pytest

from engine.events import Signal
from engine.feature_table import FLOAT_FIELDS, FeatureTable
from engine.strategies.ema_cross import EmaCross
from engine.strategies.registry import StrategySet
from tests.strategies.rows import feature_row


def fresh(min_gap_atr: float = 0.0) -> EmaCross:
    return EmaCross(EmaCross.Params(min_gap_atr=min_gap_atr, score=0.9, confidence=0.8))


def run(strategy: EmaCross, gaps: list[float]) -> list[Signal | None]:
    rows = [feature_row(bar, ema_fast=100.0 + gap, ema_slow=100.0, atr=1.0) for bar, gap in enumerate(gaps)]
    return [strategy.on_bar(row) for row in rows]


def test_each_cross_is_told_once_with_the_same_score() -> None:
    first, up, still, down = run(fresh(), [-0.5, 0.1, 0.6, -0.01])
    assert first is None and still is None
    assert up is not None and (up.score, up.confidence) == (0.9, 0.8) and "above" in up.reason
    assert down is not None and down.score == -0.9 and "below" in down.reason


def test_equal_averages_and_cold_ones_are_no_cross() -> None:
    assert run(fresh(), [math.nan, 0.0, 0.4, 0.0, 0.2, math.nan, 0.1]) == [None] * 7


def test_a_cross_counts_once_it_is_far_enough() -> None:
    told = run(fresh(min_gap_atr=0.5), [-1.0, 0.4, 0.6])
    assert [one is None for one in told] == [True, True, False]


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert not StrategySet({}).enabled("ema_cross")
    assert StrategySet({"ema_cross": {"enabled": True}}).enabled("ema_cross")


@pytest.mark.parametrize("min_gap_atr", [0.0, 0.3])
def test_the_scan_lets_through_every_row_that_would_speak(min_gap_atr: float) -> None:
    random = np.random.default_rng(2)
    scanned, plain = fresh(min_gap_atr), fresh(min_gap_atr)
    passed = 0
    for bar, gap in enumerate(np.round(random.standard_normal(300), 1).tolist()):
        row = feature_row(bar, ema_fast=100.0 + gap, ema_slow=100.0, atr=1.0)
        values = np.array([[getattr(row, name) for name in FLOAT_FIELDS]])
        one = np.array([bar])
        table = FeatureTable([row.symbol], np.zeros(1, np.int64), row.ns, one, one, values)
        wanted = plain.on_bar(row)
        if scanned.candidates(table)[0]:
            passed += 1
            assert scanned.on_bar(row) == wanted
        else:
            assert wanted is None
    assert 0 < passed < 300
