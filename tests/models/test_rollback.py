"""The judge of a model at work: when it must go, and when not."""

from __future__ import annotations

import numpy as np
import pytest

from engine.config import RollbackConfig
from engine.models.rollback import Judge

FINE, SAME = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.1, 0.1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e100, -1.7e308])
def test_what_is_not_finite_goes_at_once(bad: float) -> None:
    assert "not finite" in Judge(RollbackConfig(strikes=9)).on_batch(np.array([1.0, bad]), None)


def test_strikes_must_come_in_a_row() -> None:
    judge = Judge(RollbackConfig(strikes=3))
    assert [bool(judge.on_batch(p, None)) for p in (SAME, SAME, FINE, SAME, SAME, SAME)] == [False] * 5 + [
        True
    ]
    judge = Judge(RollbackConfig(strikes=2, latency_ms=10))
    assert [bool(judge.on_batch(FINE, ms)) for ms in (11, 9, 11, 10, 11, 12)] == [False] * 5 + [True]
    judge = Judge(RollbackConfig(strikes=2))
    assert not judge.on_silence("why") and not judge.on_batch(FINE, 1.0) and not judge.on_silence("why")
    assert "2 batches in a row: why" in judge.on_silence("why")


def test_latency_that_is_not_judged_or_not_measured_counts_nothing() -> None:
    assert not Judge(RollbackConfig(strikes=1, latency_ms=0)).on_batch(FINE, 1e9)
    assert not Judge(RollbackConfig(strikes=1, latency_ms=1)).on_batch(FINE, None)
    assert Judge(RollbackConfig(strikes=1, latency_ms=1)).on_batch(FINE, 1.1).endswith("once")


def test_equal_but_for_rounding_is_equal() -> None:
    judge = Judge(RollbackConfig(strikes=1))
    assert judge.on_batch(np.array([0.1 + 0.2, 0.3]), None)
    assert not judge.on_batch(np.array([1e-300, 2e-300]), None)


def test_the_live_ic_needs_a_floor_and_enough_steps() -> None:
    assert not Judge(RollbackConfig()).on_live_ic(-1.0, 10_000)
    judge = Judge(RollbackConfig(min_live_ic=0.01, live_ic_steps=20))
    assert not judge.on_live_ic(-1.0, 19) and not judge.on_live_ic(None, 20)
    assert not judge.on_live_ic(0.01, 20)
    assert "below 0.01" in judge.on_live_ic(0.009, 20)
