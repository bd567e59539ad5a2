"""``python -m engine.models.contributions PATH OUT``: one prediction taken apart, where a crash hurts nobody.

It reads ``row.npy`` (158,) from OUT, LightGBM's SHAP values of it (``pred_contrib``, see
https://lightgbm.readthedocs.io/en/stable/Parameters.html#predict_contrib) are written there as
``contributions.json``. LightGBM sees the text only after the strict reader has accepted it, and its values
count only where they add up to what our own walk through the trees gives.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.features.alpha158 import WIDTH
from engine.models import artefact
from engine.models.child_process import restrict
from engine.models.forest import IDENTITY
from engine.models.walker import predict
from engine.text import clean

ROW, RESULT = "row.npy", "contributions.json"
TOLERANCE = 1e-9
"""Relative: of the sum of the parts against the prediction."""


class Parts(msgspec.Struct, frozen=True):
    """``base`` and all ``values`` add up to ``total``; or ``error`` says why there are none."""

    error: str = ""
    prediction: float = 0.0
    """Our walker's, bit for bit what the desk has used."""
    total: float = 0.0
    """What the trees say: the prediction, or what its objective makes that of."""
    base: float = 0.0
    values: tuple[float, ...] = ()
    """By feature, in the order of ``alpha158.NAMES``."""


def take_apart(path: Path, row: npt.NDArray[np.float64]) -> Parts:
    """The parts of what the model at ``path`` predicts of a row (158,). Raises ModelError."""
    found = artefact.read(path)
    if found.manifest.kind != "lightgbm":
        raise ModelError(f"model {found.manifest.version} is a user's: nobody knows its contributions")
    rows = np.ascontiguousarray(row, np.float64).reshape(1, WIDTH)
    forest = found.forest()
    trees = replace(forest, link=np.array([IDENTITY, 1.0]))
    prediction, total = (float(predict(one, rows)[0]) for one in (forest, trees))
    values = _shap(found.model, rows)
    if forest.shape[1]:  # averaged over the trees, which LightGBM's contributions are not
        values /= forest.trees
    added = math.fsum(values.tolist())
    if not abs(added - total) <= TOLERANCE * max(1.0, abs(total), float(np.abs(values).max())):
        raise ModelError(
            f"LightGBM's contributions add up to {added!r}, the trees of model {found.manifest.version} to "
            f"{total!r}: they do not explain it"
        )
    return Parts(
        prediction=prediction, total=total, base=float(values[-1]), values=tuple(values[:-1].tolist())
    )


def _shap(model: bytes, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(159,): by feature, then the base."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise ModelError(
            f"contributions need LightGBM, which cannot be imported ({type(error).__name__}): install "
            "libgomp (Debian: apt-get install libgomp1), or lightgbm itself (pip install lightgbm)"
        ) from None
    try:
        booster: Any = lightgbm.Booster(model_str=model.decode("ascii"))
        values = np.asarray(booster.predict(rows, pred_contrib=True), np.float64).reshape(-1)
    except lightgbm.basic.LightGBMError as error:
        raise ModelError(f"LightGBM gives no contributions: {clean(error, 100)}") from None
    if values.shape != (WIDTH + 1,) or not np.isfinite(values).all():
        raise ModelError("LightGBM's contributions are not one finite number for each feature")
    return values


def main(arguments: list[str]) -> int:
    path, out = (Path(argument) for argument in arguments)
    restrict()
    try:
        parts = take_apart(path, np.load(out / ROW, allow_pickle=False))
    except ModelError as error:
        parts = Parts(error=str(error))
    (out / RESULT).write_bytes(msgspec.json.encode(parts))
    return 1 if parts.error else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
