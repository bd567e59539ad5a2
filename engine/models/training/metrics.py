"""How good predictions were: per time step across symbols, then over the steps with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from engine.models.artefact import Estimate, Metrics
from engine.models.correlation import correlation, rank_correlation
from engine.models.training.bootstrap import mean_and_ratio
from engine.models.training.label import Floats, Times

_FIFTH = 5


class Scores(msgspec.Struct, frozen=True):
    """One value per scored time step, in order."""

    ic: Floats
    rank_ic: Floats
    long_short: Floats
    """Mean return of the best fifth of the symbols (at least one) less that of the worst, over the horizon,
    before costs."""


def score(steps: Times, predictions: Floats, labels: Floats, returns: Floats) -> Scores:
    """Score rows (n,), in the order of ``steps``. Left out are steps with fewer than two symbols, or where
    all predictions or all labels are equal: there is nothing to rank."""
    edges = np.flatnonzero(np.r_[True, np.diff(steps) != 0, True]).tolist() if len(steps) else []
    found = []
    for start, stop in pairwise(edges):
        predicted, label = predictions[start:stop], labels[start:stop]
        ic = correlation(predicted, label)
        if math.isfinite(ic):
            rank_ic = rank_correlation(predicted, label)
            found.append((ic, rank_ic, _long_short(predicted, returns[start:stop])))
    return Scores(*np.array(found, np.float64).reshape(-1, 3).T.copy())


def joined(parts: Sequence[Scores]) -> Scores:
    """Folds one after the other."""
    return Scores(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in Scores.__struct_fields__)
    )


def measure(scores: Scores, overlap: int, seed: int) -> Metrics:
    """The figures with their intervals. ``overlap``: scored steps that one label spans."""
    ic, icir = mean_and_ratio(scores.ic, overlap, seed)
    rank_ic, _ = mean_and_ratio(scores.rank_ic, overlap, seed)
    _, sharpe = mean_and_ratio(scores.long_short, overlap, seed)
    return Metrics(
        ic=_bounded(ic),
        rank_ic=_bounded(rank_ic),
        icir=icir,
        long_short_sharpe=sharpe,
        steps=len(scores.ic),
    )


def shows_skill(metrics: Metrics) -> bool:
    """Whether the rank IC's interval lies above 0."""
    return metrics.rank_ic.low > 0.0


def _long_short(predicted: Floats, returns: Floats) -> float:
    order = np.argsort(predicted, kind="stable")
    side = max(1, len(order) // _FIFTH)
    return float(returns[order[-side:]].sum() - returns[order[:side]].sum()) / side


def _bounded(estimate: Estimate) -> Estimate:
    """A correlation's interval does not leave [-1, 1]."""
    return Estimate(estimate.value, max(-1.0, estimate.low), min(1.0, estimate.high))
