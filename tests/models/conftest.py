"""What the model tests share: LightGBM when it is there, small bars, and artefacts to damage."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.models import artefact, builtin
from engine.models.artefact import MODEL, Artefact


@pytest.fixture(scope="session")
def lightgbm() -> Any:
    """The lightgbm module, or a skip: importing it also fails where libgomp is missing."""
    try:
        return importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:
        pytest.skip(f"lightgbm cannot be imported: {error}")


@pytest.fixture(scope="session")
def shipped() -> Artefact:
    return artefact.read(builtin.PATH)


def reseal(found: Artefact, *, model: bytes | None = None, **changes: object) -> Artefact:
    """The artefact with another model text or manifest, its checksums made right again."""
    files = {**found.files, MODEL: found.model if model is None else model}
    manifest = msgspec.structs.replace(found.manifest, **{"files": artefact.checksums(files), **changes})
    return Artefact(artefact.seal(manifest), files)


def written(found: Artefact, directory: Path) -> Path:
    artefact.write(found, directory)
    return directory


def bars(n: int, seed: int, *, pull: float = 0.0) -> np.ndarray:
    """A random walk (n, 6); with ``pull`` it returns towards 100, which can be learnt."""
    rng = np.random.default_rng(seed)
    close = np.empty(n)
    price = 100.0
    for i, step in enumerate(rng.normal(0, 0.05, n)):
        price += step + pull * (100.0 - price)
        close[i] = price
    open_ = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(open_, close) + 0.01, np.minimum(open_, close) - 0.01
    return np.column_stack([open_, high, low, close, rng.integers(1, 50, n), (high + low + close) / 3])
