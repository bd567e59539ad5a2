"""What must not be found is not found: noise shows no skill, and memory of the neighbours is no skill."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from engine.models.artefact import Metrics
from engine.models.training.fit import LightGBM
from engine.models.training.panel import Panel
from engine.models.training.validate import Plan, validate
from tests.bench.leak import shuffled_split
from tests.models.training.conftest import panel, silent, walks

SEEDS = range(5)
ALLOWED = 1
"""Intervals of 95 % that may miss, of five: more would happen once in 40 times."""


def measured(made: Panel, seed: int) -> Metrics:
    return validate(made, Plan(seed=seed), LightGBM(seed), silent).metrics


def test_random_walks_show_no_skill(lightgbm: Any) -> None:
    found = [measured(panel(walks(6, 800, 500 + seed), horizon=10), seed) for seed in SEEDS]
    assert sum(not one.ic.low <= 0.0 <= one.ic.high for one in found) <= ALLOWED
    assert abs(np.mean([one.ic.value for one in found])) < 0.05


def test_shuffled_labels_show_no_skill(lightgbm: Any) -> None:
    made = panel(walks(6, 800, 1, pull=0.05), horizon=5)
    assert measured(made, 1).rank_ic.low > 0.0, "unshuffled, they can be learnt"
    found = []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(made.labels))
        mixed = msgspec.structs.replace(made, labels=made.labels[order], returns=made.returns[order])
        found.append(measured(mixed, seed))
    assert sum(not one.ic.low <= 0.0 <= one.ic.high for one in found) <= ALLOWED
    assert abs(np.mean([one.ic.value for one in found])) < 0.03


@pytest.mark.timeout(120)
def test_where_a_shuffled_split_is_fooled_ours_is_not(lightgbm: Any) -> None:
    made = panel(walks(8, 1400, 7), horizon=20)
    fooled, honest = shuffled_split(made, 1), measured(made, 1)
    assert fooled.ic.value >= 0.3
    assert honest.ic.value <= 0.05 and honest.ic.low <= 0.0
