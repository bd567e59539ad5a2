"""Training whole: reproducible, sealed, and clear when it cannot be done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.features.alpha158 import WIDTH
from engine.models import artefact, drift
from engine.models.artefact import Artefact
from engine.models.training.fit import LightGBM, UserLearner
from engine.models.training.panel import Panel
from engine.models.training.trainer import train
from engine.models.training.validate import Plan
from tests.models.training.conftest import START_NS, panel, silent, walks


def learn(made: Panel, out: Path, *, seed: int = 1, created_ns: int = 1, **more: Any) -> Artefact:
    return train(
        made,
        Plan(seed=seed, **more),
        LightGBM(seed),
        created_ns=created_ns,
        out=out,
        progress=silent,
        source="a test",
    )


@pytest.fixture(scope="module")
def pulled() -> Panel:
    return panel(walks(4, 620, 1, pull=0.05))


def test_the_same_data_and_seed_give_the_same_artefact(lightgbm: Any, pulled: Panel, tmp_path: Path) -> None:
    first = learn(pulled, tmp_path / "a", created_ns=1)
    again = panel(dict(reversed(walks(4, 620, 1, pull=0.05).items())))
    second = learn(again, tmp_path / "b", created_ns=2)
    assert first.model == second.model and first.manifest.version == second.manifest.version
    assert artefact.read(tmp_path / "a") == first
    assert learn(pulled, tmp_path / "c", seed=2).manifest.version != first.manifest.version


def test_another_process_with_other_threads_gives_the_same_artefact(
    lightgbm: Any, pulled: Panel, tmp_path: Path
) -> None:
    here = learn(pulled, tmp_path / "a")
    code = (
        "from pathlib import Path; from tests.models.training.conftest import panel, walks\n"
        "from tests.models.training.test_train import learn\n"
        f"print(learn(panel(walks(4, 620, 1, pull=0.05)), Path({str(tmp_path / 'b')!r})).manifest.version)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "3", "NUMBA_NUM_THREADS": "1", "PYTHONHASHSEED": "77"}
    root = Path(__file__).resolve().parents[3]
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == here.manifest.version


def test_the_manifest_tells_how_it_came_about(lightgbm: Any, pulled: Panel, tmp_path: Path) -> None:
    manifest = learn(pulled, tmp_path, embargo=3, window="rolling").manifest
    assert manifest.promotable and manifest.purge_gap_bars == 6 and manifest.embargo_bars == 3
    assert manifest.symbols == ("x:0", "x:1", "x:2", "x:3") and manifest.source == "a test"
    assert manifest.trained_from_ns == START_NS and manifest.training_bars == 620
    assert manifest.trained_until_ns == START_NS + 619 * 60 * 10**9
    assert manifest.training_rows == len(pulled.labels) and manifest.parameters["window"] == "rolling"
    assert manifest.metrics is not None and manifest.metrics.rank_ic.low > 0.0, "it can be ranked"
    assert len(manifest.folds) == 4 and manifest.metrics.steps == sum(f.metrics.steps for f in manifest.folds)
    for fold in manifest.folds:
        assert fold.train_from_ns < fold.train_until_ns < fold.test_from_ns < fold.test_until_ns
        assert fold.test_from_ns - fold.train_until_ns > (6 + 3) * 60 * 10**9
        assert fold.metrics.ic.low <= fold.metrics.ic.value <= fold.metrics.ic.high and fold.rounds >= 1
    shares = [one.share for one in manifest.importance]
    assert sum(shares) == pytest.approx(1.0) and shares == sorted(shares, reverse=True)
    edges, spread = drift.read_reference(manifest.reference)
    assert edges.shape == (WIDTH, 9) and np.allclose(spread.sum(axis=1), 1.0)
    assert "num_threads: 1" in (tmp_path / "model.txt").read_text()


def test_little_data_and_leaking_gaps_write_nothing(lightgbm: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="too little data"):
        learn(panel(walks(4, 200, 1)), tmp_path / "out")
    with pytest.raises(ModelError, match="leaks"):
        learn(panel(walks(4, 700, 1)), tmp_path / "out", purge=5)
    assert not (tmp_path / "out").exists()


def test_without_lightgbm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ModelError, match="apt-get install libgomp1"):
        LightGBM(1)


_LINEAR = """
import numpy as np
from engine.models.user_model import UserModel

class Linear(UserModel):
    parameters = {"ridge": 10.0}

    def fit(self, rows, labels, stop_rows, stop_labels, seed):
        x = self.clean(rows)
        self.weights = np.linalg.solve(x.T @ x + 10.0 * np.eye(x.shape[1]), x.T @ labels)

    def clean(self, rows):
        return np.nan_to_num(np.clip(rows[:, :60], -5, 5))

    def predict(self, rows):
        return self.clean(rows) @ self.weights

    def save(self, directory):
        np.save(directory / "weights.npy", self.weights)

    def load(self, directory):
        self.weights = np.load(directory / "weights.npy")
"""


def user(tmp_path: Path, text: str) -> UserLearner:
    tmp_path.chmod(0o700)
    path = tmp_path / "mine.py"
    path.write_text(text)
    path.chmod(0o600)
    return UserLearner(path, 1)


def test_a_users_model_is_validated_like_any_other(pulled: Panel, tmp_path: Path) -> None:
    made = train(
        pulled,
        Plan(seed=1),
        user(tmp_path, _LINEAR),
        created_ns=1,
        out=tmp_path / "out",
        progress=silent,
    )
    manifest = made.manifest
    assert manifest.kind == "user" and manifest.promotable and set(manifest.files) == set(made.files)
    assert manifest.parameters["ridge"] == 10.0 and manifest.metrics is not None
    assert manifest.metrics.steps > 300 and manifest.importance == ()
    assert artefact.read(tmp_path / "out") == made


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("return self.clean(rows) @ self.weights", "return rows[:3, 0]", "shape"),
        ("return self.clean(rows) @ self.weights", "return rows[:, 0] * np.nan", "finite"),
        ("x = self.clean(rows)", "raise ValueError('no idea')", "no idea"),
        (
            "return self.clean(rows) @ self.weights",
            "return np.zeros(len(rows))",
            "predictions differ between symbols",
        ),
    ],
)
def test_a_users_model_that_cannot_be_used_is_refused(
    pulled: Panel, tmp_path: Path, old: str, new: str, words: str
) -> None:
    learner = user(tmp_path, _LINEAR.replace(old, new))
    with pytest.raises(ModelError, match=words):
        train(pulled, Plan(seed=1), learner, created_ns=1, out=tmp_path / "out", progress=silent)
    assert not (tmp_path / "out").exists()
