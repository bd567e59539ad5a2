"""Spells of a benchmark, some without a load and right after under it, compared turn by turn.

Those that others spoilt are left out, and how many is told: a host that takes the processors away would be
measured, or what else runs on them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tests.bench.machine import stolen

Times = NDArray[np.int64]
Tried = TypeVar("Tried")
MOST_STOLEN, MOST_OTHERS = 0.01, 0.03
"""Shares of the processors' time in a spell: what the host took, and what programs had that are not ours."""


class Lost(NamedTuple):
    """Shares of the processors' time."""

    stolen: float
    others: float

    @property
    def is_little(self) -> bool:
        return self.stolen <= MOST_STOLEN and self.others <= MOST_OTHERS


class Spell(NamedTuple):
    from_ns: int
    to_ns: int
    """UTC."""
    lost: Lost

    def within(self, times: Times, column: int = 1) -> Times:
        """Of the trades of the spell: how long after its sending each was decided on, ns. ``times``: see
        ``timed_engine``."""
        found: Times = times[(times[:, 0] >= self.from_ns) & (times[:, 0] < self.to_ns), column]
        return found


class Tries(Generic[Tried]):
    """Of one thing: ``wanted`` sound ones, or what ``most`` tries gave."""

    def __init__(self, wanted: int, most: int) -> None:
        self._wanted, self._most = wanted, most
        self._all: list[tuple[Tried, Lost]] = []

    def add(self, tried: Tried, *lost: Lost) -> None:
        """``lost``: in each of its spells; what counts is the worst."""
        self._all.append((tried, max(lost, key=lambda one: one.stolen + one.others)))

    @property
    def want_more(self) -> bool:
        return len(self._sound) < self._wanted and len(self._all) < self._most

    @property
    def _sound(self) -> list[Tried]:
        return [tried for tried, lost in self._all if lost.is_little]

    @property
    def counted(self) -> list[Tried]:
        """The sound ones; all where there is none."""
        return self._sound or [tried for tried, _ in self._all]

    def about(self) -> str:
        told = f"{len(self.counted)} tries"
        if not self._sound:
            worst = max((lost for _, lost in self._all), key=lambda one: one.stolen + one.others)
            return (
                f"{told}, ALL SPOILT: up to {worst.stolen:.1%} stolen, {worst.others:.1%} by other programs"
            )
        left_out = len(self._all) - len(self.counted)
        return f"{told}, {left_out} more spoilt by others" if left_out else told


class Turn(NamedTuple):
    """A spell without the load, and right after one under it: both meet the same speed of the machine."""

    without: Spell
    under: Spell


class Turns(Tries[Turn]):
    """Of one load."""

    def turn(self, without: Spell, under: Spell) -> None:
        self.add(Turn(without, under), without.lost, under.lost)

    def ratios(self, times: Times, share: float) -> list[float]:
        """Of each turn, how many times as long as without the load it took under it."""
        return [_us(turn.under, times, share) / _us(turn.without, times, share) for turn in self.counted]

    def without_us(self, times: Times, share: float) -> list[float]:
        return [_us(turn.without, times, share) for turn in self.counted]

    def under_us(self, times: Times, share: float) -> list[float]:
        return [_us(turn.under, times, share) for turn in self.counted]


def _us(spell: Spell, times: Times, share: float) -> float:
    return float(np.quantile(spell.within(times), share)) / 1e3


def told(values: Sequence[float], digits: int = 0) -> str:
    """Each value in the order it was measured in."""
    return " ".join(f"{value:.{digits}f}" for value in values)


def losses() -> Callable[[], Lost]:
    """What tells what was lost since now."""
    stolen_before, before, own_before = stolen(), _busy_ticks(), _own_ticks()

    def lost() -> Lost:
        stolen_after, busy = stolen(), _busy_ticks() - before
        if stolen_before is None or stolen_after is None:
            return Lost(0.0, 0.0)
        whole = max(stolen_after[1] - stolen_before[1], 1)
        others = max(busy - (_own_ticks() - own_before), 0)
        return Lost((stolen_after[0] - stolen_before[0]) / whole, others / whole)

    return lost


def _busy_ticks() -> int:
    """What all programs had so far; 0 where the system does not tell."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        return sum(int(field) for field in fields[1:4])
    except (OSError, ValueError):
        return 0


def _own_ticks() -> int:
    """What this process had so far, and what it started, ended or not."""
    parents, times = dict[int, int](), dict[int, int]()
    for process, fields in _stats():
        parents[process] = int(fields[1])
        times[process] = sum(int(field) for field in fields[11:15])
    return sum(time for process, time in times.items() if os.getpid() in _line(process, parents))


def _line(process: int, parents: dict[int, int]) -> Iterator[int]:
    """It, and those above it."""
    while process:
        yield process
        process = parents.get(process, 0)


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Of each process, the fields of its stat behind the name: proc(5)."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(folder.name), (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
