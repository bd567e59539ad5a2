"""A sweep's runs: what each is over, what it came to, which are good, and of how many they were chosen."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from engine.errors import StoreError
from engine.research.deflated import Moments, deflated
from engine.research.guards import of_trials
from engine.research.result import Backtest
from engine.research.space import Point
from engine.research.sweep_spec import Figure, Objective, Requirement, Spec, number
from engine.text import clean

Status = Literal["done", "refused", "failed"]
"""refused: the values do not go together; failed: it raised, or its process died twice."""


class Name(msgspec.Struct, frozen=True, order=True):
    """Which run it is, and its place in the table."""

    fold: int
    """Of a walk-forward, from 1; else 0."""
    out: bool
    """Out-of-sample."""
    n: int
    """Place of its point in the search, from 0."""

    def __str__(self) -> str:
        told = f"run {self.n}"
        if self.fold:
            told += f" of fold {self.fold}" + (", out-of-sample" if self.out else "")
        return told


class Task(msgspec.Struct, frozen=True):
    """One run to make."""

    name: Name
    point: Point
    since_ns: int = 0
    """Of the data; 0: from the first."""
    until_ns: int = 0
    """Up to, and without; 0: to the last."""
    warm_bars: int = 0
    """Before ``since_ns``."""
    keep: bool = False
    """The whole result is wanted, not its figures alone."""


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """One that ended. What is said of it depends on nothing but the specification."""

    name: Name
    point: Point
    status: Status = "done"
    error: str = ""
    """One line."""
    figures: dict[str, Figure] = {}
    warnings: tuple[str, ...] = ()
    sha256: str = ""
    """Of its orders and fills."""
    result: bytes = b""
    """Of one whose whole result was wanted: ``packed``."""


def packed(result: Backtest) -> bytes:
    """Small, and the same for the same result: without the time that it took."""
    return zlib.compress(msgspec.msgpack.encode(msgspec.structs.replace(result, seconds=0.0)))


def unpacked(data: bytes) -> Backtest:
    """Raises StoreError."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=Backtest)
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise StoreError(f"a result in the sweep's file is damaged: {clean(error)}") from None


class Ranked(msgspec.Struct, frozen=True):
    run: Run
    score: float
    deflated: float | None
    """Probability that its Sharpe ratio is above the best that luck brings in so many trials; None: too few
    returns to tell."""
    warnings: tuple[str, ...]


class Luck(msgspec.Struct, frozen=True):
    """Of how many runs one is chosen, and how far apart they are."""

    trials: int
    """That came to a result, whether they could be chosen or not."""
    variance: float | None
    """Of their Sharpe ratios, of a year; None: too few are known."""

    def deflated(self, figures: Mapping[str, Figure]) -> float | None:
        """As in ``summarise``."""
        sharpe, per_year = number(figures.get("sharpe")), number(figures.get("periods_per_year"))
        skew, kurtosis = number(figures.get("skew")), number(figures.get("kurtosis"))
        count = number(figures.get("returns"))
        if sharpe is None or skew is None or kurtosis is None or not per_year or not count or count < 2:
            return None
        of = Moments(int(count), sharpe / math.sqrt(per_year), skew, kurtosis)
        spread = 1.0 / (count - 1) if self.variance is None else self.variance / per_year
        return deflated(of, self.trials, spread)


def luck(runs: Iterable[Run]) -> Luck:
    done = [run for run in runs if run.status == "done"]
    known = [value for run in done if (value := number(run.figures.get("sharpe"))) is not None]
    return Luck(len(done), float(np.var(known, ddof=1)) if len(known) > 1 else None)


def score(run: Run, objective: Objective, requires: Sequence[Requirement]) -> float | None:
    """What the run is worth; None where it cannot be chosen."""
    if run.status != "done" or not all(one.holds(run.figures) for one in requires):
        return None
    return number(run.figures.get(objective.field))


def ranked(runs: Sequence[Run], spec: Spec) -> list[Ranked]:
    """Those that can be chosen, the best first; of two that are alike the earlier."""
    chance = luck(runs)
    found = []
    for run in sorted(runs, key=lambda run: run.name):
        worth = score(run, spec.objective, spec.requires)
        if worth is not None:
            sure = chance.deflated(run.figures)
            found.append(Ranked(run, worth, sure, (*run.warnings, *of_trials(chance.trials, sure))))
    sign = -1.0 if spec.objective.largest else 1.0
    return sorted(found, key=lambda one: sign * one.score)
