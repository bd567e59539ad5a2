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
    from close to close, before costs. Symbols that are predicted alike share the places they compete for."""


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
    apart = len(scores.ic) / overlap
    return Metrics(
        ic=_bounded(ic, apart),
        rank_ic=_bounded(rank_ic, apart),
        icir=icir,
        long_short_sharpe=sharpe,
        steps=len(scores.ic),
    )


def shows_skill(metrics: Metrics) -> bool:
    """Whether the rank IC's interval lies above 0."""
    return metrics.rank_ic.low > 0.0


def _long_short(predicted: Floats, returns: Floats) -> float:
    side = max(1, len(predicted) // _FIFTH)
    return _best(predicted, returns, side) - _best(-predicted, returns, side)


def _best(predicted: Floats, returns: Floats, side: int) -> float:
    """Mean return of the ``side`` highest predictions."""
    least = np.partition(predicted, -side)[-side]
    above, alike = predicted > least, predicted == least
    share = (side - int(above.sum())) / int(alike.sum())
    return float(returns[above].sum() + share * returns[alike].sum()) / side


def _bounded(estimate: Estimate, apart: float) -> Estimate:
    """A correlation's interval does not leave [-1, 1].

    Where it was the same at every step, ``apart`` of them without an overlap, nothing varies that could be
    drawn anew: what is seen never may be as frequent as is missed by chance once in 40 times.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if apart > 0.0 and low == high:
        same = 0.025 ** (1.0 / apart)
        low, high = value * same - (1.0 - same), value * same + (1.0 - same)
    return Estimate(value, max(-1.0, low), min(1.0, high))
