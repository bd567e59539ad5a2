"""A sweep makes each run once, in whatever order they end, and goes on where it was stopped."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.errors import ConfigError, StoreError
from engine.research.run_log import FILE, RunLog
from engine.research.sweep_outcome import outcome
from engine.research.sweep_runs import Name, Run
from engine.research.sweep_spec import Objective, Requirement, Spec, WalkForward
from engine.research.sweep_table import as_csv, rows
from engine.wiring.sweep_course import UNCHOSEN, sweep, total
from tests.research.made_runs import FAST, SLOW, Here, spec

_SPECS = {
    "grid": spec(),
    "random": spec(f"{FAST}=2..60", f"{SLOW}=log:10..90", kind="random", runs=40),
    "optuna": spec(f"{FAST}=2..60", f"{SLOW}=log:10..90", kind="optuna", runs=20),
    "walk_forward": spec(walk_forward=WalkForward(3)),
    "optuna_walk_forward": spec(kind="optuna", runs=9, walk_forward=WalkForward(2, "rolling", 2, 10)),
}


def _made(of: Spec, folder: Path, room: int = 1) -> tuple[bytes, Here]:
    here = Here(room)
    with RunLog(folder, of) as log:
        progress = sweep(of, log, here)
        assert progress.done == progress.total == total(of) == len(log.runs)
        return as_csv(rows(log.runs, of)), here


@pytest.mark.parametrize("name", _SPECS)
def test_the_table_is_the_same_however_many_run_and_wherever_it_was_stopped(
    name: str, tmp_path: Path
) -> None:
    of = _SPECS[name]
    table, here = _made(of, tmp_path / "one")
    assert _made(of, tmp_path / "five", 5)[0] == table
    whole = (tmp_path / "five" / FILE).read_bytes()
    seeded = random.Random(3)
    for cut in (0, len(whole), *(seeded.randrange(len(whole)) for _ in range(4))):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / FILE).write_bytes(whole[:cut])
        held = max(0, whole[:cut].count(b"\n") - 1)
        again, goes_on = _made(of, folder, 3)
        assert again == table
        assert goes_on.made == here.made - held


def test_points_of_another_making_are_not_mixed_in(tmp_path: Path) -> None:
    of = _SPECS["random"]
    with RunLog(tmp_path, of) as log:
        log.add(Run(Name(0, False, 3), {FAST: 1, SLOW: 2}))
    with RunLog(tmp_path, of) as log, pytest.raises(StoreError, match="run 3 was of other values"):
        sweep(of, log, Here())


def test_the_best_are_those_that_meet_what_is_required(tmp_path: Path) -> None:
    of = spec(requires=(Requirement("trades", True, 50.0),))
    with RunLog(tmp_path, of) as log:
        sweep(of, log, Here())
        found = outcome(log.runs, of, total(of))
        loose = outcome(log.runs, spec(), total(of))
    assert [one.run.point for one in loose.best[:2]] == [{FAST: 4, SLOW: 20}, {FAST: 3, SLOW: 20}]
    assert found.best[0].run.point == {FAST: 5, SLOW: 20}
    assert len(found.best) == 3 and found.trials == 12
    # The more were tried, the less of the same Sharpe ratio is believed.
    sure = loose.best[0].deflated
    alone = outcome({loose.best[0].run.name: loose.best[0].run}, spec(), 1).best[0].deflated
    assert sure is not None and alone is not None and sure < alone
    assert any("the best of 12 trials" in text for text in loose.best[0].warnings) or sure >= 0.95
    least = outcome(log.runs, spec(objective=Objective("trades", largest=False)), total(of))
    assert least.best[0].run.point[FAST] == 2


def test_a_walk_forward_chooses_before_and_tells_what_came_after(tmp_path: Path) -> None:
    of = _SPECS["walk_forward"]
    with RunLog(tmp_path, of) as log:
        sweep(of, log, Here(4))
        found = outcome(log.runs, of, total(of), samples=0)
        judged = [run for name, run in sorted(log.runs.items()) if name.out]
    assert [run.point for run in judged] == [{FAST: 4, SLOW: 20}] * 3
    assert found.best == () and [one.trials for one in found.folds] == [12, 12, 12]
    assert [one.fold.judged_since_ns for one in found.folds] == [500, 666, 833]
    assert found.out_of_sample is not None
    # 1.004 ** 5 on each of three parts, each from the same cash.
    assert found.out_of_sample.return_pct == pytest.approx(300 * (1.004**5 - 1))
    assert found.out_of_sample.final_equity == pytest.approx(10_000 * (1 + 3 * (1.004**5 - 1)))
    in_sample, out = found.folds[0].in_sample, found.folds[0].out_of_sample
    assert in_sample == 3.0 and out == pytest.approx(3.05)


def test_a_part_in_which_what_was_chosen_fails_is_told(tmp_path: Path) -> None:
    """The headline was of the others, and nobody said so."""
    of = _SPECS["walk_forward"]

    class Fails(Here):
        def ended(self, timeout_s: float) -> list[Run]:
            (run,) = super().ended(timeout_s)
            if run.name.fold == 2 and run.name.out:
                return [Run(run.name, run.point, status="failed", error="it raised")]
            return [run]

    with RunLog(tmp_path, of) as log:
        sweep(of, log, Fails())
        found = outcome(log.runs, of, total(of), samples=0)
    assert found.out_of_sample is not None
    assert found.out_of_sample.return_pct == pytest.approx(200 * (1.004**5 - 1))
    assert any("in 1 of 3 parts what was chosen came to no result" in text for text in found.warnings)


def test_where_nothing_can_be_chosen_nothing_is_judged(tmp_path: Path) -> None:
    of = spec(walk_forward=WalkForward(2), requires=(Requirement("trades", True, 1e6),))
    with RunLog(tmp_path, of) as log:
        here = Here()
        sweep(of, log, here)
        assert here.made == 24
        assert {run.error for name, run in log.runs.items() if name.out} == {UNCHOSEN}
        found = outcome(log.runs, of, total(of))
    assert found.out_of_sample is None
    assert any("nothing could be chosen" in text for text in found.warnings)


def test_parameters_that_change_nothing_are_told(tmp_path: Path) -> None:
    of = spec(f"{SLOW}=10,20,30")  # the digest of a made run follows the other alone
    with RunLog(tmp_path, of) as log:
        sweep(of, log, Here())
        assert any("change nothing" in text for text in outcome(log.runs, of, 3).warnings)
        assert any("2 of 5 runs are still" in text for text in outcome(log.runs, of, 5).warnings)


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        (("a", "b", "a", "b"), False),  # of two parts of the same data: as many kinds as parts
        (("", "", "a", "b"), False),
        (("a", "a", "b", "b"), True),
        (("", "", "", ""), True),
    ],
)
def test_of_parts_it_is_told_where_no_part_tells_the_values_apart(
    orders: tuple[str, ...], expected: bool
) -> None:
    of = spec(f"{FAST}=2..3", walk_forward=WalkForward(2))
    names = [Name(fold, False, n) for fold in (1, 2) for n in (0, 1)]
    runs = {
        name: Run(name, {FAST: 2 + name.n}, figures={"trades": 1, "sharpe": 1.0}, sha256=sha256)
        for name, sha256 in zip(names, orders, strict=True)
    }
    told = outcome(runs, of, len(runs)).warnings
    assert any("change nothing" in text for text in told) is expected


def test_why_runs_were_refused_is_told(tmp_path: Path) -> None:
    of = spec(f"{FAST}=5,25", f"{SLOW}=20,30")
    with RunLog(tmp_path, of) as log:
        sweep(of, log, Here())
        found = outcome(log.runs, of, 4)
    assert found.refused == 1
    told = "1 of 4 runs refused, the first run 2: features.ema_fast must be below features.ema_slow"
    assert told in found.warnings


def test_data_too_short_for_the_parts_are_refused(tmp_path: Path) -> None:
    of = spec(walk_forward=WalkForward(3, gap_ns=600))
    with RunLog(tmp_path, of) as log, pytest.raises(ConfigError, match="too short"):
        sweep(of, log, Here())
