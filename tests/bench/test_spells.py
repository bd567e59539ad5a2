"""What others spoilt is left out, and that is told."""

from __future__ import annotations

import os
import time

import numpy as np

from tests.bench.spells import MOST_LOST, Spell, Spells, losses

TIMES = np.array([[10, 1_000, 0], [20, 3_000, 1], [110, 9_000, 0], [210, 5_000, 0]])


def spells(*lost: float) -> Spells:
    made = Spells(2, 4)
    made.all += [Spell(100 * at, 100 * at + 100, share) for at, share in enumerate(lost)]
    return made


def test_spoilt_spells_do_not_count_and_are_told() -> None:
    made = spells(0.0, 2 * MOST_LOST, MOST_LOST)
    assert not made.want_more and len(made.counted) == 2
    assert made.quantiles_us(TIMES, 0.5) == [2.0, 5.0] and made.quantile_us(TIMES, 0.5) == 3.5
    assert made.about() == "2 x 0 s, 1 more spoilt by others"
    assert made.all[0].within(TIMES, 2).tolist() == [0, 1]


def test_there_is_an_end_to_trying() -> None:
    assert spells(0.5, 0.5, 0.5).want_more and not spells(0.5, 0.5, 0.5, 0.5).want_more
    made = spells(0.5, 0.5)
    assert len(made.counted) == 2 and "ALL SPOILT" in made.about()


def test_losses_are_a_share_of_the_time() -> None:
    lost = losses(os.getpid())
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        pass
    assert 0.0 <= lost() < 5.0
    assert losses(2**22 + 1)() < 5.0, "of a process that is not there nothing is known"
