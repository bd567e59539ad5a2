"""Optuna's tree-structured Parzen estimator: what it proposes next follows from what the runs came to.

It is asked for a batch, and told of all of it before the next: so the points depend on neither how many runs
are made at once nor which ends first, and a sweep that goes on after a kill proposes the same again.

https://optuna.readthedocs.io/en/stable/reference/samplers/generated/optuna.samplers.TPESampler.html
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import ConfigError
from engine.research.parameters import Value
from engine.research.space import Axis, Point, Space
from engine.research.sweep_spec import Objective, Search

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial


class Proposed:
    """Raises ConfigError without Optuna."""

    def __init__(self, space: Space, search: Search, objective: Objective, fold: int) -> None:
        self._optuna = _optuna()
        self.total = search.runs
        self._space = space
        self._search = search
        self._fold = fold
        self._study: Study = self._optuna.create_study(
            direction="maximize" if objective.largest else "minimize"
        )
        self._kinds = {axis.key: self._distribution(axis) for axis in space.axes}
        self._trials: list[Trial] = []
        self._waiting: dict[int, float | None] = {}
        """Scores of the batch that has not ended, by number."""
        self._told = 0

    def ask(self) -> tuple[int, Point] | None:
        n = len(self._trials)
        if n == self.total or n - self._told >= self._search.batch:
            return None
        if n == self._told:
            self._study.sampler = self._sampler(n)
        trial = self._study.ask(self._kinds)
        self._trials.append(trial)
        return n, {axis.key: _value(axis, trial.params[axis.key]) for axis in self._space.axes}

    def tell(self, n: int, score: float | None) -> None:
        self._waiting[n] = score
        if len(self._waiting) < min(self._search.batch, self.total - self._told):
            return
        for number, found in sorted(self._waiting.items()):
            if found is None:  # as bad as can be, and told: it is not to be proposed again
                self._study.tell(self._trials[number], state=self._optuna.trial.TrialState.PRUNED)
            else:
                self._study.tell(self._trials[number], found)
        self._told += len(self._waiting)
        self._waiting = {}

    @property
    def ended(self) -> bool:
        return self._told == self.total

    def _sampler(self, n: int) -> Any:
        """A new one for each batch: of the trials before it nothing is remembered but what they came to."""
        seed = int(np.random.default_rng([self._search.seed, self._fold, n]).integers(2**32))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            return self._optuna.samplers.TPESampler(seed=seed, constant_liar=True)

    def _distribution(self, axis: Axis) -> BaseDistribution:
        kinds = self._optuna.distributions
        found: BaseDistribution
        if axis.values and _in_order(axis):
            # By their place, so that near ones are taken for near.
            found = kinds.IntDistribution(0, len(axis.values) - 1)
        elif axis.values:
            found = kinds.CategoricalDistribution(axis.values)
        elif axis.integer:
            found = kinds.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        else:
            found = kinds.FloatDistribution(axis.low, axis.high, log=axis.log)
        return found


def _in_order(axis: Axis) -> bool:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in axis.values)
    return numbers and list(axis.values) == sorted(axis.values)


def _value(axis: Axis, proposed: Value) -> Value:
    if axis.values and _in_order(axis):
        return axis.values[int(proposed)]
    return proposed


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigError("--search optuna needs Optuna: pip install 'tickdesk[optuna]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
