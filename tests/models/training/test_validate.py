"""Walking forward: what a learner is given, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.artefact import Importance
from engine.models.training import folds, validate
from engine.models.training.fit import Data, LightGBM, Parameters, Tick
from engine.models.training.label import Floats
from engine.models.training.metrics import measure
from engine.models.training.panel import Panel
from engine.models.training.validate import Plan
from tests.models.training.conftest import panel, silent, walks

SYMBOLS = 12


class Recall:
    """Predicts that what the newest rows led to goes on: all it knows is the labels it was given last, which
    overlap those that follow them without a gap."""

    kind: Literal["lightgbm", "user"] = "user"
    rounds = 3

    def __init__(self) -> None:
        self.given: list[tuple[Data, Data]] = []
        self.last = np.zeros(SYMBOLS)

    def parameters(self) -> Parameters:
        return {}

    def fit(self, train: Data, stop: Data, tick: Tick) -> Recall:
        self.given.append((train, stop))
        self.last = stop[1][-SYMBOLS:]
        return self

    def fit_all(self, train: Data, rounds: Sequence[int], tick: Tick) -> Recall:
        return self

    def predict(self, rows: Floats) -> Floats:
        return np.tile(self.last, len(rows) // SYMBOLS)

    def files(self) -> dict[str, bytes]:
        return {}

    def importance(self) -> tuple[Importance, ...]:
        return ()


@pytest.fixture(scope="module")
def walked() -> Panel:
    return panel(walks(SYMBOLS, 2200, 9), horizon=60)


def recalled(made: Panel) -> float:
    """The mean IC of the first tenth of a horizon of each test: there a label that reached in would tell."""
    found = validate.validate(made, Plan(seed=1, folds=3, embargo=0), Recall(), silent)
    starts = np.cumsum([0, *(fold.metrics.steps for fold in found.folds[:-1])])
    return float(np.mean([found.scores.ic[start : start + 6] for start in starts]))


def test_without_the_gap_the_past_would_tell_what_it_is_scored_on(
    walked: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random walks: whoever shows skill here was told."""
    assert abs(recalled(walked)) < 0.4
    monkeypatch.setattr(validate, "gap_of", lambda horizon, purge, embargo: (0, 0))
    with pytest.raises(ModelError, match="reach into the piece"):
        recalled(walked)  # the times prove it, whatever the gap was said to be
    monkeypatch.setattr(folds, "prove", lambda end_ns, from_ns: None)
    assert recalled(walked) > 0.9


def test_a_learner_is_given_the_past_alone(walked: Panel) -> None:
    learner = Recall()
    found = validate.validate(walked, Plan(seed=1, folds=3), learner, silent)
    assert (found.purge, found.embargo) == (61, 60) and found.rounds == [3, 3, 3]
    for (train, stop), fold in zip(learner.given, found.folds, strict=True):
        in_train = walked.axis[walked.step] < fold.train_until_ns + 1
        assert len(train[1]) + len(stop[1]) < in_train.sum(), "between the two is a gap as well"
        end = int(np.flatnonzero(in_train)[-1]) + 1
        # what stopped it was learnt from too: all before its end counts as the past
        assert stop[1].tobytes() == walked.labels[end - len(stop[1]) : end].tobytes()
        assert train[0].tobytes() == walked.features[: len(train[0])].tobytes()
        assert walked.end_ns[:end].max() <= fold.test_from_ns
        assert walked.end_ns[: len(train[1])].max() <= walked.axis[walked.step[end - len(stop[1])]]


def test_intervals_rest_on_how_far_labels_overlap(walked: Panel) -> None:
    found = validate.validate(walked, Plan(seed=1, folds=3), Recall(), silent)
    assert found.metrics == measure(found.scores, 60, 1)
    thin = panel(walks(SYMBOLS, 2200, 9), horizon=60, every=7)
    found = validate.validate(thin, Plan(seed=1, folds=2), Recall(), silent)
    assert found.metrics == measure(found.scores, 9, 1), "60 bars span 8.6 steps of 7"


class Silent(Recall):
    """Has an opinion in the first ten steps alone."""

    def predict(self, rows: Floats) -> Floats:
        found = super().predict(rows)
        found[10 * SYMBOLS :] = 0.0
        return found


def test_who_hardly_ever_ranks_is_not_judged(walked: Panel) -> None:
    with pytest.raises(ModelError, match=r"fold 1 of 3: .* at 10 time steps only, and 150 are"):
        validate.validate(walked, Plan(seed=1, folds=3), Silent(), silent)


def test_the_final_fit_takes_the_folds_median_and_the_seed(lightgbm: Any) -> None:
    made = panel(walks(4, 400, 3))
    rows = made.features, made.labels
    fitted = LightGBM(1).fit_all(rows, [12, 90, 31], lambda share: None)
    assert fitted.rounds == 31 and fitted.files()["model.txt"].count(b"Tree=") == 31
    assert LightGBM(1).fit_all(rows, [2, 2, 40], lambda share: None).rounds == 10, "the least there may be"
    other = LightGBM(2).fit_all(rows, [12, 90, 31], lambda share: None)
    assert other.predict(rows[0]).tobytes() != fitted.predict(rows[0]).tobytes()
