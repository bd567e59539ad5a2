"""The models of a replay: those of the registry, which stays as it is; it goes back as a live desk does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import load as load_config
from engine.errors import ModelError
from engine.models import artefact, builtin
from engine.models.predictor import Predictor
from engine.models.registry import Registry
from engine.wiring import replay_models
from engine.wiring.model_slot import STRATEGY
from engine.wiring.replay_models import ReplayModels
from tests.models.conftest import reseal, written
from tests.wiring.scripted_model import Floor, Scripted, by_feature

CONFIG = load_config(environ={})


def test_a_replay_goes_back_as_the_desk_does_and_changes_no_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path / "state")
    shipped = artefact.read(builtin.PATH)
    made: dict[str, Scripted] = {}
    versions = []
    for seed in range(4):
        found = registry.register(written(reseal(shipped, seed=seed), tmp_path / str(seed)))
        registry.activate(found.version)
        versions.append(found.version)
    good, damaged, bad, worst = versions

    async def load(path: str, **_: object) -> Predictor:
        version = Path(path).name
        if version == damaged:
            raise ModelError("its files are damaged")
        says = by_feature if version == good else lambda rows: np.full(len(rows), np.nan)
        made[version] = Scripted(version, says)
        return made[version]

    monkeypatch.setattr(replay_models, "load", load)
    before, notes = registry.roles(STRATEGY), list[str]()
    models = ReplayModels(tmp_path / "state", CONFIG, notes.append)
    assert models.active is not None and models.active.version == worst and set(made) == {worst}
    floor = Floor()
    floor.scoring.fallback = models.fallback
    floor.scoring.set_active(models.active)
    floor.run(85)
    batch = floor.scoring.batch()
    assert batch is not None and batch.version == good and set(made) == {worst, bad, good}
    assert len(notes) == 1 and damaged in notes[0] and "passed over" in notes[0]
    assert models.fallback() is None and registry.roles(STRATEGY) == before
    models.close()
    assert all(one.closed for one in made.values())


def test_a_tape_can_be_replayed_without_a_model(tmp_path: Path) -> None:
    notes: list[str] = []
    registry = Registry(tmp_path)
    entry = registry.register(builtin.PATH)
    registry.activate(entry.version)
    (Path(entry.path) / "model.txt").write_bytes(b"cut")
    models = ReplayModels(tmp_path, CONFIG, notes.append)
    assert models.active is None and "replaying without a model" in notes[0]
