"""Ratios, checked against empyrical."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS
from engine.portfolio.performance import drawdowns_pct, returns, sharpe, sortino

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    empyrical = pytest.importorskip("empyrical")

DAY_NS = 86_400 * NS
moves = st.lists(st.integers(-500, 500).map(lambda n: n / 10_000), min_size=2, max_size=120)


def curve(steps: list[float]) -> np.ndarray:
    return 100_000.0 * np.cumprod([1.0, *(1.0 + step for step in steps)])


@given(moves)
def test_as_empyrical_has_them(steps: list[float]) -> None:
    values = curve(steps)
    ours = returns(values)
    assert ours == pytest.approx(np.array(steps), abs=1e-12)
    with np.errstate(all="ignore"):
        theirs = (
            float(empyrical.sharpe_ratio(ours, annualization=365)),
            float(empyrical.sortino_ratio(ours, annualization=365)),
            float(empyrical.max_drawdown(ours)),
        )
    mine = (sharpe(ours, DAY_NS), sortino(ours, DAY_NS))
    if len(set(steps)) > 1:
        assert mine[0] == pytest.approx(theirs[0], rel=1e-6, abs=1e-9)
    else:
        assert mine[0] is None, "no spread"
    if min(steps) < 0:
        assert mine[1] == pytest.approx(theirs[1], rel=1e-6, abs=1e-9)
    else:
        assert mine[1] is None, "no loss"
    assert drawdowns_pct(values).max() == pytest.approx(-theirs[2] * 100.0, abs=1e-9)


def test_by_hand() -> None:
    steps = np.array([0.01, -0.02, 0.03, 0.0])
    mean, spread = 0.005, math.sqrt((0.005**2 + 0.025**2 + 0.025**2 + 0.005**2) / 3)
    assert sharpe(steps, DAY_NS) == pytest.approx(mean / spread * math.sqrt(365))
    assert sortino(steps, DAY_NS) == pytest.approx(mean / math.sqrt(0.02**2 / 4) * math.sqrt(365))
    assert sharpe(steps, 30 * NS) == pytest.approx(mean / spread * math.sqrt(365 * 2880))
    assert drawdowns_pct(np.array([100.0, 110.0, 99.0, 120.0, 90.0])).tolist() == pytest.approx(
        [0, 0, 10, 0, 25]
    )


def test_what_cannot_be_told() -> None:
    assert sharpe(np.array([0.01]), DAY_NS) is None and sortino(np.array([-0.01]), DAY_NS) is None
    assert len(returns(np.array([100.0]))) == 0
    assert len(returns(np.array([100.0, -5.0, 100.0]))) == 0, "an account that was lost has no returns"
    assert len(drawdowns_pct(np.zeros(0))) == 0
