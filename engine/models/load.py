"""Safe loading: a model is read, tried and compared in a child process; the engine maps the arrays it leaves.

A damaged model file can kill the process that loads it, hang it, or predict other numbers. Nothing of
LightGBM is ever imported here.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.events import NS
from engine.features.alpha158 import schema_hash
from engine.models import artefact
from engine.models.artefact import Manifest
from engine.models.check import VERDICT, Verdict, accept
from engine.models.child_process import STDERR, run_child
from engine.models.forest import Floats, Forest
from engine.models.usable import MOST
from engine.models.walker import Walker
from engine.text import clean

if TYPE_CHECKING:
    from engine.models.user_predictor import UserPredictor

SCORE_STD = 0.02
_LEAST = 1e-100
_DAY_S = 86_400


class Predictor:
    """A loaded model: immutable, so one reference to it is one version."""

    def __init__(self, manifest: Manifest, forest: Forest, note: str = "") -> None:
        self.manifest = manifest
        self.version = manifest.version
        self.strategy = manifest.strategy
        self.created_ns = manifest.created_ns
        self.metric = manifest.metric
        self.schema_hash = manifest.schema_hash
        self.note = note
        """What could not be checked at loading; "" when all was."""
        self._walker = Walker(forest)

    def predict(self, rows: npt.NDArray[np.float64]) -> Floats:
        """Raw predictions of feature rows (n, 158): shape (n,), equal to LightGBM's bit for bit."""
        return self._walker.predict(rows)

    def close(self) -> None:
        """Nothing runs for it: its arrays go with the last reference."""


def normalise(predictions: npt.NDArray[np.float64]) -> Floats:
    """Scores with mean 0 and (population) standard deviation 0.02 across symbols.

    All zeros, "no opinion", for fewer than two symbols, no dispersion, or a prediction that is not finite.
    """
    if len(predictions) < 2:
        return np.zeros(len(predictions))
    largest = max(-float(predictions.min()), float(predictions.max()))
    if not _LEAST < largest < MOST:  # whose squares are no numbers any more
        if largest == 0.0 or not largest < math.inf:
            return np.zeros(len(predictions))
        predictions, largest = predictions / largest, 1.0
    # Plain sums: for a few symbols, mean() and std() cost more than all the rest.
    centred = predictions - predictions.sum() / len(predictions)
    std = math.sqrt(float((centred * centred).sum()) / len(predictions))
    # rounding leaves a trace of dispersion in equal predictions
    if not std > 1e-12 * largest:
        return np.zeros(len(predictions))
    scores: Floats = centred * (SCORE_STD / std)
    return scores


async def load(
    path: Path | str,
    *,
    version: str = "",
    timeout_s: float = 20.0,
    bar_interval_s: float = 1.0,
    answer_s: float = 2.0,
) -> Predictor | UserPredictor:
    """Check the artefact in a child process and map its arrays, ready to predict. A user's model stays in its
    process, which is ended by ``close``; ``answer_s`` is how long each of its answers may take.

    ``version`` is the model that must be there, "": any. ``bar_interval_s`` is of the desk's own bars: a
    model of bars that these do not make up is refused.
    Raises ModelError, one line, for whatever is wrong with it; a child that crashes or outlives ``timeout_s``
    is such a reason, and is killed with all it started.
    """
    path = Path(path)
    manifest = await asyncio.to_thread(_manifest, path, version, bar_interval_s)
    if manifest.kind == "user":
        return await _user(path, manifest, timeout_s, answer_s)
    with tempfile.TemporaryDirectory(prefix="tickdesk-model-") as folder:
        out = Path(folder)
        verdict = await try_in_child("engine.models.check", path, out, timeout_s)
        if verdict.error:
            raise ModelError(clean(verdict.error, 400))
        if verdict.version != manifest.version:
            raise ModelError(f"the model at {path} was exchanged while it was checked: load it again")
        return await asyncio.to_thread(_open, manifest, out, clean(verdict.note))


async def _user(path: Path, manifest: Manifest, timeout_s: float, answer_s: float) -> UserPredictor:
    from engine.models.user_predictor import UserPredictor  # which needs this module

    made = UserPredictor(path, manifest, start_s=timeout_s, answer_s=answer_s)
    await made.start()
    return made


def _manifest(path: Path, version: str, desk_s: float) -> Manifest:
    manifest = artefact.read_manifest(path)
    if version not in ("", manifest.version):
        raise ModelError(
            f"{path} holds model {manifest.version}: register that, and a good copy of {version} again"
        )
    interval_s = manifest.bar_interval_s
    if manifest.schema_hash != schema_hash(interval_s):
        raise ModelError(f"model {manifest.version} was trained on other features than these: train it again")
    refused = refuse_interval(interval_s, desk_s)
    if refused:
        raise ModelError(f"model {manifest.version} was trained on bars of {interval_s:g} s, {refused}")
    return manifest


def refuse_interval(interval_s: float, desk_s: float) -> str:
    """Why bars of ``interval_s`` cannot be had on a desk whose own are of ``desk_s``, and what to set; "":
    they can."""
    if interval_s == desk_s:
        return ""
    if interval_s >= _DAY_S:
        return (
            "and a market's day is not the clock's: no such bar closes while the desk runs; "
            "train it on bars of an hour at most"
        )
    if interval_s % 1 or interval_s * NS % round(desk_s * NS):
        fits_s = interval_s if interval_s % 1 else 1.0
        return f"the desk's of {desk_s:g} s do not make them up: set features.bar_s to {fits_s:g}"
    return ""


def _open(manifest: Manifest, out: Path, note: str) -> Predictor:
    """Map what the child wrote and predict the golden rows once, which also compiles the walker."""
    forest = Forest.map(out)
    rows, expected = artefact.golden(manifest)
    predictor = Predictor(manifest, forest, note)
    accept(predictor.predict(rows), expected, "the manifest's")
    return predictor


async def try_in_child(module: str, path: Path, out: Path, timeout_s: float) -> Verdict:
    """What ``python -m module path out`` says of the model; a crash, and silence, are refusals too."""
    try:
        code = await run_child(module, path, out, timeout_s)
    except TimeoutError:
        raise ModelError(
            f"the model at {path} did not pass its check within {timeout_s:g} s: copy or train it again"
        ) from None
    return _verdict(out, code)


def _verdict(out: Path, code: int) -> Verdict:
    try:
        return msgspec.json.decode((out / VERDICT).read_bytes(), type=Verdict)
    except (OSError, msgspec.DecodeError):
        if code < 0:
            return Verdict(f"the model's check died by signal {-code}: the file is damaged; train it again")
        lines = (out / STDERR).read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()
        why = clean(lines[-1], 120) if lines else "no message"
        return Verdict(f"the model's check failed with exit code {code}: {why}")
