"""In which order a sweep tries its points. It may ask for several before it is told of any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.research.space import Point, Space, drawn, grid
from engine.research.sweep_spec import Objective, Search


class Course(Protocol):
    """Points by number, from 0. The same answers in any order give the same points."""

    total: int
    """Runs in all, as far as is known."""

    def ask(self) -> tuple[int, Point] | None:
        """The next; None where there is none, or none before more is told."""

    def tell(self, n: int, score: float | None) -> None:
        """What the point of this number came to; None: it cannot be chosen."""

    @property
    def ended(self) -> bool:
        """All that was asked for was told, and there is no more."""


class Listed:
    """Points that are known from the start."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points
        self.total = len(points)
        self._asked = 0
        self._told = 0

    def ask(self) -> tuple[int, Point] | None:
        if self._asked == self.total:
            return None
        n = self._asked
        self._asked += 1
        return n, self._points[n]

    def tell(self, n: int, score: float | None) -> None:
        self._told += 1

    @property
    def ended(self) -> bool:
        return self._told == self.total


def size(of: Space, search: Search) -> int:
    """How many points there are. Raises ConfigError."""
    match search.kind:
        case "grid":
            return len(grid(of))
        case "random":
            return len(drawn(of, search.runs, search.seed))
        case "optuna":
            return search.runs


def course(space: Space, search: Search, objective: Objective, fold: int = 0) -> Course:
    """Each fold of a walk-forward has its own, of the same points if they are listed. Raises ConfigError."""
    match search.kind:
        case "grid":
            return Listed(grid(space))
        case "random":
            return Listed(drawn(space, search.runs, search.seed))
        case "optuna":
            from engine.research.optuna_search import Proposed

            return Proposed(space, search, objective, fold)
