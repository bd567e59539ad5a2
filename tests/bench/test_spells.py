"""What others spoilt is left out, and that is told."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from tests.bench.spells import MOST_OTHERS, MOST_STOLEN, Lost, Spell, Spells, _own_ticks, losses

TIMES = np.array([[10, 1_000, 0], [20, 3_000, 1], [110, 9_000, 0], [210, 5_000, 0]])


MUCH = Lost(0.0, 2 * MOST_OTHERS)


def spells(*lost: Lost) -> Spells:
    made = Spells(2, 4)
    made.all += [Spell(100 * at, 100 * at + 100, each) for at, each in enumerate(lost)]
    return made


def test_spoilt_spells_do_not_count_and_are_told() -> None:
    made = spells(Lost(0.0, 0.0), Lost(2 * MOST_STOLEN, 0.0), Lost(MOST_STOLEN, MOST_OTHERS))
    assert not made.want_more and len(made.counted) == 2
    assert made.quantiles_us(TIMES, 0.5) == [2.0, 5.0] and made.quantile_us(TIMES, 0.5) == 3.5
    assert made.about() == "2 x 0 s, 1 more spoilt by others"
    assert made.all[0].within(TIMES, 2).tolist() == [0, 1]


def test_there_is_an_end_to_trying() -> None:
    assert spells(MUCH, MUCH, MUCH).want_more and not spells(MUCH, MUCH, MUCH, MUCH).want_more
    made = spells(MUCH, MUCH)
    assert len(made.counted) == 2 and "ALL SPOILT" in made.about()


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
