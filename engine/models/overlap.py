"""What figures of steps say whose labels overlap: neighbours share bars, so that many say what few would.

Labels that look ``horizon`` steps ahead have, ``k`` steps apart, a correlation of 1 - k / horizon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

NORMAL = 1.959964
"""The 97.5 % quantile."""


def alike(n: int, horizon: int) -> float:
    """How many of ``n`` values that overlap say together what one would that does not."""
    lags = np.arange(1, min(n, horizon))
    return 1.0 + 2.0 * float((np.maximum(0.0, 1.0 - lags / n) * (1.0 - lags / horizon)).sum())


def independent(n: int, horizon: int) -> float:
    """How many values that do not overlap would say as much as ``n`` that do; 0 of none."""
    return n / alike(n, horizon) if n else 0.0


def mean_interval(values: Sequence[float], horizon: int) -> tuple[float, float] | None:
    """95 % interval of the mean of ``values``, one per step; None where fewer than two of them, without the
    overlap, would say anything about their deviation.

    Values that overlap lie closer to their own mean than to the true one: that is taken out. Student's
    quantile stands for how little few of them say.
    """
    count = independent(len(values), horizon)
    if count < 2.0:
        return None
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values) / len(values)
    around = student(count - 1.0) * math.sqrt(squares / (count - 1.0))
    return mean - around, mean + around


def student(freedom: float) -> float:
    """The 97.5 % quantile, by Fisher's expansion about the normal one (within 1 % from 3 degrees on)."""
    if freedom < 3.0:
        return 12.7 if freedom < 2.0 else 4.3
    z = NORMAL
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3
