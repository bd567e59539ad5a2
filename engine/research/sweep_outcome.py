"""What a sweep came to: the best runs with what to doubt about them, and of a walk-forward the judged parts.

The figures of runs among which one was chosen flatter it. A walk-forward's headline is of what was judged
alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.research.space import Point
from engine.research.summary import Summary, summarise
from engine.research.sweep_runs import Name, Ranked, Run, luck, ranked, score, unpacked
from engine.research.sweep_spec import Figure, Spec
from engine.research.walk_forward import Fold, folds, joined


class FoldOutcome(msgspec.Struct, frozen=True):
    fold: Fold
    trials: int
    """Runs in-sample."""
    point: Point | None
    """Chosen; None: none could be, or not yet."""
    in_sample: float | None
    """The objective there, of the best of ``trials``."""
    out_of_sample: float | None
    figures: dict[str, Figure]
    """Out-of-sample."""
    warnings: tuple[str, ...] = ()
    error: str = ""


class Outcome(msgspec.Struct, frozen=True):
    sha256: str
    """Of the specification."""
    total: int
    done: int
    refused: int
    failed: int
    trials: int
    best: tuple[Ranked, ...]
    """The best first; empty for a walk-forward, whose best are in the folds."""
    warnings: tuple[str, ...]
    folds: tuple[FoldOutcome, ...] = ()
    out_of_sample: Summary | None = None
    """The judged parts one after the other; None: no walk-forward, or none has ended."""


def outcome(runs: Mapping[Name, Run], spec: Spec, total: int, top: int = 10, samples: int = 1000) -> Outcome:
    """``total``: runs that there are to make. ``samples``: of the bootstrap of the out-of-sample figures."""
    tried = [run for run in runs.values() if not run.name.out]
    found: tuple[FoldOutcome, ...] = ()
    summary, best = None, []
    if spec.walk_forward is None:
        best = ranked(tried, spec)[:top]
    else:
        found = tuple(
            _fold(fold, runs, spec) for fold in folds(spec.walk_forward, spec.first_ns, spec.last_ns)
        )
        judged = [runs[name] for name in sorted(runs) if name.out and runs[name].result]
        if judged:
            summary = summarise(joined([unpacked(run.result) for run in judged]), samples=samples)
    states = [run.status for run in runs.values()]
    return Outcome(
        sha256=spec.sha256,
        total=total,
        done=states.count("done"),
        refused=states.count("refused"),
        failed=states.count("failed"),
        trials=luck(tried).trials,
        best=tuple(best),
        warnings=tuple(_warnings(tried, found, total, len(runs))),
        folds=found,
        out_of_sample=summary,
    )


def _fold(fold: Fold, runs: Mapping[Name, Run], spec: Spec) -> FoldOutcome:
    tried = [run for name, run in runs.items() if name.fold == fold.number and not name.out]
    judged = next((run for name, run in runs.items() if name.fold == fold.number and name.out), None)
    chance = luck(tried)
    if judged is None or not judged.point:
        return FoldOutcome(
            fold, chance.trials, None, None, None, {}, error="" if judged is None else judged.error
        )
    chosen = runs[Name(fold.number, False, judged.name.n)]
    # Whether it would have been chosen again does not matter: it was before.
    return FoldOutcome(
        fold,
        chance.trials,
        judged.point,
        score(chosen, spec.objective, ()),
        score(judged, spec.objective, ()),
        judged.figures,
        judged.warnings,
        judged.error,
    )


def _warnings(tried: list[Run], found: tuple[FoldOutcome, ...], total: int, ended: int) -> list[str]:
    warnings = []
    if ended < total:
        warnings.append(f"{total - ended:,} of {total:,} runs are still to be made")
    for status in ("refused", "failed"):
        mine = sorted((run for run in tried if run.status == status), key=lambda run: run.name)
        if mine:
            warnings.append(
                f"{len(mine):,} of {len(tried):,} runs {status}, the first {mine[0].name}: {mine[0].error}"
            )
    done = [run for run in tried if run.status == "done"]
    orders: dict[int, set[str]] = {}
    for run in done:  # of the same time: nothing else tells what values change
        orders.setdefault(run.name.fold, set()).add(run.sha256)
    if len(done) > len(orders) and all(len(own) == 1 for own in orders.values()):
        warnings.append(
            "every run came to the same orders: the parameters change nothing (is their strategy on?)"
        )
    if done and not any(run.figures.get("trades") for run in done):
        warnings.append("no run traded")
    unchosen = sum(one.point is None and bool(one.error) for one in found)
    if unchosen:
        warnings.append(f"in {unchosen} of {len(found)} parts nothing could be chosen: they are left out")
    failed = sum(one.point is not None and bool(one.error) for one in found)
    if failed:
        warnings.append(
            f"in {failed} of {len(found)} parts what was chosen came to no result: they are left out, and "
            "the rest flatters it"
        )
    return warnings
