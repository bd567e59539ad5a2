"""A bare LightGBM text, trained elsewhere, becomes an artefact: ``python -m engine.models.adopt PATH OUT``.

Nobody knows how it was validated, so it may run as a shadow and never be active. Golden rows are made up from
where the model splits; LightGBM predicts them in a child process, ours must equal them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.errors import ModelError
from engine.features.alpha158 import NAMES, WIDTH, schema_hash
from engine.models import artefact, folder_files
from engine.models.artefact import GOLDEN_ROWS, MODEL, Artefact, Importance, Manifest
from engine.models.check import Verdict, accept, in_child, lightgbm_predictions
from engine.models.forest import CATEGORICAL, Floats, Forest
from engine.models.load import try_in_child
from engine.models.text_format import MAX_BYTES
from engine.models.walker import predict
from engine.text import clean

_GOLDEN, _PREDICTIONS, _GAINS = "rows.npy", "predictions.npy", "gains.npy"
_PARAMETER = re.compile(r"\[([a-z][a-z0-9_]{0,40}): ([A-Za-z0-9_.+-]{1,40})\]")
_TOLD = frozenset(
    ("boosting", "objective", "num_iterations", "learning_rate", "num_leaves", "max_depth", "seed")
)


def adopt(path: Path, *, bar_interval_s: float, horizon_bars: int, strategy: str = "model") -> Artefact:
    """The artefact of the LightGBM text at ``path``, trained on bars of ``bar_interval_s``.

    Raises ModelError for what is not readable, not supported, of other features, or not predicted alike.
    """
    text = _text(path)
    with tempfile.TemporaryDirectory(prefix="tickdesk-model-") as folder:
        out = Path(folder)
        verdict = asyncio.run(try_in_child("engine.models.adopt", path, out, timeout_s=60.0))
        if verdict.error:
            raise ModelError(clean(verdict.error, 400))
        rows, predictions, gains = (
            np.load(out / name, allow_pickle=False) for name in (_GOLDEN, _PREDICTIONS, _GAINS)
        )
    files = {MODEL: text}
    try:
        manifest = Manifest(
            version="0" * 12,
            strategy=strategy,
            created_ns=time.time_ns(),
            files=artefact.checksums(files),
            schema_hash=schema_hash(bar_interval_s),
            bar_interval_s=bar_interval_s,
            horizon_bars=horizon_bars,
            validation="none",
            purge_gap_bars=0,
            symbols=(),
            trained_from_ns=0,
            trained_until_ns=0,
            training_bars=0,
            training_rows=0,
            source=f"trained elsewhere, {clean(path.name, 100)}",
            seed=0,
            parameters=_parameters(text),
            metrics=None,
            importance=_importance(gains),
            golden_rows=rows.tobytes(),
            golden_predictions=predictions.tobytes(),
        )
        # a Struct checks its fields only when decoded
        sealed = msgspec.convert(msgspec.to_builtins(artefact.seal(manifest)), Manifest)
    except msgspec.ValidationError as error:
        raise ModelError(f"cannot register the model: {clean(error, 100)}") from None
    return Artefact(sealed, files)


def golden_rows(forest: Forest, seed: int) -> Floats:
    """Rows (32, 158) around the model's own thresholds, so that it tells them apart; some values missing."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(GOLDEN_ROWS, WIDTH))
    nodes = forest.nodes
    for feature in np.unique(nodes["feature"]).tolist():
        here = nodes[nodes["feature"] == feature]
        sets = here["threshold"][(here["kind"] & CATEGORICAL) != 0].astype(np.int64)
        if len(sets):
            words = forest.set_start[sets + 1] - forest.set_start[sets]
            rows[:, feature] = rng.integers(0, 32 * max(int(words.max()), 1) + 1, GOLDEN_ROWS)
            continue
        limits = here["threshold"][np.isfinite(here["threshold"])]
        if len(limits):
            spread = max(float(np.ptp(limits)), 1e-3 * float(np.abs(limits).max()), 1e-12)
            rows[:, feature] = rng.choice(limits, GOLDEN_ROWS) + 0.1 * spread * rng.normal(size=GOLDEN_ROWS)
    rows[rng.random(rows.shape) < 0.02] = np.nan
    return rows


def _text(path: Path) -> bytes:
    path = path.resolve()  # a person named it: it may be a link
    return folder_files.read(path.parent, path.name, MAX_BYTES)


def _parameters(text: bytes) -> dict[str, int | float | str | bool]:
    """What the file says of itself; no more than a note."""
    tail = text.decode("ascii").partition("\nparameters:\n")[2]
    found: dict[str, int | float | str | bool] = {}
    for name, value in _PARAMETER.findall(tail):
        if name in _TOLD:
            try:
                found[name] = int(value) if value.lstrip("-").isdecimal() else float(value)
            except ValueError:
                found[name] = value
    return found


def _importance(gains: Floats) -> tuple[Importance, ...]:
    total = float(gains.sum())
    order = np.argsort(-gains, kind="stable")
    return tuple(Importance(NAMES[i], float(gains[i]) / total) for i in order.tolist() if gains[i] > 0.0)


def _check(path: Path, out: Path) -> Verdict:
    text = _text(path)
    forest = artefact.forest_of(text)
    seed = int.from_bytes(hashlib.sha256(text).digest()[:8])
    rows = golden_rows(forest, seed)
    predictions, booster = lightgbm_predictions(text, rows)
    accept(predict(forest, rows), predictions, "LightGBM's")
    gains = _gains(booster)
    for name, array in ((_GOLDEN, rows), (_PREDICTIONS, predictions), (_GAINS, gains)):
        np.save(out / name, array.astype("<f8"), allow_pickle=False)
    return Verdict()


def _gains(booster: Any) -> Floats:
    gains = np.asarray(booster.feature_importance("gain"), np.float64)
    usable = gains.shape == (WIDTH,) and np.isfinite(gains).all() and (gains >= 0).all()
    return gains if usable else np.zeros(WIDTH)


if __name__ == "__main__":
    raise SystemExit(in_child(_check, sys.argv[1:]))
