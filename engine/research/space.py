"""What a sweep tries: for each parameter its values, and the points that grid and random search make of them.

``KEY=5..50:5`` is a range with a step, its end included; ``KEY=5..50`` a range (of whole numbers each one);
``KEY=log:0.001..1`` one whose logarithm is even, ``KEY=log:0.001..1:7`` seven values of it; ``KEY=a,b,c`` a
list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product

import msgspec
import numpy as np

from engine.errors import ConfigError
from engine.plain_number import is_plain, plain_number
from engine.research.parameters import Kinds, Parameter, Value, parameter
from engine.text import clean

MOST_RUNS = 100_000
_MOST_VALUES = 10_000
_MISSES = 1000
"""Draws in a row that were there before: then a space is taken to hold no more."""

Point = dict[str, Value]


class Axis(msgspec.Struct, frozen=True, omit_defaults=True):
    """One parameter: ``values`` in their order, or any number from ``low`` to ``high``."""

    key: str
    values: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    integer: bool = False
    log: bool = False

    @property
    def listed(self) -> tuple[Value, ...]:
        """Every value; none for a range of numbers between which there is always one more."""
        if self.values or not self.integer or self.high - self.low >= _MOST_VALUES:
            return self.values
        return tuple(range(int(self.low), int(self.high) + 1))

    def drawn(self, random: np.random.Generator) -> Value:
        if self.values:
            return self.values[int(random.integers(len(self.values)))]
        if self.log:
            # A whole number stands for what rounds to it, those at the ends too.
            half = 0.5 if self.integer else 0.0
            value = math.exp(random.uniform(math.log(self.low - half), math.log(self.high + half)))
            value = min(max(value, self.low), self.high)
            return round(value) if self.integer else value
        if self.integer:
            return int(random.integers(int(self.low), int(self.high) + 1))
        return float(random.uniform(self.low, self.high))


class Space(msgspec.Struct, frozen=True):
    axes: tuple[Axis, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(axis.key for axis in self.axes)


def space(texts: Sequence[str], kinds: Kinds) -> Space:
    """The parameters as they are given, ``KEY=VALUES`` each. Raises ConfigError."""
    if not texts:
        raise ConfigError("nothing to sweep over: give --over KEY=VALUES, as in exits.stop_loss_pct=1,2,4")
    axes = tuple(axis(text, kinds) for text in texts)
    keys = [one.key for one in axes]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"--over {clean(twice, 80)}: given twice")
    return Space(axes)


def axis(text: str, kinds: Kinds) -> Axis:
    key, sep, given = text.partition("=")
    key, given = key.strip(), given.strip()
    if not (sep and key and given):
        raise ConfigError(f"--over {clean(text, 60)}: write it as section.key=5..50:5 or section.key=a,b,c")
    kind = parameter(key, kinds)
    log = given.startswith("log:")
    body = given.removeprefix("log:")
    low, dots, rest = body.partition("..")
    high, colon, step = rest.partition(":")
    if dots and is_plain(low) and is_plain(high):
        return _range(kind, low, high, step if colon else "", log=log)
    if log:
        raise ConfigError(f"--over {clean(text, 60)}: write a range as log:0.001..1")
    values = tuple(kind.value(part.strip()) for part in given.split(",") if part.strip())
    if len(set(values)) < len(values) or not values:
        raise ConfigError(f"--over {clean(text, 60)}: give values that differ, parted by commas")
    return _bounded(Axis(key, values))


def _range(kind: Parameter, low: str, high: str, step: str, *, log: bool) -> Axis:
    told = f"--over {clean(kind.key, 80)}={'log:' * log}{low}..{high}{':' * bool(step)}{clean(step, 20)}"
    if kind.kind not in ("integer", "number"):
        raise ConfigError(f"{told}: is a {kind.kind} and has no range; list its values")
    integer = kind.kind == "integer"
    ends = kind.value(low), kind.value(high)
    first, last = (float(end) for end in ends)
    if not first < last:
        raise ConfigError(f"{told}: the second number must be above the first")
    if log and first <= 0:
        raise ConfigError(f"{told}: a logarithm needs numbers above 0")
    if not step:
        return Axis(kind.key, (), first, last, integer, log)
    try:
        size = plain_number(step)
    except ValueError:
        size = 0.0
    if not size > 0 or (log and (size != int(size) or size < 2)):
        what = "how many values, 2 or more" if log else "a step above 0"
        raise ConfigError(f"{told}: give after the colon {what}")
    texts = list(_spread(first, last, int(size)) if log else _steps(low, high, step))
    values = [kind.value(str(round(float(one))) if integer and log else one) for one in texts]
    return _bounded(Axis(kind.key, tuple(dict.fromkeys(values))))


def _steps(low: str, high: str, step: str) -> Iterator[str]:
    """In decimals, as they were written: 0.1, 0.2, 0.3, and not 0.30000000000000004."""
    value, last, size = Decimal(low), Decimal(high), Decimal(step)
    for _ in range(_MOST_VALUES + 1):
        if value > last:
            return
        yield format(value, "f")
        value += size


def _spread(low: float, high: float, count: int) -> Iterator[str]:
    for value in np.geomspace(low, high, min(count, _MOST_VALUES + 1)).tolist():
        yield repr(float(f"{value:.6g}"))


def _bounded(found: Axis) -> Axis:
    if len(found.values) > _MOST_VALUES:
        raise ConfigError(f"--over {clean(found.key, 80)}: more than {_MOST_VALUES:,} values")
    return found


def grid(of: Space) -> list[Point]:
    """Every combination, the last parameter turning fastest. Raises ConfigError where there is no end."""
    lists = []
    for one in of.axes:
        if not one.listed:
            raise ConfigError(
                f"--over {clean(one.key, 80)}: a grid needs a step, as in {one.low:g}..{one.high:g}:"
                f"{(one.high - one.low) / 4:g}; or use --search random"
            )
        lists.append(one.listed)
    size = math.prod(map(len, lists))
    if size > MOST_RUNS:
        raise ConfigError(
            f"the grid has {size:,} runs, at most {MOST_RUNS:,} are made; use --search random --runs N"
        )
    return [dict(zip(of.keys, values, strict=True)) for values in product(*lists)]


def drawn(of: Space, count: int, seed: int) -> list[Point]:
    """``count`` points that differ, fewer where there are no more. More of them begin with the same ones."""
    random = np.random.default_rng(seed)
    found: dict[tuple[Value, ...], Point] = {}
    misses = 0
    while len(found) < min(count, MOST_RUNS) and misses < _MISSES:
        point = {one.key: one.drawn(random) for one in of.axes}
        key = tuple(point.values())
        misses = misses + 1 if key in found else 0
        found.setdefault(key, point)
    return list(found.values())


def told(point: Mapping[str, Value]) -> str:
    """``fast=5 slow=20``: without the sections, for a person."""
    return " ".join(f"{key.rpartition('.')[2]}={shown(value)}" for key, value in point.items())


def exact(value: Value) -> str:
    """As it may be given to ``--set``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def shown(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float) else clean(str(value), 24)
