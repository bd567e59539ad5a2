from __future__ import annotations

from itertools import pairwise

from engine.events import FeatureRow, Signal
from engine.strategies.golden_cross import GoldenCross
from tests.strategies.rows import feature_row


def fresh(min_gap_atr: float = 0.05) -> GoldenCross:
    return GoldenCross(GoldenCross.Params(min_gap_atr=min_gap_atr))


def averages(bar: int, before: float, now: float) -> FeatureRow:
    """The fast average ``before`` and ``now`` above the slow one, with an ATR of 1."""
    return feature_row(
        bar, sma_fast=100 + now, sma_slow=100.0, sma_fast_prev=100 + before, sma_slow_prev=100.0, atr=1.0
    )


def run(strategy: GoldenCross, gaps: list[float]) -> list[Signal | None]:
    return [strategy.on_bar(averages(i, a, b)) for i, (a, b) in enumerate(pairwise(gaps))]


def test_a_golden_cross_is_bought_and_a_death_cross_sold() -> None:
    golden, held, death, after = run(fresh(), [-0.5, 0.5, 0.6, -0.4, -0.5])
    assert golden is not None and golden.score > 0.5 and golden.reason.startswith("golden cross: ")
    assert death is not None and death.score < -0.5 and death.reason.startswith("death cross: ")
    assert held is None and after is None


def test_averages_that_run_together_do_not_chatter() -> None:
    assert run(fresh(), [0.5, -0.01, 0.01, -0.02, 0.02, 0.5]) == [None] * 5
    assert run(fresh(), [0.5, -0.01, -0.03, -0.06])[-1] is not None, "it counts once it is clear"


def test_a_cross_while_nothing_traded_counts_at_the_next_trade() -> None:
    strategy = fresh()
    assert strategy.on_bar(averages(1, -0.5, -0.4)) is None
    assert strategy.on_bar(averages(9, 0.3, 0.4)) is not None


def test_averages_that_start_over_have_no_side() -> None:
    strategy = fresh()
    assert strategy.on_bar(averages(1, -0.5, -0.4)) is None
    assert strategy.on_bar(feature_row(2)) is None
    assert strategy.on_bar(averages(3, float("nan"), 0.4)) is None
    assert strategy.on_bar(averages(4, 0.4, -0.4)) is not None


def test_no_atr_no_signal() -> None:
    row = feature_row(1, sma_fast=101.0, sma_slow=100.0, sma_fast_prev=99.0, sma_slow_prev=100.0)
    assert fresh().on_bar(row) is None
