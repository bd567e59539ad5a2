"""How much two models agree, without a market: their predictions on the same rows."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np

from engine.errors import ModelError
from engine.models import artefact
from engine.models.correlation import rank_correlation
from engine.models.load import load


class Agreement(msgspec.Struct, frozen=True):
    """On the golden rows of both."""

    rows: int
    rank_correlation: float | None
    """In [-1, 1]: 1 orders them alike. None: unknown."""
    error: str = ""
    """Why it is unknown, one line."""


async def agreement(first: Path, second: Path) -> Agreement:
    """Both are checked and loaded as the desk does it."""
    try:
        manifests = [artefact.read_manifest(path) for path in (first, second)]
        golden = np.concatenate([artefact.golden(one)[0] for one in manifests])
        # by their bytes: numpy tells rows with a NaN apart from themselves
        rows = golden[[*{row.tobytes(): at for at, row in enumerate(golden)}.values()]]
        predictions = []
        for path, manifest in zip((first, second), manifests, strict=True):
            predictor = await load(path, bar_interval_s=manifest.bar_interval_s)
            try:
                predictions.append(predictor.predict(rows))
            finally:
                predictor.close()
    except ModelError as error:
        return Agreement(0, None, str(error))
    if not all(np.isfinite(some).all() for some in predictions):
        return Agreement(len(rows), None, "a prediction is not finite")
    found = rank_correlation(predictions[0], predictions[1])
    if math.isnan(found):
        return Agreement(len(rows), None, "a model predicts one number for everything")
    return Agreement(len(rows), found)
