"""Artefacts of users' models, made from a few lines, and what they leave of processes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np

from engine.features.alpha158 import WIDTH, schema_hash
from engine.models import artefact
from engine.models.artefact import GOLDEN_ROWS, Artefact, Estimate, Fold, Manifest, Metrics
from engine.models.user_code import class_of, make, pack, parameters

RIDGE = Path(__file__).parent / "users" / "ridge.py"

FIRST = """
import os, signal, time
import numpy as np
from engine.models.user_model import UserModel

class First(UserModel):
    '''Predicts the first feature; a test changes what it does besides.'''
    def fit(self, rows, labels, stop_rows, stop_labels, seed): pass
    def predict(self, rows):
        self.asked = getattr(self, "asked", 0) + 1
        if self.asked > 1:  # past the golden rows
            self.misbehave(rows)
        return self.answer(rows)
    def answer(self, rows): return np.nan_to_num(rows[:, 0])
    def misbehave(self, rows): pass
    def save(self, directory): pass
    def load(self, directory): pass
"""


def rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, WIDTH))


def user_file(folder: Path, body: str = "", name: str = "first.py") -> Path:
    """A file with a model that predicts the first feature; ``body``: methods that replace its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(FIRST + textwrap.indent(textwrap.dedent(body), "    "))
    path.chmod(0o600)
    return path


def user_artefact(directory: Path, body: str = "", *, version_seed: int = 0, **changes: object) -> Path:
    """The artefact of such a model, as training would have written it."""
    first = user_file(directory.parent / "sources", body, f"{directory.name}.py")
    golden = rows(GOLDEN_ROWS)
    golden[-1] = np.nan
    files = {"model.py": first.read_bytes()}
    return artefact_of(directory, files, golden, np.nan_to_num(golden[:, 0]), seed=version_seed, **changes)


def fitted_artefact(directory: Path, path: Path, **changes: object) -> Path:
    """The artefact of the model in the file at ``path``, fitted on noise in which the first feature tells."""
    kind = class_of(path, path.read_bytes())
    model = make(kind, path)
    x = rows(500)
    x[::7, 3] = np.nan
    model.fit(x, x[:, 0] + 0.1 * x[:, 1], x[:0], x[:0, 0], 1)
    golden = rows(GOLDEN_ROWS, 5)
    golden[-1] = np.nan
    return artefact_of(
        directory, pack(path, model), golden, model.predict(golden), parameters=parameters(kind), **changes
    )


def artefact_of(
    directory: Path, files: dict[str, bytes], golden: np.ndarray, predictions: np.ndarray, **changes: object
) -> Path:
    sure = Estimate(0.1, 0.05, 0.15)
    metrics = Metrics(ic=sure, rank_ic=sure, icir=sure, long_short_sharpe=sure, steps=100)
    second = 1_000_000_000
    fold = Fold(
        train_from_ns=0,
        train_until_ns=100 * second,
        test_from_ns=121 * second,
        test_until_ns=300 * second,
        rounds=0,
        metrics=metrics,
    )
    known = {
        "seed": 1,
        "folds": (fold,),
        "parameters": {},
        "validation": "walk-forward",
        "purge_gap_bars": 21,
        "metrics": metrics,
    }
    manifest = Manifest(
        kind="user",
        version="0" * 12,
        strategy="model",
        created_ns=1,
        files=artefact.checksums(files),
        schema_hash=schema_hash(1.0),
        bar_interval_s=1.0,
        horizon_bars=20,
        symbols=("AAA", "BBB"),
        trained_from_ns=0,
        trained_until_ns=0,
        training_bars=100,
        training_rows=200,
        golden_rows=golden.astype("<f8").tobytes(),
        golden_predictions=predictions.astype("<f8").tobytes(),
        **(known | changes),
    )
    artefact.write(Artefact(artefact.seal(manifest), files), directory)
    return directory
