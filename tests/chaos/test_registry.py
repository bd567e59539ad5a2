"""kill -9 of processes that change the model registry: what is left works, and says the truth."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.models import artefact, builtin
from engine.models.registry import Registry
from tests.chaos.amounts import MODELS, SEED
from tests.chaos.small_disk import small_disk
from tests.conftest import ROOT
from tests.models.conftest import reseal, written

KILLS = max(3, MODELS // 2)
WRITERS = 2


def writer(state_dir: Path, seed: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.registry_writer", str(state_dir), str(seed)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )


def check(state_dir: Path, *, alone: bool = True) -> int:
    """All that a registry promises; returns how many models there are. ``alone``: nobody changes it now."""
    registry = Registry(state_dir)
    entries = registry.list()
    for entry in entries:
        while True:
            try:
                assert artefact.check(Path(entry.path)).version == entry.version
            except ModelError:
                if alone:
                    raise
                if all(entry.version != one.version for one in registry.list()):
                    break  # another process has pruned it by now
            else:
                break
    assert sum(entry.status == "active" for entry in entries) <= 1
    if alone:
        roles = registry.roles("model")
        listed = {entry.version: entry for entry in entries}
        for role in (roles.active, roles.shadow, roles.last_good):
            assert role is None or listed[role.version] == role
        assert roles.shadow is None or roles.shadow != roles.active
    return len(entries)


def test_the_check_can_fail(tmp_path: Path) -> None:
    entry = Registry(tmp_path).register(builtin.PATH)
    assert check(tmp_path) == 1
    (Path(entry.path) / artefact.MODEL).write_bytes(b"tree\n")
    with pytest.raises(ModelError, match="vouches"):
        check(tmp_path)


@pytest.mark.timeout(60 + 30 * KILLS)
def test_killed_in_the_middle_of_a_change(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} registry")
    kills = changes = most = leftovers = 0
    while kills < KILLS:
        writers = [writer(tmp_path, rng.randrange(2**31)) for _ in range(min(WRITERS, KILLS - kills))]
        try:
            for one in writers:
                assert one.stdout is not None and one.stdout.readline() == b"ready\n"
            for one in writers:
                time.sleep(rng.random() * 0.4)
                one.kill()
                kills += 1
                most = max(most, check(tmp_path, alone=False))
        finally:
            for one in writers:
                one.kill()
                told, _ = one.communicate(timeout=30)
                assert set(told) <= set(b"."), told[-300:]
                changes += len(told)
        check(tmp_path)
        leftovers += sum(path.name.startswith(".") for path in (tmp_path / "models").iterdir())
    registry = Registry(tmp_path)
    registry.activate(registry.register(builtin.PATH).version)
    registry.prune(0)
    folders = {path.name for path in (tmp_path / "models").iterdir() if path.is_dir()}
    assert folders == {entry.version for entry in registry.list()}, "nothing is left over"
    assert check(tmp_path) >= 1
    print(f"{kills} kills in {changes:,} changes of {most} models at most, {leftovers} folders left over")
    assert changes > kills


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Whatever fails for lack of room says so and leaves the registry as it was."""
    with small_disk(tmp_path / "disk", 700_000) as disk:
        registry = Registry(disk)
        kept: list[str] = []
        with pytest.raises(ModelError, match="the disk is full"):
            for number in range(50):
                made = reseal(artefact.read(builtin.PATH), seed=number)
                folder = written(made, tmp_path / str(number))
                kept.append(registry.register(folder).version)
        assert kept and check(disk) == len(kept)
        (disk / "filler").write_bytes(b"\0" * _free(disk))
        with pytest.raises(ModelError, match="the disk is full"):
            for _ in range(100):
                registry.activate(kept[0], reason="x" * 300)
                registry.deactivate("model", reason="x" * 300)
        assert check(disk) == len(kept)
        (disk / "filler").unlink()
        assert registry.activate(kept[0]).status == "active"


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize
