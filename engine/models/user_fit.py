"""Fitting and predicting with a user's class in a training run, and refusing early what would fail live.

Live, one batch holds other rows than training did, in a process that knows only what ``save`` wrote. So a
model is refused whose prediction of a row depends on the rows beside it, changes from call to call, or is
lost between ``save`` and ``load``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.features.alpha158 import WIDTH
from engine.models import artefact
from engine.models.user_answer import Floats, alike, finite, numbers
from engine.models.user_code import DATA, make, pack, running
from engine.models.user_model import UserModel
from engine.models.user_predictor import UserPredictor

PROBE_ROWS = 64
"""With which a fitted model is probed: the newest, and one in which all features are missing."""
_MISSING = np.full((1, WIDTH), np.nan)

Data = tuple[Floats, Floats]
"""Rows (n, 158) and labels (n,)."""


def fit(kind: type[UserModel], path: Path, train: Data, stop: Data, seed: int) -> UserModel:
    """A new model of the class in the file at ``path``, fitted and probed. Raises ModelError.

    It gets copies: what it does to them does not reach the other folds.
    """
    model = make(kind, path)
    rows, labels, stop_rows, stop_labels = (np.array(part, np.float64) for part in (*train, *stop))
    with running("fit", path):
        model.fit(rows, labels, stop_rows, stop_labels, seed)
    _probe(model, path, np.concatenate([train[0][1 - PROBE_ROWS :], _MISSING]))
    return model


def predict(model: UserModel, path: Path, rows: Floats) -> Floats:
    """Finite predictions (n,) of rows (n, 158). Raises ModelError."""
    with running("predict", path):
        answer = model.predict(np.array(rows, np.float64))
    return finite(numbers(answer, len(rows)))


def _probe(model: UserModel, path: Path, rows: Floats) -> None:
    """Refuse a model whose predictions are not of the row, the whole row and nothing but the row."""
    expected = predict(model, path, rows)
    if not alike(predict(model, path, rows), expected):
        raise ModelError(
            f"{path.name}: predict gives other numbers for the same rows the second time: draw random "
            "numbers in fit alone"
        )
    backwards = predict(model, path, rows[::-1])[::-1]
    half = len(rows) // 2
    parts = [predict(model, path, part) for part in (rows[:1], rows[1:half], rows[half:]) if len(part)]
    if not (alike(backwards, expected) and (half < 2 or alike(np.concatenate(parts), expected))):
        raise ModelError(
            f"{path.name}: a row's prediction depends on the rows beside it, which are others live: take "
            "means and scales from fit's rows, and compute in float64"
        )
    if not alike(_restored(model, path, rows), expected):
        raise ModelError(
            f"{path.name}: after save and load it predicts other numbers: save all that fit learnt"
        )


def _restored(model: UserModel, path: Path, rows: Floats) -> Floats:
    files = pack(path, model)
    with tempfile.TemporaryDirectory(prefix="tickdesk-model-") as folder:
        directory = Path(folder) / DATA
        directory.mkdir()
        for name, content in files.items():
            target = Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        again = make(type(model), path)
        with running("load", path):
            again.load(directory)
        return predict(again, path, rows)


def prove(directory: Path) -> None:
    """Load the artefact as the desk does: in a process of its own, golden rows first. Raises ModelError."""
    manifest = artefact.read(directory).manifest
    predictor = UserPredictor(directory, manifest)
    try:
        predictor.predict(artefact.golden(manifest)[0])
    finally:
        predictor.close()
