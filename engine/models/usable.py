"""Which predictions can be computed with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST = 1e100
"""Beyond it squares and sums are not finite any more."""


def usable(predictions: npt.NDArray[np.float64]) -> bool:
    """Whether all are finite, and below ``MOST``."""
    return bool((np.abs(predictions) < MOST).all())  # of NaN that is not so
