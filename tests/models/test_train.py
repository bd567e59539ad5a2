"""Training: reproducible, honest about noise, and clear when it cannot be done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models import artefact
from engine.models.train import train
from tests.models.conftest import bars


def silent(share: float, text: str) -> None:
    assert 0.0 <= share <= 1.0 and text


def learn(data: dict[str, np.ndarray], out: Path, *, horizon: int = 5, seed: int = 1, **more: Any) -> Any:
    return train(data, horizon=horizon, seed=seed, bar_interval_s=1.0, out=out, progress=silent, **more)


def test_the_same_data_and_seed_give_the_same_artefact(lightgbm: Any, tmp_path: Path) -> None:
    data = {f"x:{i}": bars(520, i, pull=0.05) for i in range(4)}
    first = learn(data, tmp_path / "a", created_ns=1)
    second = learn(dict(reversed(data.items())), tmp_path / "b", created_ns=2)
    assert first.model == second.model and first.manifest.version == second.manifest.version
    assert artefact.read(tmp_path / "a") == first
    manifest = first.manifest
    assert manifest.purge_gap_bars == 6 and manifest.symbols == ("x:0", "x:1", "x:2", "x:3")
    assert manifest.metrics.rank_ic.value > 0.1, "prices that return to their mean can be ranked"


def test_noise_shows_no_skill(lightgbm: Any, tmp_path: Path) -> None:
    made = learn({f"x:{i}": bars(1500, 50 + i) for i in range(6)}, tmp_path)
    metrics = made.manifest.metrics
    # labels of 5 bars overlap, so about a fifth of the steps are independent
    assert abs(metrics.rank_ic.value) < 3 / np.sqrt(5 * metrics.steps / 5)


@pytest.mark.parametrize(
    ("count", "length", "horizon", "words"),
    [
        (4, 200, 5, "too little data"),
        (1, 900, 5, "at least 2"),
        (0, 0, 5, "at least 2"),
        (4, 900, 0, "horizon"),
    ],
)
def test_what_cannot_be_honest_is_refused(
    lightgbm: Any, tmp_path: Path, count: int, length: int, horizon: int, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        learn({f"x:{i}": bars(length, i) for i in range(count)}, tmp_path / "out", horizon=horizon)
    assert not (tmp_path / "out").exists()


def test_bars_that_do_not_move_are_refused(lightgbm: Any, tmp_path: Path) -> None:
    flat = np.tile([1.0, 1.0, 1.0, 1.0, 5.0, 1.0], (700, 1))
    with pytest.raises(ModelError, match="do not move"):
        learn({"x:a": flat, "x:b": flat}, tmp_path)


def test_without_lightgbm_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ModelError, match="apt-get install libgomp1"):
        learn({f"x:{i}": bars(700, i) for i in range(2)}, tmp_path)
