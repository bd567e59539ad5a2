"""``python -m engine.models.check PATH OUT``: try a model where a crash hurts nobody.

The child of ``engine.models.load``. It writes the model's arrays and ``verdict.json`` into OUT. LightGBM
itself is asked for the golden rows' predictions only after the strict reader has accepted the text.
"""

from __future__ import annotations

import ctypes.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.errors import ModelError
from engine.models import artefact
from engine.models.child_process import restrict
from engine.models.forest import Floats
from engine.models.walker import predict

VERDICT = "verdict.json"


class Verdict(msgspec.Struct, frozen=True):
    """Why the model is refused ("": it is not), and what of it could not be checked."""

    error: str = ""
    note: str = ""
    version: str = ""
    """Of the artefact that was checked."""


class NoLightGBMError(ModelError):
    """LightGBM cannot be imported."""


def check(path: Path, out: Path) -> Verdict:
    """Check the artefact at ``path`` and write its arrays to ``out``. Raises ModelError."""
    found = artefact.read(path)
    forest = found.forest()
    forest.save(out)
    rows, stored = artefact.golden(found.manifest)
    ours = predict(forest, rows)
    accept(ours, stored, "the manifest's")
    note = ""
    try:
        theirs, _ = lightgbm_predictions(found.model, rows)
        accept(ours, theirs, "LightGBM's")
    except NoLightGBMError as error:
        note = f"checked against stored predictions only: {error}"
    return Verdict(note=note, version=found.manifest.version)


def accept(ours: Floats, expected: Floats, whose: str) -> None:
    """Refuse predictions that are not finite, are all the same, or differ from ``expected`` in any bit."""
    if not np.isfinite(ours).all():
        raise ModelError("the model predicts numbers that are not finite: train it again")
    if np.ptp(ours) == 0.0:
        raise ModelError("the model predicts one number for everything: train it on more data")
    if ours.tobytes() != np.ascontiguousarray(expected, "<f8").tobytes():
        raise ModelError(f"the golden rows' predictions differ from {whose}: copy or train the model again")


def lightgbm_predictions(text: bytes, rows: Floats) -> tuple[Floats, Any]:
    """LightGBM's predictions of ``rows``, and its booster; ``text`` was read by ``text_format`` before.

    Raises NoLightGBMError, and ModelError for a text that it refuses.
    """
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        cause = "libgomp is missing" if ctypes.util.find_library("gomp") is None else type(error).__name__
        raise NoLightGBMError(f"lightgbm cannot be imported ({cause})") from None
    try:
        booster: Any = lightgbm.Booster(model_str=text.decode("ascii"))
        return np.asarray(booster.predict(rows), np.float64), booster
    except lightgbm.basic.LightGBMError as error:
        raise ModelError(f"LightGBM refuses the model: {str(error)[:100]}") from None


def in_child(check: Callable[[Path, Path], Verdict], arguments: Sequence[str]) -> int:
    """The child's ``main``: its arguments are what to check and where to leave the verdict."""
    path, out = (Path(argument) for argument in arguments)
    restrict()
    try:
        verdict = check(path, out)
    except ModelError as error:
        verdict = Verdict(error=str(error))
    (out / VERDICT).write_bytes(msgspec.json.encode(verdict))
    return 1 if verdict.error else 0


if __name__ == "__main__":
    raise SystemExit(in_child(check, sys.argv[1:]))
