"""Walk-forward validation of a learner on a panel."""

from __future__ import annotations

import msgspec

from engine.errors import ModelError
from engine.models.artefact import Fold, Metrics
from engine.models.training.fit import Learner
from engine.models.training.folds import Piece, Split, Window, gap_of, least_steps, split
from engine.models.training.metrics import Scores, joined, measure, score
from engine.models.training.panel import Panel, Progress


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is trained and judged. Lengths in bars."""

    seed: int
    folds: int = 4
    purge: int | None = None
    """None: horizon + 1, the least there may be."""
    embargo: int | None = None
    """None: as long as the horizon."""
    window: Window = "expanding"


class Validation(msgspec.Struct, frozen=True):
    """What the folds came to."""

    purge: int
    embargo: int
    folds: tuple[Fold, ...]
    metrics: Metrics
    """Of all folds together."""
    scores: Scores

    @property
    def rounds(self) -> list[int]:
        return [fold.rounds for fold in self.folds]


def validate(panel: Panel, plan: Plan, learner: Learner, progress: Progress) -> Validation:
    """Train and score each fold. Raises ModelError for too little data, for a gap or label that leaks, and
    for predictions that rank nothing."""
    embargo = panel.horizon if plan.embargo is None else plan.embargo
    purge, embargo = gap_of(panel.horizon, plan.purge, embargo)
    splits = split(panel, folds=plan.folds, gap=purge + embargo, window=plan.window)
    overlap = -(-panel.horizon // panel.every)
    folds, parts = [], []
    for number, one in enumerate(splits):
        text = f"fold {number + 1} of {len(splits)}"
        rounds, scores = _fold(panel, one, learner, _part(progress, number / len(splits), len(splits), text))
        # without an opinion at many steps it may still be judged, without one at nearly all it cannot
        least = least_steps(panel) // 2
        if len(scores.ic) < least:
            raise ModelError(
                f"{text}: the predictions differ between symbols at {len(scores.ic)} time steps only, and "
                f"{least} are needed: train on more data, or with fewer --folds"
            )
        parts.append(scores)
        folds.append(_told(panel, one, rounds, measure(scores, overlap, plan.seed)))
    scores = joined(parts)
    return Validation(purge, embargo, tuple(folds), measure(scores, overlap, plan.seed), scores)


def _fold(panel: Panel, one: Split, learner: Learner, progress: Progress) -> tuple[int, Scores]:
    train, stop, test = (panel.rows(piece.first, piece.until) for piece in (one.train, one.stop, one.test))
    fitted = learner.fit(
        (panel.features[train], panel.labels[train]),
        (panel.features[stop], panel.labels[stop]),
        lambda share: progress(share, "training"),
    )
    predictions = fitted.predict(panel.features[test])
    return fitted.rounds, score(panel.step[test], predictions, panel.labels[test], panel.returns[test])


def _told(panel: Panel, one: Split, rounds: int, metrics: Metrics) -> Fold:
    return Fold(
        train_from_ns=_first(panel, one.train),
        train_until_ns=_last(panel, one.stop),  # what stopped it was learnt from too
        test_from_ns=_first(panel, one.test),
        test_until_ns=_last(panel, one.test),
        rounds=rounds,
        metrics=metrics,
    )


def _first(panel: Panel, piece: Piece) -> int:
    return int(panel.axis[panel.step[panel.rows(piece.first, piece.until)][0]])


def _last(panel: Panel, piece: Piece) -> int:
    return int(panel.axis[panel.step[panel.rows(piece.first, piece.until)][-1]])


def _part(progress: Progress, start: float, parts: int, text: str) -> Progress:
    return lambda share, _: progress(start + share / parts, text)
