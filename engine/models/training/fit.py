"""What is fitted: LightGBM, or a user's model. Both learn from rows and labels, and predict rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from engine.errors import ModelError
from engine.features.alpha158 import NAMES
from engine.models import user_code, user_fit
from engine.models.artefact import MODEL, Importance
from engine.models.training.label import Floats
from engine.models.user_model import UserModel

ROUNDS, MIN_ROUNDS, PATIENCE = 150, 10, 15

Parameters = dict[str, int | float | str | bool]
Tick = Callable[[float], None]
"""Gets a share in [0, 1] of one fit."""
Data = tuple[Floats, Floats]
"""Rows (n, 158) and labels (n,)."""

PARAMETERS: Parameters = {
    "objective": "regression",
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    # one thread adds up in one order: the same data and seed give the same model on every machine
    "num_threads": 1,
    "verbosity": -1,
}


class Fitted(Protocol):
    """A fitted model."""

    rounds: int
    """Trees that early stopping left; 0 where the model has none."""

    def predict(self, rows: Floats) -> Floats: ...

    def files(self) -> dict[str, bytes]:
        """Of the artefact."""
        ...

    def importance(self) -> tuple[Importance, ...]: ...


class Learner(Protocol):
    """Makes models of one kind. What is wrong with the model's code or LightGBM is a ModelError."""

    kind: Literal["lightgbm", "user"]

    def parameters(self) -> Parameters: ...

    def fit(self, train: Data, stop: Data, tick: Tick) -> Fitted:
        """Learn from ``train`` and stop early on ``stop``."""
        ...

    def fit_all(self, train: Data, rounds: Sequence[int], tick: Tick) -> Fitted:
        """Learn from all there is, as long as the folds did: ``rounds`` of each."""
        ...


class LightGBM:
    """Gradient-boosted trees."""

    kind: Literal["lightgbm", "user"] = "lightgbm"

    def __init__(self, seed: int) -> None:
        """Raises ModelError where LightGBM cannot be imported."""
        self._lightgbm = _lightgbm()
        self._parameters: Parameters = {**PARAMETERS, "seed": seed}

    def parameters(self) -> Parameters:
        return dict(self._parameters)

    def fit(self, train: Data, stop: Data, tick: Tick) -> Fitted:
        data = self._dataset(train)
        booster = self._lightgbm.train(
            self._parameters,
            data,
            ROUNDS,
            valid_sets=[self._dataset(stop, reference=data)],
            callbacks=[self._lightgbm.early_stopping(PATIENCE, verbose=False), _each_round(tick, ROUNDS)],
        )
        return _Booster(booster, int(booster.best_iteration))

    def fit_all(self, train: Data, rounds: Sequence[int], tick: Tick) -> Fitted:
        median = max(MIN_ROUNDS, sorted(rounds)[len(rounds) // 2])
        booster = self._lightgbm.train(
            self._parameters, self._dataset(train), median, callbacks=[_each_round(tick, median)]
        )
        return _Booster(booster, median)

    def _dataset(self, data: Data, reference: Any = None) -> Any:
        rows, labels = data
        return self._lightgbm.Dataset(
            rows, labels, feature_name=list(NAMES), reference=reference, free_raw_data=True
        )


class _Booster:
    def __init__(self, booster: Any, rounds: int) -> None:
        self._booster, self.rounds = booster, rounds

    def predict(self, rows: Floats) -> Floats:
        return np.asarray(self._booster.predict(rows, num_iteration=self.rounds, num_threads=1), np.float64)

    def files(self) -> dict[str, bytes]:
        return {MODEL: self._booster.model_to_string().encode("ascii")}

    def importance(self) -> tuple[Importance, ...]:
        gains = np.asarray(self._booster.feature_importance("gain"), np.float64)
        total = float(gains.sum())
        if not total > 0.0:
            return ()
        order = np.argsort(-gains, kind="stable").tolist()
        return tuple(Importance(NAMES[i], float(gains[i]) / total) for i in order if gains[i] > 0.0)


class UserLearner:
    """A class of the user's, run in this process: that of the training, which is its own."""

    kind: Literal["lightgbm", "user"] = "user"

    def __init__(self, path: Path, seed: int) -> None:
        """Runs the file. Raises ModelError for one that defines no model."""
        self._path, self._seed = path, seed
        self._class = user_code.load_class(path)

    def parameters(self) -> Parameters:
        return {**user_code.parameters(self._class), "seed": self._seed}

    def fit(self, train: Data, stop: Data, tick: Tick) -> Fitted:
        model = user_fit.fit(self._class, self._path, train, stop, self._seed)
        tick(1.0)
        return _UserFitted(self._path, model)

    def fit_all(self, train: Data, rounds: Sequence[int], tick: Tick) -> Fitted:
        rows, labels = train
        return self.fit(train, (rows[:0], labels[:0]), tick)


class _UserFitted:
    rounds = 0

    def __init__(self, path: Path, model: UserModel) -> None:
        self._path, self._model = path, model

    def predict(self, rows: Floats) -> Floats:
        return user_fit.predict(self._model, self._path, rows)

    def files(self) -> dict[str, bytes]:
        return user_code.pack(self._path, self._model)

    def importance(self) -> tuple[Importance, ...]:
        return ()


def _each_round(tick: Tick, rounds: int) -> Callable[[Any], None]:
    return lambda env: tick((env.iteration + 1) / rounds)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise ModelError(
            f"training needs LightGBM, which cannot be imported ({type(error).__name__}): install libgomp "
            "(Debian: apt-get install libgomp1), or lightgbm itself (pip install lightgbm)"
        ) from None
    return lightgbm
