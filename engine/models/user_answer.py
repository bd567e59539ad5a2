"""What a user's model may answer: one finite number a row, the same for a row whatever stands beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.models.usable import MOST, usable
from engine.text import clean
from engine.user_module import told

Floats = npt.NDArray[np.float64]

RTOL = 1e-9
"""By how much a prediction of the same row may differ, of its own size and of the predictions' spread: sums
of floats depend on how many rows are computed at once."""


def numbers(answer: Any, rows: int) -> Floats:
    """What ``predict`` returned for so many rows, as float64 (rows,), finite or not. Raises ModelError."""
    try:
        found = np.asarray(answer)
    except Exception as error:  # an array of another library converts itself
        raise ModelError(f"predict's {_kind(answer)} becomes no array: {told(error)}") from None
    if found.dtype.kind not in "fiu":
        raise ModelError(f"predict must return an array of numbers, not {_kind(answer)}")
    if found.shape != (rows,):
        hint = "; use .ravel()" if found.size == rows else ""
        raise ModelError(f"predict returned shape {found.shape} for {rows} rows, not ({rows},){hint}")
    return np.ascontiguousarray(found, "<f8")


def _kind(answer: Any) -> str:
    return clean(type(answer).__name__, 40)


def finite(predictions: Floats) -> Floats:
    """The same. Raises ModelError when one is no finite number, or too large to compute with."""
    wrong = int((~np.isfinite(predictions)).sum())
    if wrong:
        raise ModelError(
            f"predict returned {wrong} of {len(predictions)} numbers that are not finite: rows may hold NaN "
            "in any feature, fill them in fit's and predict's rows alike"
        )
    if not usable(predictions):
        raise ModelError(f"predict returned numbers beyond {MOST:g}: keep them small, their order counts")
    return predictions


def alike(ours: Floats, expected: Floats) -> bool:
    """Whether two predictions of the same rows are the same, but for rounding."""
    if not (np.isfinite(ours).all() and np.isfinite(expected).all()):
        return False
    spread = float(np.ptp(expected)) if len(expected) else 0.0
    return bool((np.abs(ours - expected) <= RTOL * (np.abs(expected) + spread)).all())


def accept(ours: Floats, expected: Floats) -> None:
    """Refuse golden rows' predictions that are not finite, are all the same, or are not those of training."""
    finite(ours)
    if np.ptp(ours) == 0.0:
        raise ModelError("the model predicts one number for everything: train it on more data")
    if not alike(ours, expected):
        raise ModelError(
            "the golden rows' predictions differ from those at training: does load restore all that fit "
            "learnt, and are the libraries the same? Train it again"
        )
