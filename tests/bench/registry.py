"""What a benchmark is, and the table of all of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

import msgspec

import tests.bench


class Goal(msgspec.Struct, frozen=True):
    """A bound that a figure should keep. Missing one is reported, and is no failure."""

    value: float
    most: bool
    """The figure should be at most ``value``; else at least."""

    def __str__(self) -> str:
        return f"{'<=' if self.most else '>='} {quantity(self.value)}"

    def met(self, value: float) -> bool:
        return value <= self.value if self.most else value >= self.value


def at_least(value: float) -> Goal:
    return Goal(value, most=False)


def at_most(value: float) -> Goal:
    return Goal(value, most=True)


class Figure(msgspec.Struct, frozen=True):
    """One measured number; ``value`` is None when it could not be measured, and ``note`` says why."""

    metric: str
    value: float | None
    unit: str
    goal: Goal | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None without a goal or a value."""
        return None if self.goal is None or self.value is None else self.goal.met(self.value)


Benchmark = Callable[[Path], list[Figure]]
"""Measures; is given a folder of its run for files, removed at the end of all benchmarks."""


class Skipped(Exception):
    """A benchmark lacks what it needs; the text says what and how to provide it."""


_benchmarks: dict[str, Benchmark] = {}


def bench(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register the decorated function as benchmark ``name``; its docstring's first line describes it."""

    def register(function: Benchmark) -> Benchmark:
        if name in _benchmarks:
            raise ValueError(f"two benchmarks are called {name}")
        _benchmarks[name] = function
        return function

    return register


def benchmarks() -> dict[str, Benchmark]:
    """All benchmarks by name, in order of name."""
    for module in pkgutil.iter_modules(tests.bench.__path__):
        if module.name != "__main__" and not module.name.startswith("test_"):
            importlib.import_module(f"tests.bench.{module.name}")
    return dict(sorted(_benchmarks.items()))


def quantity(value: float) -> str:
    """A number as the table shows it: about four digits that matter."""
    magnitude = abs(value)
    if magnitude >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if magnitude >= 100 else f"{value:.2f}" if magnitude >= 1 else f"{value:.4f}"
