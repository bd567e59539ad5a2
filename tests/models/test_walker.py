"""The walker equals LightGBM bit for bit, missing values and categories included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models import text_format, walker

FEATURES = 12


def rows_like_training(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = rng.normal(size=(n, FEATURES))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[rng.random(rows.shape) < 0.1] = 0.0
    rows[:, 3] = rng.integers(0, 200, n)
    return rows


def hostile_rows(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = rng.normal(size=(n, FEATURES)) * rng.choice([1.0, 1e-36, 1e-3, 1e3], (n, FEATURES))
    for value in (np.nan, 0.0, -0.0, np.inf, -np.inf, walker.ZERO, -walker.ZERO):
        rows[rng.random(rows.shape) < 0.04] = value
    rows[:, 3] = rng.integers(0, 300, n) * rng.choice([1, -1, 0.5, -0.5, 1e10, -1e10, np.nan], n)
    return rows


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        {"objective": "huber", "num_leaves": 7},
        {"num_leaves": 2, "min_gain_to_split": 1.0},
        {"boosting": "dart"},
    ],
    ids=str,
)
@pytest.mark.parametrize("categorical", [False, True])
def test_bit_equal_to_lightgbm(lightgbm: Any, parameters: dict[str, Any], categorical: bool) -> None:
    rng = np.random.default_rng(5)
    x = rows_like_training(rng, 800)
    y = np.nan_to_num(x[:, 0]) + (x[:, 3] % 3 == 0) + np.nan_to_num(x[:, 5] * x[:, 6])
    settings = {
        "objective": "regression",
        "verbosity": -1,
        "num_threads": 1,
        "min_data_in_leaf": 5,
        "seed": 1,
        "cat_smooth": 1,
        "min_data_per_group": 5,
        **parameters,
    }
    data = lightgbm.Dataset(x, y, categorical_feature=[3] if categorical else "auto")
    booster = lightgbm.train(settings, data, 20)
    forest, names = text_format.parse(booster.model_to_string().encode())
    assert len(names) == forest.width == FEATURES and forest.trees == 20
    if categorical and "num_leaves" not in parameters:
        assert (forest.nodes["kind"] & walker.CATEGORICAL).any()
    rows = hostile_rows(rng, 4000)
    rows.flags.writeable = False
    ours, theirs = walker.predict(forest, rows), booster.predict(rows)
    assert np.ptp(ours) > 0
    assert ours.tobytes() == theirs.tobytes()
    assert walker.predict(forest, rows[17:18]).tobytes() == ours[17:18].tobytes()


def test_linear_trees_classes_and_links_are_refused_by_name(lightgbm: Any) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 4))
    for settings, word in (
        ({"objective": "regression", "linear_tree": True}, "linear trees"),
        ({"objective": "binary"}, "objective binary"),
        ({"objective": "multiclass", "num_class": 3}, "several classes"),
        ({"objective": "regression", "reg_sqrt": True}, "sqrt"),
    ):
        y = rng.integers(0, 2, 200) if word != "linear trees" else x[:, 0]
        booster = lightgbm.train({**settings, "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, y), 2)
        with pytest.raises(ModelError, match=f"not supported: .*{word}"):
            text_format.parse(booster.model_to_string().encode())


def test_wrong_width_is_refused(lightgbm: Any) -> None:
    x = np.random.default_rng(5).normal(size=(100, 4))
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, x[:, 0]), 2)
    forest, _ = text_format.parse(booster.model_to_string().encode())
    with pytest.raises(ValueError, match="takes"):
        walker.predict(forest, np.zeros((3, 5)))
