"""What goes wrong in a run, drawn by its seed."""

from __future__ import annotations

import random
from typing import NamedTuple

FIRST_S, LAST_S = 6.0, 36.0
"""Faults begin between these times of a run, and none lasts beyond ``OVER_S``."""
OVER_S = 50.0
KINDS = (
    "silent",
    "beats",
    "slammed",
    "busy",
    "rest busy",
    "rest down",
    "cut",
    "cut at once",
    "shutdown",
    "snapshot",
    "dropped",
    "doubled",
    "swapped",
    "garbage",
    "bomb",
    "burst",
)


class Fault(NamedTuple):
    at_s: float
    kind: str
    amount: float
    """Seconds, a share of the messages, or a count, as the kind wants it."""


def drawn(rng: random.Random) -> list[Fault]:
    faults = []
    for _ in range(rng.randrange(2, 7)):
        kind = rng.choice(KINDS)
        if kind in ("busy", "rest busy", "rest down"):
            amount = float(rng.randrange(1, 10))
        elif kind in ("slammed", "cut"):
            amount = float(rng.randrange(1, 4))
        elif kind in ("dropped", "doubled", "swapped"):
            amount = rng.uniform(0.05, 0.5)
        else:
            amount = rng.uniform(1.0, 8.0)
        faults.append(Fault(rng.uniform(FIRST_S, LAST_S), kind, amount))
        if kind == "cut" and rng.random() < 0.5:  # and REST is asked too often just then
            faults.append(Fault(faults[-1].at_s, "rest busy", float(rng.randrange(1, 6))))
    return sorted(faults)
