"""The manifest: what it vouches for, and what is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.errors import ModelError
from engine.features.alpha158 import schema_hash
from engine.models import artefact, check
from engine.models.artefact import MANIFEST, MODEL, Artefact
from tests.models.conftest import reseal, written


def test_round_trip(shipped: Artefact, tmp_path: Path) -> None:
    assert artefact.read(written(shipped, tmp_path / "a")) == shipped
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [MANIFEST, MODEL]


def test_version_names_the_content_and_not_the_day(shipped: Artefact) -> None:
    later = msgspec.structs.replace(shipped.manifest, created_ns=shipped.manifest.created_ns + 1)
    assert artefact.seal(later).version == shipped.manifest.version
    assert reseal(shipped, seed=shipped.manifest.seed + 1).manifest.version != shipped.manifest.version


@pytest.mark.parametrize("name", [MODEL, MANIFEST])
def test_any_damage_to_a_file_is_refused(shipped: Artefact, tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(9)
    path = written(shipped, tmp_path) / name
    good = path.read_bytes()
    for kind in range(40):
        data = bytearray(good)
        at = int(rng.integers(0, len(data) - 2))  # the last byte is a line end: cutting it is no damage
        if kind % 3 == 0:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind % 3 == 1:
            del data[at:]
        else:
            del data[at : at + int(rng.integers(1, 500))]
        path.write_bytes(data)
        try:
            found = artefact.read(tmp_path)
        except ModelError as refusal:
            assert "\n" not in str(refusal)
        else:  # only the day it was made, or blanks between the values, are not vouched for
            assert name == MANIFEST
            same = msgspec.structs.replace(found.manifest, created_ns=shipped.manifest.created_ns)
            assert same == shipped.manifest


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"purge_gap_bars": 20, "horizon_bars": 20}, "its metrics leak"),
        ({"schema_hash": "0" * 64}, "other features"),
        ({"golden_rows": b"\0" * 80}, "golden rows"),
        ({"golden_predictions": b""}, "golden predictions"),
        ({"horizon_bars": 0}, "is damaged"),
        ({"bar_interval_s": 0.0}, "is damaged"),
        ({"horizon_bars": 100_001}, "is damaged"),
        ({"strategy": "../../etc"}, None),
        ({"strategy": "a b"}, "is damaged"),
    ],
)
def test_manifests_that_cannot_be_right(
    shipped: Artefact, tmp_path: Path, changes: dict[str, object], words: str | None
) -> None:
    path = written(reseal(shipped, **changes), tmp_path)
    if words is None:
        assert artefact.read(path).manifest.strategy == changes["strategy"]  # a name, never a path
        return
    with pytest.raises(ModelError, match=words):
        artefact.read(path)


def test_unknown_fields_pipes_and_absent_files(shipped: Artefact, tmp_path: Path) -> None:
    written(shipped, tmp_path)
    manifest = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(manifest.replace(b'"format"', b'"surprise": 1, "format"', 1))
    with pytest.raises(ModelError, match="surprise"):
        artefact.read(tmp_path)
    (tmp_path / MANIFEST).write_bytes(b"[" * 100_000)
    with pytest.raises(ModelError, match="is damaged"):
        artefact.read(tmp_path)
    (tmp_path / MANIFEST).unlink()
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(ModelError, match="not a regular file"):
        artefact.read(tmp_path)
    with pytest.raises(ModelError, match="cannot read"):
        artefact.read(tmp_path / "absent")


def test_a_model_of_other_features_is_refused(shipped: Artefact) -> None:
    swapped = shipped.model.replace(b"KMID KLEN", b"KLEN KMID", 1)
    with pytest.raises(ModelError, match="another order"):
        Artefact(shipped.manifest, {MODEL: swapped}).forest()


def test_changed_leaves_with_right_checksums_are_caught_by_the_golden_rows(
    shipped: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    text = shipped.model.decode()
    at = text.index("leaf_value=") + len("leaf_value=")
    sign = text[at]
    # as many bytes as before: the sizes in the header stay right
    changed = text[:at] + ("0" if sign == "-" else "9") + text[at + 1 :]
    path = written(reseal(shipped, model=changed.encode()), tmp_path / "changed")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ModelError, match="golden rows"):
        check.check(path, out)
    assert "cannot be imported" in check.check(written(shipped, tmp_path / "good"), out).note


def test_constant_and_infinite_predictions_are_refused() -> None:
    with pytest.raises(ModelError, match="one number"):
        check.accept(np.ones(32), np.ones(32), "any")
    with pytest.raises(ModelError, match="not finite"):
        check.accept(np.array([1.0, np.inf]), np.array([1.0, np.inf]), "any")


def test_schema_of_another_bar_interval_is_its_own(shipped: Artefact, tmp_path: Path) -> None:
    other = reseal(shipped, bar_interval_s=60.0, schema_hash=schema_hash(60.0))
    assert artefact.read(written(other, tmp_path)).manifest.bar_interval_s == 60.0
