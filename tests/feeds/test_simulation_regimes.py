"""Regimes, bursts and their schedule."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from engine.events import NS
from engine.feeds.simulation.regimes import CHARACTERS, Regime, draw_burst, successor
from engine.feeds.simulation.schedule import BurstSchedule


def test_chain_reaches_trends_and_calm_but_never_wild_by_itself() -> None:
    random, regime, seen = Random(1), Regime.CALM, Counter[Regime]()
    for _ in range(2000):
        regime = successor(regime, random)
        seen[regime] += 1
    assert set(seen) == {Regime.CALM, Regime.TREND_UP, Regime.TREND_DOWN}
    assert seen[Regime.CALM] > seen[Regime.TREND_UP] > 200


@pytest.mark.parametrize("wild", [Regime.WILD_UP, Regime.WILD_DOWN])
def test_wild_ends_in_the_chain(wild: Regime) -> None:
    assert not successor(wild, Random(3)).wild


def test_every_regime_has_its_numbers() -> None:
    assert set(CHARACTERS) == set(Regime)
    calm = CHARACTERS[Regime.CALM]
    assert all(
        CHARACTERS[regime].action_rate > calm.action_rate for regime in Regime if regime is not Regime.CALM
    )
    assert [regime.direction for regime in Regime] == [0, 1, -1, 1, -1]


def test_burst_is_large_and_short() -> None:
    random = Random(5)
    for _ in range(200):
        burst = draw_burst(random, deviation=0.0, upward=False)
        assert burst.move >= 0.03
        assert burst.length_s < 5.0


def test_burst_far_from_the_anchor_leads_back() -> None:
    random = Random(5)
    assert {draw_burst(random, deviation=0.13, upward=False).direction for _ in range(100)} == {-1}
    assert {draw_burst(random, deviation=-0.13, upward=False).direction for _ in range(100)} == {1}
    assert {draw_burst(random, deviation=0.13, upward=True).direction for _ in range(100)} == {1}


@pytest.mark.parametrize("seed", range(20))
def test_schedule_keeps_its_promises(seed: int) -> None:
    live_ns = 300 * NS
    schedule = BurstSchedule(3, seed=seed, start_ns=0, live_ns=live_ns)
    dealt = sorted(
        ((symbol, schedule.next_for(symbol)) for symbol in range(3) for _ in range(20)),
        key=lambda item: item[1].start_ns,
    )
    # A symbol's twentieth may lie beyond the others' last: compare up to the earliest last.
    end_ns = min(max(b.start_ns for s, b in dealt if s == symbol) for symbol in range(3))
    bursts = [burst for _, burst in dealt if burst.start_ns <= end_ns]
    past = [burst for burst in bursts if burst.start_ns < live_ns]
    live = [burst for burst in bursts if burst.start_ns >= live_ns]
    assert past and all(burst.start_ns <= live_ns - 20 * NS and not burst.upward for burst in past)
    assert live[0].upward and 2 * NS <= live[0].start_ns - live_ns <= 4 * NS
    assert not any(burst.upward for burst in live[1:])
    for stretch in (past, live):
        assert all(20 * NS <= b.start_ns - a.start_ns <= 40 * NS for a, b in pairwise(stretch))
