"""Two models side by side: the shadow against the active one, on the batches that both predicted."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engine.models.correlation import rank_correlation
from engine.models.track import Track, Weights, overlap, turnover

Floats = npt.NDArray[np.float64]


class Pair:
    """The tracks are the pair's own: they begin with the first common batch."""

    def __init__(self, active: Track, shadow: Track) -> None:
        self.active = active
        self.shadow = shadow
        self.batches = 0
        self._correlations = self._overlaps = 0.0
        self._correlated = self._overlapped = 0

    def on_batch(self, predictions: Floats, weights: Weights, other: Floats, other_weights: Weights) -> None:
        """What the active one and the ``other`` predicted for the same symbols."""
        self.batches += 1
        alike = rank_correlation(predictions, other)
        if math.isfinite(alike):
            self._correlations += alike
            self._correlated += 1
        share = overlap(weights, other_weights)
        if share is not None:
            self._overlaps += share
            self._overlapped += 1

    @property
    def rank_correlation(self) -> float | None:
        """Of the predictions: mean over the batches."""
        return self._correlations / self._correlated if self._correlated else None

    @property
    def weight_overlap(self) -> float | None:
        """Share of the paper weights that both hold: mean over the batches."""
        return self._overlaps / self._overlapped if self._overlapped else None

    @property
    def turnover_to_switch(self) -> float | None:
        """What is traded when the shadow takes over now."""
        return turnover(self.active.weights, self.shadow.weights) if self.batches else None
