"""Spells of a benchmark under a load and without it, in turns. Those that others spoilt are left out, and how
many is told: a host that took the processors away would be measured, and neither load."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.bench.machine import stolen

Times = NDArray[np.int64]
MOST_LOST = 0.01
"""Of a spell: what the host took, and how long the engine waited for its processor while another program,
which knows nothing of it, had that."""


class Spell(NamedTuple):
    from_ns: int
    to_ns: int
    """UTC."""
    lost: float
    """Share of its time."""

    def within(self, times: Times, column: int = 1) -> Times:
        """Of the trades of the spell: how long after its sending each was decided on, ns. ``times``: see
        ``timed_engine``."""
        found: Times = times[(times[:, 0] >= self.from_ns) & (times[:, 0] < self.to_ns), column]
        return found


class Spells:
    """Of one load: ``wanted`` sound ones, or what ``most`` tries gave."""

    def __init__(self, wanted: int, most: int) -> None:
        self._wanted, self._most = wanted, most
        self.all: list[Spell] = []

    @property
    def want_more(self) -> bool:
        return len(self._sound) < self._wanted and len(self.all) < self._most

    @property
    def _sound(self) -> list[Spell]:
        return [spell for spell in self.all if spell.lost <= MOST_LOST]

    @property
    def counted(self) -> list[Spell]:
        """The sound ones; all where there is none."""
        return self._sound or self.all

    def quantile_us(self, times: Times, share: float) -> float:
        """The median over the spells."""
        return median(self.quantiles_us(times, share))

    def quantiles_us(self, times: Times, share: float) -> list[float]:
        return [float(np.quantile(spell.within(times), share)) / 1e3 for spell in self.counted]

    def about(self) -> str:
        seconds = (self.all[0].to_ns - self.all[0].from_ns) / 1e9
        told = f"{len(self.counted)} x {seconds:.0f} s"
        left_out = len(self.all) - len(self.counted)
        if not self._sound:
            return f"{told}, ALL SPOILT by others on the host or the processor"
        return f"{told}, {left_out} more spoilt by others" if left_out else told


def losses(process: int) -> Callable[[], float]:
    """What tells the share of the time since now that ``process`` had no processor, though it wanted one."""
    began, before, waited = time.monotonic_ns(), stolen(), _waited_ns(process)

    def lost() -> float:
        after = stolen()
        taken = 0.0
        if before is not None and after is not None:
            taken = (after[0] - before[0]) / max(after[1] - before[1], 1)
        return taken + (_waited_ns(process) - waited) / max(time.monotonic_ns() - began, 1)

    return lost


def _waited_ns(process: int) -> int:
    """Of its first thread; 0 where the system does not tell."""
    try:
        told = Path(f"/proc/{process}/task/{process}/schedstat").read_text(encoding="ascii")
        return int(told.split()[1])
    except (OSError, ValueError, IndexError):
        return 0
