"""The kernel cache: damaged, unwritable or absent, the engine starts all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine import kernels

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = """
from engine.kernels import kernel, warm, cache_folder
import tests.tiny_kernel as tiny
lines = []
warm(lambda: tiny.twice(21), "tiny_kernel", lines.append)
print(tiny.twice(21), len(lines), sum(tiny.twice.stats.cache_hits.values()), cache_folder())
"""


def start(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT, env={**os.environ, "NUMBA_CACHE_DIR": str(folder)}, capture_output=True, text=True,
        timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_second_start_loads_what_the_first_compiled_and_damage_is_repaired(tmp_path: Path) -> None:
    assert start(tmp_path)[:3] == ["42", "1", "0"]
    assert start(tmp_path)[:3] == ["42", "0", "1"]
    for file in tmp_path.rglob("*.nb?"):
        file.write_bytes(b"\x80damaged")
    assert start(tmp_path)[0] == "42"
    assert start(tmp_path)[:3] == ["42", "0", "1"]


def test_without_a_folder_to_write_every_start_compiles(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    assert start(tmp_path / "file") == ["42", "1", "0", "None"]


def test_an_unwritable_package_folder_is_replaced_by_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "engine").write_text("in the way")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(kernels, "_ENGINE", tmp_path / "engine")
    monkeypatch.setattr(kernels, "_digest", lambda: "0")
    monkeypatch.setattr(kernels.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    assert kernels.cache_folder.__wrapped__() == tmp_path / "cache" / "tickdesk" / "kernels-0"


def test_an_error_that_is_not_the_caches_reaches_the_caller() -> None:
    def run() -> None:
        raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(kernels, "cache_folder", lambda: None)
        kernels.warm(run, "none")


def test_kernels_of_other_versions_go_when_nobody_used_them_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "kernels-ours"
    monkeypatch.setattr(kernels, "cache_folder", lambda: ours)
    for name, age_days in (("kernels-ours", 90), ("kernels-old", 15), ("kernels-new", 13), ("other", 90)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "x.nbi").touch()
        os.utime(folder, (time.time() - age_days * 86_400,) * 2)
    assert kernels.forget_unused(days=14) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kernels-new", "kernels-ours", "other"]
