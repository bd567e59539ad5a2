"""A model on disk: a directory with ``model.txt`` (LightGBM text) and ``manifest.json``."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from engine.errors import ModelError
from engine.features.alpha158 import NAMES, WIDTH, schema_hash
from engine.models.text_format import MAX_BYTES, parse
from engine.models.walker import Floats, Forest
from engine.text import clean

MODEL, MANIFEST = "model.txt", "manifest.json"
MAX_MANIFEST_BYTES = 1024 * 1024
GOLDEN_ROWS = 32

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:/-]{1,64}$")]
Bars = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Time = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Out of fold, over time steps: correlation across symbols of prediction and label."""

    ic: float
    rank_ic: float
    icir: float
    """Mean IC over its standard deviation."""
    steps: Bars
    """Time steps that were scored."""
    folds: Bars


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a model. All but ``version`` and ``created_ns`` goes into the version."""

    format: Literal[1] = 1
    version: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]
    """First digits of ``digest``."""
    strategy: Name
    created_ns: Time
    model_sha256: Sha256
    schema_hash: Sha256
    bar_interval_s: Annotated[float, Meta(gt=0, le=86_400)]
    horizon_bars: Annotated[int, Meta(ge=1, le=100_000)]
    purge_gap_bars: Annotated[int, Meta(ge=2, le=200_000)]
    symbols: Annotated[tuple[Name, ...], Meta(min_length=2, max_length=10_000)]
    training_bars: Bars
    """Bars per symbol."""
    training_rows: Bars
    source: Annotated[str, Meta(max_length=200)] = ""
    """Where the bars came from, one line."""
    seed: int
    parameters: dict[Name, int | float | str | bool]
    metrics: Metrics
    golden_rows: bytes
    """(32, 158) little-endian float64, NaN included; base64 in the file."""
    golden_predictions: bytes
    """(32,) LightGBM's own predictions of them, made at training."""

    @property
    def metric(self) -> str:
        return f"rank IC {self.metrics.rank_ic:.3f}"


class Artefact(msgspec.Struct, frozen=True):
    """A manifest and the model text that its checksum vouches for."""

    manifest: Manifest
    model: bytes

    def forest(self) -> Forest:
        """The model's arrays; it must take the desk's features. Raises ModelError."""
        forest, names = parse(self.model)
        if forest.width != WIDTH:
            raise ModelError(f"the model takes {forest.width} features, the desk has {WIDTH}: train it again")
        unnamed = all(name == f"Column_{i}" for i, name in enumerate(names))
        if names != NAMES and not unnamed:
            raise ModelError("the model's features have other names or another order: train it again")
        return forest


def golden(manifest: Manifest) -> tuple[Floats, Floats]:
    """Golden rows (32, 158) and their predictions (32,)."""
    rows = np.frombuffer(manifest.golden_rows, "<f8").reshape(GOLDEN_ROWS, WIDTH)
    return rows, np.frombuffer(manifest.golden_predictions, "<f8")


def digest(manifest: Manifest) -> str:
    """SHA-256 (hex) of what makes the model what it is: not of when it was made."""
    same = msgspec.structs.replace(manifest, version="0" * 12, created_ns=0)
    return hashlib.sha256(msgspec.json.encode(same, order="sorted")).hexdigest()


def seal(manifest: Manifest) -> Manifest:
    """The manifest with the version that its content gives it."""
    return msgspec.structs.replace(manifest, version=digest(manifest)[:12])


def write(artefact: Artefact, directory: Path) -> None:
    """Write the two files; the manifest comes last, so that a cut leaves no artefact. Raises ModelError."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put(directory / MODEL, artefact.model)
        manifest = msgspec.json.format(msgspec.json.encode(artefact.manifest), indent=1)
        _put(directory / MANIFEST, manifest + b"\n")
    except OSError as error:
        raise ModelError(
            f"cannot write the model to {directory}: {error.strerror}; choose another place"
        ) from None


def _put(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(directory: Path) -> Artefact:
    """Read and check sizes, types, checksum, version, schema and purge gap. Raises ModelError."""
    manifest = read_manifest(directory)
    model = _get(directory / MODEL, MAX_BYTES)
    if hashlib.sha256(model).hexdigest() != manifest.model_sha256:
        raise ModelError(
            f"{directory / MODEL} is not the file its manifest vouches for: copy or train it again"
        )
    return Artefact(manifest, model)


def read_manifest(directory: Path) -> Manifest:
    """The checked manifest alone. Raises ModelError."""
    path = directory / MANIFEST
    try:
        manifest = msgspec.json.decode(_get(path, MAX_MANIFEST_BYTES), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged ({clean(error, 80)}): copy or train the model again") from None
    if manifest.version != digest(manifest)[:12]:
        raise ModelError(f"{path} was changed after training: copy or train the model again")
    if len(manifest.golden_rows) != 8 * GOLDEN_ROWS * WIDTH:
        raise ModelError(
            f"{path} has no {GOLDEN_ROWS} golden rows of {WIDTH} features: train the model again"
        )
    if len(manifest.golden_predictions) != 8 * GOLDEN_ROWS:
        raise ModelError(f"{path} has no {GOLDEN_ROWS} golden predictions: train the model again")
    if manifest.purge_gap_bars < manifest.horizon_bars + 1:
        raise ModelError(
            f"model {manifest.version} was validated with a gap of {manifest.purge_gap_bars} bars for a "
            f"horizon of {manifest.horizon_bars}: its metrics leak; train it again"
        )
    if manifest.schema_hash != schema_hash(manifest.bar_interval_s):
        raise ModelError(f"model {manifest.version} was trained on other features: train it again")
    return manifest


def _get(path: Path, limit: int) -> bytes:
    """A regular file's bytes; a pipe or device is refused instead of waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ModelError(f"{path} is not a regular file")
            data = file.read(limit + 1)
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror}; `tickdesk models list` shows what there is"
        ) from None
    if len(data) > limit:
        raise ModelError(f"{path} is larger than {limit} bytes")
    return data
