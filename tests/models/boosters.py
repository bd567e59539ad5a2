"""Small LightGBM models of many shapes, and rows that are hard on whoever predicts with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.models.forest import ZERO

FEATURES = 12
CATEGORY = 3
"""The column that may hold categories."""
_POSITIVE = ("poisson", "gamma", "tweedie", "cross_entropy", "cross_entropy_lambda")


def rows_like_training(rng: np.random.Generator, n: int, width: int, categories: int) -> np.ndarray:
    rows = rng.normal(size=(n, width))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[rng.random(rows.shape) < 0.1] = 0.0
    rows[:, CATEGORY] = rng.integers(0, categories, n)
    return rows


def hostile_rows(rng: np.random.Generator, n: int, width: int = FEATURES) -> np.ndarray:
    """NaN, infinities, zeros, what just is and is no zero, huge numbers, odd categories."""
    rows = rng.normal(size=(n, width)) * rng.choice([1.0, 1e-36, 1e-3, 1e3, 1e300], (n, width))
    beyond = np.nextafter(ZERO, 1.0)
    for value in (np.nan, 0.0, -0.0, np.inf, -np.inf, ZERO, -ZERO, beyond, -beyond, 1e-36, 5e-324):
        rows[rng.random(rows.shape) < 0.03] = value
    odd = rng.choice([1, -1, 0.5, -0.5, 1e10, -1e10, 2.0**31, np.nan, np.inf], n)
    rows[:, CATEGORY] = rng.integers(1, 300, n) * odd
    return rows


def trained(
    lightgbm: Any,
    parameters: dict[str, Any],
    *,
    categorical: bool,
    width: int = FEATURES,
    trees: int = 20,
    rows: int = 800,
    categories: int = 200,
) -> Any:
    """A booster; the label suits the objective."""
    rng = np.random.default_rng(5)
    x = rows_like_training(rng, rows, width, categories)
    effect = rng.normal(size=categories)[x[:, CATEGORY].astype(int)]
    y = np.nan_to_num(x[:, 0]) + effect + np.nan_to_num(x[:, 5] * x[:, 6])
    objective = parameters.get("objective", "regression")
    if objective == "binary":
        y = (y > 0).astype(float)
    elif objective in _POSITIVE:
        y = 1.0 / (1.0 + np.exp(-y))
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
    data = lightgbm.Dataset(x, y, categorical_feature=[CATEGORY] if categorical else "auto")
    return lightgbm.train(settings, data, trees)
