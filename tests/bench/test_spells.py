"""What others spoilt is left out, and that is told."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from tests.bench.spells import MOST_OTHERS, MOST_STOLEN, Lost, Spell, Turns, _own_ticks, losses

TIMES = np.array([[10, 1_000, 0], [20, 3_000, 1], [110, 9_000, 0], [210, 5_000, 0], [310, 10_000, 0]])


NONE, MUCH = Lost(0.0, 0.0), Lost(0.0, 2 * MOST_OTHERS)


def turns(*lost: Lost) -> Turns:
    """As many spells, in turns without the load and under it."""
    made = Turns(1, 2)
    each = [Spell(100 * at, 100 * at + 100, one) for at, one in enumerate(lost)]
    for pair in zip(each[::2], each[1::2], strict=True):
        made.turn(*pair)
    return made


def test_a_turn_counts_where_neither_spell_was_spoilt() -> None:
    made = turns(NONE, Lost(MOST_STOLEN, MOST_OTHERS), Lost(2 * MOST_STOLEN, 0.0), NONE)
    assert not made.want_more and len(made.counted) == 1
    assert made.without_us(TIMES, 0.5) == [2.0] and made.under_us(TIMES, 0.5) == [9.0]
    assert made.about() == "1 tries, 1 more spoilt by others"
    assert made.counted[0].without.within(TIMES, 2).tolist() == [0, 1]


def test_ratios_are_of_the_two_spells_of_a_turn() -> None:
    assert turns(NONE, NONE, NONE, NONE).ratios(TIMES, 0.5) == [4.5, 2.0]


def test_there_is_an_end_to_trying() -> None:
    assert turns(MUCH, NONE).want_more and not turns(MUCH, NONE, NONE, MUCH).want_more
    made = turns(NONE, MUCH)
    assert len(made.counted) == 1 and "ALL SPOILT" in made.about()


def _busy(seconds: float) -> list[str]:
    work = f"import time\nuntil = time.perf_counter() + {seconds}\nwhile time.perf_counter() < until: pass"
    return [sys.executable, "-c", work]


def test_what_we_start_is_ours_while_it_runs_and_afterwards() -> None:
    before = _own_ticks()
    with subprocess.Popen(_busy(0.6)) as started:
        while (running := _own_ticks()) <= before and started.poll() is None:
            time.sleep(0.01)
    assert started.returncode == 0
    ended = _own_ticks()
    if not before and not ended:
        pytest.skip("this system does not tell")
    assert before < running <= ended


def test_shares_are_of_the_processors_time() -> None:
    lost = losses()
    subprocess.run(_busy(0.2), check=True)
    assert 0.0 <= lost().stolen <= 1.0 and 0.0 <= lost().others <= 1.0
