"""A model on disk: a directory with ``manifest.json`` and what that vouches for: LightGBM's ``model.txt``, or
the files of a user's model."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from engine.errors import ModelError
from engine.features.alpha158 import NAMES, WIDTH, schema_hash
from engine.models import folder_files
from engine.models.forest import Floats, Forest
from engine.models.text_format import MAX_BYTES, parse
from engine.text import clean

MODEL, MANIFEST = "model.txt", "manifest.json"
FORMAT: Final = 2
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_USER_BYTES = 256 * 1024 * 1024
"""Of all files of a user's model."""
GOLDEN_ROWS = 32
REFERENCE_BYTES = 8 * WIDTH * 20

# \Z, as $ would let a line end follow
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:/-]{1,64}\Z")]
FileName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,4}\Z")
]
"""Relative, without ``..``."""
Bars = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Time = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Integer = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
ShortText = Annotated[str, Meta(max_length=400)]


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Out of sample, over time steps: predictions against labels, across symbols."""

    ic: Estimate
    """Mean over the steps of Pearson's correlation across symbols."""
    rank_ic: Estimate
    """The same of ranks (Spearman)."""
    icir: Estimate
    """Mean IC over its standard deviation."""
    long_short_sharpe: Estimate
    """Mean over deviation of the return, over one horizon, of the best fifth less the worst: that of trading
    once in a horizon, whichever step it begins at; before costs, and of a horizon, not of a year."""
    steps: Bars
    """Time steps that were scored."""


class Fold(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fold of the validation. Times are those of bars' beginnings, ns UTC, both included."""

    train_from_ns: Time
    train_until_ns: Time
    test_from_ns: Time
    test_until_ns: Time
    rounds: Bars
    """Trees that early stopping left; 0 where the model has none."""
    metrics: Metrics


class Importance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feature: Name
    share: Annotated[float, Meta(ge=0, le=1)]
    """Of the gain of all splits."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a model. All but ``version`` and ``created_ns`` goes into the version."""

    format: Literal[2] = FORMAT
    kind: Literal["lightgbm", "user"] = "lightgbm"
    """user: a Python class of the user's, see ``user_model.py``."""
    version: Annotated[str, Meta(pattern=r"^[0-9a-f]{12}\Z")]
    """First digits of ``digest``."""
    strategy: Name
    created_ns: Time
    files: Annotated[dict[FileName, Sha256], Meta(min_length=1, max_length=1000)]
    """Every file of the artefact beside the manifest, with its checksum; ``model.txt`` of LightGBM."""
    schema_hash: Sha256
    bar_interval_s: Annotated[float, Meta(gt=0, le=86_400 * 7)]
    horizon_bars: Annotated[int, Meta(ge=1, le=100_000)]
    validation: Literal["walk-forward", "none"]
    """none: nobody knows how its metrics came about, so it may run as a shadow, and never be activated."""
    purge_gap_bars: Annotated[int, Meta(ge=0, le=200_000)]
    """Bars between what was trained on and what was scored, all of them unused."""
    embargo_bars: Annotated[int, Meta(ge=0, le=200_000)] = 0
    """Further bars left out there."""
    symbols: Annotated[tuple[Name, ...], Meta(max_length=10_000)]
    trained_from_ns: Time
    """Beginning of the first bar; 0: unknown."""
    trained_until_ns: Time
    """Beginning of the last one."""
    training_bars: Bars
    """Time steps."""
    training_rows: Bars
    source: Annotated[str, Meta(max_length=200)] = ""
    """Where the bars came from, one line."""
    seed: Integer
    parameters: Annotated[dict[Name, Integer | float | ShortText | bool], Meta(max_length=1000)]
    metrics: Metrics | None
    """Of all folds together."""
    folds: Annotated[tuple[Fold, ...], Meta(max_length=1000)] = ()
    importance: Annotated[tuple[Importance, ...], Meta(max_length=200)] = ()
    """Largest first."""
    reference: bytes = b""
    """How the features were spread in training, for drift: (158, 20) little-endian float64, see ``drift.py``;
    empty: unknown."""
    golden_rows: bytes
    """(32, 158) little-endian float64, NaN included; base64 in the file."""
    golden_predictions: bytes
    """(32,) the model's own predictions of them (LightGBM's), made at training."""

    @property
    def metric(self) -> str:
        return "not validated" if self.metrics is None else f"rank IC {self.metrics.rank_ic.value:.3f}"

    @property
    def promotable(self) -> bool:
        """Whether its metrics are known not to leak: only then may it be activated."""
        return not self.objection

    @property
    def objection(self) -> str:
        """Why it is not promotable, half a sentence; "" when it is."""
        if self.validation != "walk-forward" or self.metrics is None:
            return "nobody knows how good it is, as it was not validated by walking forward"
        if self.purge_gap_bars < self.horizon_bars + 1:
            return (
                f"it was validated with a gap of {self.purge_gap_bars} bars for a horizon of "
                f"{self.horizon_bars}: its metrics leak"
            )
        if not self.folds:
            return "it does not say on which folds it was validated"
        needed_ns = int((self.horizon_bars + 1) * self.bar_interval_s * 1e9)
        for number, fold in enumerate(self.folds, 1):
            ordered = fold.train_from_ns <= fold.train_until_ns and fold.test_from_ns <= fold.test_until_ns
            if not ordered or fold.test_from_ns - fold.train_until_ns < needed_ns:
                return f"fold {number} tests on what it was trained on, or too close to it: its metrics leak"
        return ""

    @property
    def most_bytes(self) -> int:
        """That its files may have together."""
        return MAX_BYTES if self.kind == "lightgbm" else MAX_USER_BYTES


class _Format(msgspec.Struct):
    format: Annotated[int, Meta(ge=0, le=1_000_000)] = FORMAT
    """That is not there stands for the one of now, as in the manifest itself."""


class Artefact(msgspec.Struct, frozen=True):
    """A manifest and the files that its checksums vouch for."""

    manifest: Manifest
    files: Mapping[str, bytes]
    """Content by name, as in the manifest."""

    @property
    def model(self) -> bytes:
        """LightGBM's text. Raises ModelError for a user's model."""
        if self.manifest.kind != "lightgbm" or MODEL not in self.files:
            raise ModelError(f"model {self.manifest.version} is no LightGBM model")
        return self.files[MODEL]

    def forest(self) -> Forest:
        """The model's arrays; it must take the desk's features. Raises ModelError."""
        return forest_of(self.model)


def forest_of(text: bytes) -> Forest:
    """The arrays of LightGBM's ``text``; it must take the desk's features. Raises ModelError."""
    forest, names = parse(text)
    if forest.width != WIDTH:
        raise ModelError(f"the model takes {forest.width} features, the desk has {WIDTH}: train it again")
    unnamed = all(name == f"Column_{i}" for i, name in enumerate(names))
    if names != NAMES and not unnamed:
        raise ModelError("the model's features have other names or another order: train it again")
    return forest


def checksums(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 (hex) by name, for the manifest."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def golden(manifest: Manifest) -> tuple[Floats, Floats]:
    """Golden rows (32, 158) and their predictions (32,)."""
    rows = np.frombuffer(manifest.golden_rows, "<f8").reshape(GOLDEN_ROWS, WIDTH)
    return rows, np.frombuffer(manifest.golden_predictions, "<f8")


def digest(manifest: Manifest) -> str:
    """SHA-256 (hex) of what makes the model what it is: not of when it was made."""
    same = msgspec.structs.replace(manifest, version="0" * 12, created_ns=0)
    return hashlib.sha256(msgspec.json.encode(same, order="sorted")).hexdigest()


def seal(manifest: Manifest) -> Manifest:
    """The manifest with its texts cleaned and the version that its content gives it."""
    parameters = {
        name: clean(value, 400) if isinstance(value, str) else value
        for name, value in manifest.parameters.items()
    }
    manifest = msgspec.structs.replace(manifest, source=clean(manifest.source), parameters=parameters)
    return msgspec.structs.replace(manifest, version=digest(manifest)[:12])


def write(artefact: Artefact, directory: Path) -> None:
    """Write all files; the manifest comes last, so that a cut leaves no artefact. Raises ModelError."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in artefact.files.items():
            folder_files.write(directory, name, content)
        manifest = msgspec.json.format(msgspec.json.encode(artefact.manifest), indent=1)
        folder_files.write(directory, MANIFEST, manifest + b"\n")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelError(
                f"no room to write the model to {directory}: the disk is full; free some and do it again"
            ) from None
        raise ModelError(
            f"cannot write the model to {directory}: {error.strerror}; choose another place"
        ) from None


def read(directory: Path) -> Artefact:
    """Read and check sizes, types, checksums, version and schema. Raises ModelError."""
    manifest = read_manifest(directory)
    files: dict[str, bytes] = {}
    left = manifest.most_bytes
    for name, expected in sorted(manifest.files.items()):
        content = files[name] = folder_files.read(directory, name, left)
        left -= len(content)
        _accept(directory / name, hashlib.sha256(content).hexdigest(), expected)
    return Artefact(manifest, files)


def check(directory: Path) -> Manifest:
    """As ``read``, without holding the files: whether they all are what the manifest vouches for."""
    manifest = read_manifest(directory)
    left = manifest.most_bytes
    for name, expected in sorted(manifest.files.items()):
        found, size = folder_files.sha256(directory, name, left)
        left -= size
        _accept(directory / name, found, expected)
    return manifest


def _accept(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise ModelError(f"{path} is not the file its manifest vouches for: copy or train it again")


def read_manifest(directory: Path) -> Manifest:
    """The checked manifest alone. Raises ModelError, also for one whose validation leaks."""
    path = directory / MANIFEST
    text = folder_files.read(directory, MANIFEST, MAX_MANIFEST_BYTES)
    try:
        form = msgspec.json.decode(text, type=_Format).format
        if form != FORMAT:
            raise ModelError(f"{path} is of format {form}, this desk reads {FORMAT}: train the model again")
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged ({clean(error, 80)}): copy or train the model again") from None
    if manifest.version != digest(manifest)[:12]:
        raise ModelError(f"{path} was changed after training: copy or train the model again")
    _check_names(manifest, path)
    if len(manifest.golden_rows) != 8 * GOLDEN_ROWS * WIDTH:
        raise ModelError(
            f"{path} has no {GOLDEN_ROWS} golden rows of {WIDTH} features: train the model again"
        )
    if len(manifest.golden_predictions) != 8 * GOLDEN_ROWS:
        raise ModelError(f"{path} has no {GOLDEN_ROWS} golden predictions: train the model again")
    if len(manifest.reference) not in (0, REFERENCE_BYTES):
        raise ModelError(f"{path} has a broken reference of its features: train the model again")
    if manifest.validation != "none" and not manifest.promotable:
        raise ModelError(f"model {manifest.version}: {manifest.objection}; train it again")
    if manifest.schema_hash != schema_hash(manifest.bar_interval_s):
        raise ModelError(f"model {manifest.version} was trained on other features: train it again")
    return manifest


def _check_names(manifest: Manifest, path: Path) -> None:
    """What a screen may show, and what a file system can hold: no control characters, no file twice."""
    texts = (manifest.source, *(value for value in manifest.parameters.values() if isinstance(value, str)))
    if any(clean(text, 400) != text for text in texts):
        raise ModelError(f"{path} has control characters: copy or train the model again")
    names = set(manifest.files)
    if manifest.kind == "lightgbm" and names != {MODEL}:
        raise ModelError(f"{path} names other files than {MODEL}: copy or train the model again")
    folders = {"/".join(parts[:n]) for parts in (n.split("/") for n in names) for n in range(1, len(parts))}
    if MANIFEST in names | folders or names & folders or len({n.lower() for n in names}) != len(names):
        raise ModelError(f"{path} names a file that cannot be: copy or train the model again")
