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
from engine.models.artefact import MANIFEST, MODEL, Artefact, Fold
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
        ({"strategy": "model\n"}, "is damaged"),
        ({"symbols": ("sim:BTC-USD\n",)}, "is damaged"),
        ({"parameters": {"seed\n": 1}}, "is damaged"),
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
    unproven = {"validation": "none", "metrics": None, "folds": ()}
    other = reseal(shipped, bar_interval_s=60.0, schema_hash=schema_hash(60.0), **unproven)
    assert artefact.read(written(other, tmp_path)).manifest.bar_interval_s == 60.0


def user_model(shipped: Artefact, files: dict[str, bytes]) -> Artefact:
    manifest = msgspec.structs.replace(
        shipped.manifest, kind="user", files=artefact.checksums(files), parameters={}
    )
    return Artefact(artefact.seal(manifest), files)


def test_files_of_a_users_model_are_read_back(shipped: Artefact, tmp_path: Path) -> None:
    made = user_model(shipped, {"model.py": b"class M: ...", "state/deep/weights.bin": b"\0" * 3000})
    path = written(made, tmp_path / "made")
    assert artefact.read(path) == made and artefact.check(path) == made.manifest
    with pytest.raises(ModelError, match="no LightGBM model"):
        artefact.read(path).forest()
    (path / "state" / "deep" / "weights.bin").write_bytes(b"\0" * 2999)
    for look in (artefact.read, artefact.check):
        with pytest.raises(ModelError, match="vouches"):
            look(path)


@pytest.mark.parametrize("link", ["model.py", "state", "state/weights.bin", MANIFEST])
def test_no_link_is_followed_out_of_the_folder(shipped: Artefact, tmp_path: Path, link: str) -> None:
    """Even where what it points to would be right."""
    path = written(user_model(shipped, {"model.py": b"x", "state/weights.bin": b"y"}), tmp_path / "made")
    elsewhere = tmp_path / "elsewhere"
    (path / link).rename(elsewhere)
    (path / link).symlink_to(elsewhere)
    for look in (artefact.read, artefact.check):
        with pytest.raises(ModelError, match=r"is a link|cannot read"):
            look(path)
    (path / link).unlink()
    elsewhere.rename(path / link)
    (tmp_path / "alias").symlink_to(path)
    assert artefact.check(tmp_path / "alias"), "the folder itself may be one: it is the user's to place"


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "",
        ".",
        "a//b",
        "a/",
        "-rf",
        ".hidden",
        "a\0b",
        "ä",
        "x" * 120,
        MANIFEST,
    ],
)
def test_names_that_lead_elsewhere_are_refused(shipped: Artefact, tmp_path: Path, name: str) -> None:
    made = user_model(shipped, {"model.py": b"x"})
    path = written(made, tmp_path)
    files = {**made.manifest.files, name: made.manifest.files["model.py"]}
    bad = artefact.seal(msgspec.structs.replace(made.manifest, files=files))
    (path / MANIFEST).write_bytes(msgspec.json.encode(bad))
    with pytest.raises(ModelError, match=r"is damaged|file that cannot be"):
        artefact.check(path)


@pytest.mark.parametrize("files", [{"a": b"1", "A": b"1"}, {"a": b"1", "a/b": b"1"}, {}])
def test_files_that_cannot_be_together_are_refused(
    shipped: Artefact, tmp_path: Path, files: dict[str, bytes]
) -> None:
    (tmp_path / MANIFEST).write_bytes(msgspec.json.encode(user_model(shipped, files).manifest))
    with pytest.raises(ModelError, match=r"is damaged|file that cannot be"):
        artefact.check(tmp_path)


def test_sizes_are_bounded_before_anything_is_read(
    shipped: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(user_model(shipped, {"a": b"x" * 600, "b": b"y" * 600}), tmp_path)
    monkeypatch.setattr(artefact, "MAX_USER_BYTES", 1000)
    for look in (artefact.read, artefact.check):
        with pytest.raises(ModelError, match="is larger than"):
            look(path)
    os.truncate(path / "a", 1 << 40)  # a hole: takes no room, and would take all memory
    with pytest.raises(ModelError, match="is larger than"):
        artefact.check(path)


def test_texts_are_cleaned_when_sealed_and_refused_when_they_are_not(
    shipped: Artefact, tmp_path: Path
) -> None:
    dirty = reseal(shipped, source="bars\x1b[2J\n of \u202emine" + "x" * 300, parameters={"note": "a\x07b"})
    assert dirty.manifest.source.startswith("bars[2J  of mine") and len(dirty.manifest.source) == 200
    assert artefact.read(written(dirty, tmp_path / "a")).manifest.parameters == {"note": "ab"}
    raw = msgspec.structs.replace(shipped.manifest, source="\x1b[2J")
    raw = msgspec.structs.replace(raw, version=artefact.digest(raw)[:12])
    with pytest.raises(ModelError, match="control characters"):
        artefact.read(written(Artefact(raw, shipped.files), tmp_path / "b"))


def test_numbers_that_no_one_can_hold_are_refused(shipped: Artefact, tmp_path: Path) -> None:
    written(shipped, tmp_path)
    text = (tmp_path / MANIFEST).read_text()
    for old, new in (
        ('"seed": 7', f'"seed": {10**30}'),
        ('"num_leaves": 15', f'"num_leaves": {-(10**30)}'),
        ('"num_leaves": 15', '"num_leaves": 1e999'),
    ):
        if old in text:
            (tmp_path / MANIFEST).write_text(text.replace(old, new, 1))
            with pytest.raises(ModelError, match="is damaged"):
                artefact.read(tmp_path)


def fold(begin: int, trained: int, tested: int, until: int, of: Artefact) -> Fold:
    """In bars."""
    bar_ns = round(of.manifest.bar_interval_s * 1e9)
    times = (bar_ns * n for n in (begin, trained, tested, until))
    names = ("train_from_ns", "train_until_ns", "test_from_ns", "test_until_ns")
    assert of.manifest.metrics is not None
    return Fold(**dict(zip(names, times, strict=True)), rounds=3, metrics=of.manifest.metrics)


def test_folds_must_prove_the_gap_that_is_claimed(shipped: Artefact, tmp_path: Path) -> None:
    horizon = shipped.manifest.horizon_bars
    good = reseal(shipped, folds=(fold(0, 100, 101 + horizon, 300, shipped),))
    assert artefact.read(written(good, tmp_path / "good")).manifest.promotable
    for number, (begin, trained, tested, until) in enumerate(
        ((0, 100, 100 + horizon, 300), (0, 100, 50, 300), (200, 100, 150 + horizon, 300), (0, 100, 300, 200))
    ):
        bad = reseal(shipped, folds=(*good.manifest.folds, fold(begin, trained, tested, until, shipped)))
        assert not bad.manifest.promotable and "fold 2" in bad.manifest.objection
        with pytest.raises(ModelError, match="its metrics leak"):
            artefact.read(written(bad, tmp_path / str(number)))
