"""SHAP values of one prediction: they add up to what our own walk gives, or there are none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.errors import ModelError
from engine.features.alpha158 import NAMES, WIDTH
from engine.models import artefact, builtin, contributions
from engine.models.artefact import MODEL, Artefact
from engine.models.contributions import RESULT, ROW, Parts, main, take_apart
from engine.models.walker import predict
from tests.models.conftest import reseal, written


def test_they_add_up_to_the_prediction_bit_for_bit_ours(lightgbm: Any, shipped: Artefact) -> None:
    rows, predictions = artefact.golden(shipped.manifest)
    for row, prediction in zip(rows[[0, 7, -1]], predictions[[0, 7, -1]], strict=True):
        parts = take_apart(builtin.PATH, row)
        assert parts.prediction == parts.total == prediction
        assert len(parts.values) == WIDTH
        assert math.fsum([parts.base, *parts.values]) == pytest.approx(prediction, rel=1e-9, abs=1e-12)


def test_a_feature_that_no_tree_asks_for_contributes_nothing(lightgbm: Any, shipped: Artefact) -> None:
    forest = shipped.forest()
    rows, _ = artefact.golden(shipped.manifest)
    parts = take_apart(builtin.PATH, rows[0])
    used = set(forest.nodes["feature"].tolist())
    assert used < set(range(WIDTH))
    assert all(value == 0.0 for index, value in enumerate(parts.values) if index not in used)
    assert any(parts.values)


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": "binary"},
        {"objective": "poisson"},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "objective": "regression"},
    ],
    ids=["binary", "poisson", "averaged"],
)
def test_what_the_objective_makes_of_the_trees_is_told_apart(
    lightgbm: Any, shipped: Artefact, tmp_path: Path, parameters: dict[str, Any]
) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, WIDTH))
    labels = (rows[:, 3] + rows[:, 5] > 0).astype(np.float64)
    data = lightgbm.Dataset(rows, labels, feature_name=list(NAMES))
    settings = {"verbosity": -1, "num_leaves": 7, "min_data_in_leaf": 5, **parameters}
    text = lightgbm.train(settings, data, 8).model_to_string().encode()
    found = reseal(shipped, model=text)
    golden, _ = artefact.golden(found.manifest)
    predictions = predict(found.forest(), golden)
    found = reseal(found, golden_predictions=predictions.astype("<f8").tobytes())
    parts = take_apart(written(found, tmp_path / "model"), rows[0])
    assert parts.prediction == lightgbm.Booster(model_str=text.decode()).predict(rows[:1])[0]
    assert math.fsum([parts.base, *parts.values]) == pytest.approx(parts.total, rel=1e-9)
    assert (parts.total == parts.prediction) is ("boosting" in parameters)


def test_values_that_do_not_add_up_are_none(monkeypatch: pytest.MonkeyPatch, shipped: Artefact) -> None:
    rows, predictions = artefact.golden(shipped.manifest)
    shap = np.zeros(WIDTH + 1)
    shap[-1] = predictions[0]
    monkeypatch.setattr(contributions, "_shap", lambda model, row: shap)
    assert take_apart(builtin.PATH, rows[0]).base == predictions[0]
    shap[3] = 1e-6
    with pytest.raises(ModelError, match="do not explain it"):
        take_apart(builtin.PATH, rows[0])


def test_a_damaged_model_reaches_no_lightgbm(
    monkeypatch: pytest.MonkeyPatch, shipped: Artefact, tmp_path: Path
) -> None:
    def never(model: bytes, row: np.ndarray) -> np.ndarray:
        raise AssertionError("LightGBM saw a damaged file")

    path = written(shipped, tmp_path / "model")
    (path / MODEL).write_bytes(shipped.model[:-100])
    monkeypatch.setattr(contributions, "_shap", never)
    with pytest.raises(ModelError, match="vouches for"):
        take_apart(path, artefact.golden(shipped.manifest)[0][0])


def test_without_lightgbm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, shipped: Artefact) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    with pytest.raises(ModelError, match="need LightGBM"):
        take_apart(builtin.PATH, artefact.golden(shipped.manifest)[0][0])


def test_the_child_leaves_its_result_or_the_reason(
    monkeypatch: pytest.MonkeyPatch, shipped: Artefact, tmp_path: Path
) -> None:
    restricted: list[bool] = []
    monkeypatch.setattr(contributions, "restrict", lambda: restricted.append(True))
    np.save(tmp_path / ROW, artefact.golden(shipped.manifest)[0][1])

    def result() -> Parts:
        return msgspec.json.decode((tmp_path / RESULT).read_bytes(), type=Parts)

    assert main([str(tmp_path / "nothing"), str(tmp_path)]) == 1
    assert "cannot read" in result().error and restricted
    pytest.importorskip("lightgbm")
    assert main([str(builtin.PATH), str(tmp_path)]) == 0
    assert not result().error and result().prediction == artefact.golden(shipped.manifest)[1][1]
