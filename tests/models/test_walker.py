"""The walker equals LightGBM bit for bit, missing values, categories and objectives included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models import forest as forests
from engine.models import text_format
from engine.models.forest import Forest
from engine.models.walker import BLOCK, MOST_LEAVES, WORTH, Walker, predict
from tests.models.boosters import FEATURES, hostile_rows, trained


def equal_everywhere(booster: Any, forest: Forest, rows: np.ndarray) -> np.ndarray:
    """All rows at once, and a few in every way that rows are taken; returns the predictions."""
    rows.flags.writeable = False
    walker = Walker(forest)
    ours, theirs = walker.predict(rows), booster.predict(rows, num_threads=1)
    different = np.flatnonzero(ours.view(np.uint64) != theirs.view(np.uint64))
    assert not len(different), f"row {different[0]}: {ours[different[0]]!r} is {theirs[different[0]]!r}"
    for count in (0, 1, 3, WORTH - 1, WORTH, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + WORTH, 3 * BLOCK + 5):
        some = rows[100 : 100 + count]
        assert walker.predict(some).tobytes() == ours[100 : 100 + count].tobytes(), count
    return ours


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
        {"data_sample_strategy": "goss"},
        {"num_leaves": MOST_LEAVES, "min_data_in_leaf": 2},
        {"num_leaves": MOST_LEAVES + 1, "min_data_in_leaf": 2},
        {"extra_trees": True, "monotone_constraints": [1] + [0] * (FEATURES - 1)},
        {"objective": "quantile", "reg_sqrt": True},
        {"objective": "regression", "reg_sqrt": True},
        {"objective": "binary", "sigmoid": 0.7},
        {"objective": "cross_entropy", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        {"objective": "cross_entropy_lambda"},
        {"objective": "poisson"},
        {"objective": "gamma"},
        {"objective": "tweedie", "tweedie_variance_power": 1.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("categorical", [False, True])
def test_bit_equal_to_lightgbm(lightgbm: Any, parameters: dict[str, Any], categorical: bool) -> None:
    booster = trained(lightgbm, parameters, categorical=categorical)
    forest, names = text_format.parse(booster.model_to_string().encode())
    assert len(names) == forest.width == FEATURES and forest.trees == 20
    if categorical and "num_leaves" not in parameters:
        assert (forest.nodes["kind"] & forests.CATEGORICAL).any()
    deepest = int(np.diff(forest.node_start).max())
    assert (deepest >= MOST_LEAVES) == (parameters.get("num_leaves", 0) > MOST_LEAVES)
    ours = equal_everywhere(booster, forest, hostile_rows(np.random.default_rng(6), 3000))
    assert np.ptp(ours) > 0


@pytest.mark.parametrize("sigmoid", ["2.61649", "3.33307", "1.23457e-05", "1e-300", "12345.6789012345678901"])
def test_the_parameter_of_the_sigmoid_is_read_as_lightgbm_reads_it(lightgbm: Any, sigmoid: str) -> None:
    """Not always as the nearest number."""
    text = trained(lightgbm, {"objective": "binary"}, categorical=False).model_to_string()
    changed = text.replace("sigmoid:1\n", f"sigmoid:{sigmoid}\n", 1)
    assert changed != text
    forest, _ = text_format.parse(changed.encode())
    equal_everywhere(
        lightgbm.Booster(model_str=changed), forest, hostile_rows(np.random.default_rng(6), 1000)
    )


def test_bit_equal_with_more_categories_than_any_word_holds(lightgbm: Any) -> None:
    """Sets of several words, and categories beyond them."""
    booster = trained(lightgbm, {"max_cat_threshold": 400}, categorical=True, categories=1500)
    forest, _ = text_format.parse(booster.model_to_string().encode())
    assert np.diff(forest.set_start).max() > 32
    rows = hostile_rows(np.random.default_rng(8), 6000)
    rows[::2, 3] = np.random.default_rng(9).integers(-5, 2000, 3000)
    equal_everywhere(booster, forest, rows)


def test_bit_equal_on_a_model_of_the_desks_size(lightgbm: Any) -> None:
    """200 trees of 31 leaves on 158 features, with categories; `make bench` asks 100,000 rows."""
    booster = trained(lightgbm, {}, categorical=True, width=158, trees=200, rows=800)
    forest, _ = text_format.parse(booster.model_to_string().encode())
    assert forest.trees == 200
    equal_everywhere(booster, forest, hostile_rows(np.random.default_rng(7), 5000, 158))


def test_trees_without_a_split(lightgbm: Any) -> None:
    booster = trained(lightgbm, {"min_gain_to_split": 1e9}, categorical=False)
    forest, _ = text_format.parse(booster.model_to_string().encode())
    assert len(forest.nodes) == 0
    ours = equal_everywhere(booster, forest, hostile_rows(np.random.default_rng(7), 300))
    assert np.ptp(ours) == 0


def test_an_objective_of_ones_own_is_the_plain_sum(lightgbm: Any) -> None:
    def squares(predictions: np.ndarray, data: Any) -> tuple[np.ndarray, np.ndarray]:
        return predictions - data.get_label(), np.ones_like(predictions)

    booster = trained(lightgbm, {"objective": squares}, categorical=False, trees=23)
    text = booster.model_to_string()
    assert "objective=" not in text.partition("Tree=0")[0]
    equal_everywhere(
        booster, text_format.parse(text.encode())[0], hostile_rows(np.random.default_rng(7), 500)
    )


def test_linear_trees_and_classes_are_refused_by_name(lightgbm: Any) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 4))
    for settings, word in (
        ({"objective": "regression", "linear_tree": True}, "linear trees"),
        ({"objective": "multiclass", "num_class": 3}, "several classes"),
        ({"objective": "multiclassova", "num_class": 3}, "several classes"),
    ):
        y = rng.integers(0, 2, 200) if word != "linear trees" else x[:, 0]
        booster = lightgbm.train({**settings, "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, y), 2)
        with pytest.raises(ModelError, match=f"not supported: .*{word}"):
            text_format.parse(booster.model_to_string().encode())


def test_wrong_width_is_refused(lightgbm: Any) -> None:
    x = np.random.default_rng(5).normal(size=(100, 4))
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, x[:, 0]), 2)
    forest, _ = text_format.parse(booster.model_to_string().encode())
    for shape in ((3, 5), (100, 3)):
        with pytest.raises(ValueError, match="takes"):
            predict(forest, np.zeros(shape))
