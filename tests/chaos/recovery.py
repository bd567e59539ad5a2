"""How long a desk took to come back from a fault, by what was seen of it.

It is back when it is through with a round that was sent after the fault, entries are allowed, and both stay
so. It says how it is each half second, so what is measured may be that much too long; never too short: that
it looked well by what it had said before, or was allowed to go on with old rounds, does not count.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.chaos.sights import SILENT, Sight

_NUMBERS = re.compile(r"\d+(, \d+)*")


class Recovery(NamedTuple):
    took_s: float
    """From the fault's end."""
    silent_s: float
    """The longest while, fault included, in which it played nothing and did not say so."""
    told: tuple[str, ...]
    """Why it entered nothing meanwhile, as it said, or as was seen."""
    during_s: float | None
    """While the fault was still there: how long until others had taken over. None: they had not."""


def recovery(sights: Sequence[Sight], began_s: float, since_s: float) -> Recovery | None:
    """Of a fault from ``began_s`` to ``since_s``; ``sights`` begin there. None: it is not back yet."""
    back_s = _back_s([one for one in sights if one.at_s >= since_s], since_s)
    if back_s is None:
        return None
    before = [one for one in sights if one.at_s < back_s]
    there_s = _back_s([one for one in sights if one.at_s < since_s], began_s)
    return Recovery(
        back_s - since_s,
        _silent_s(before, back_s),
        tuple(dict.fromkeys(_reason(one.why) for one in before if not one.well)),
        None if there_s is None else there_s - began_s,
    )


def _back_s(sights: Sequence[Sight], since_s: float) -> float | None:
    for at in range(len(sights) - 1, -1, -1):
        if not sights[at].well:
            sights = sights[at + 1 :]
            break
    return next((one.at_s for one in sights if one.sent_s >= since_s), None)


def _silent_s(sights: Sequence[Sight], until_s: float) -> float:
    longest, began_s = 0.0, None
    for one in sights:
        if one.why != SILENT:
            began_s = None
        elif began_s is None:
            began_s = one.at_s
        if began_s is not None:
            longest = max(longest, one.at_s - began_s)
    return longest if began_s is None else max(longest, until_s - began_s)


def _reason(why: str) -> str:
    """The same for all numbers in it."""
    return _NUMBERS.sub("#", why).partition(", or ")[0]


def told_by_kind(took: Mapping[str, Sequence[Recovery]], limit_s: float) -> str:
    """A table: of each kind of fault how many, how long, and what was said where it took longer."""
    head = f"{'FAULT':<18}{'COUNT':>6}{'P50 S':>8}{'P90 S':>8}{'MAX S':>8}{f'OVER {limit_s:g} S':>10}  "
    lines = [head + "OTHERS HAD IT AFTER (P50 S), WHAT WAS TOLD WHERE IT TOOK LONGER"]
    for what, found in sorted(took.items()):
        seconds = sorted(one.took_s for one in found)
        over = [one for one in found if one.took_s > limit_s]
        during = [one.during_s for one in found if one.during_s is not None]
        others = f"{statistics.median(during):.2f} " if during and what.startswith("stop") else ""
        why = "; ".join(dict.fromkeys(reason for one in over for reason in one.told))
        lines.append(
            f"{what:<18}{len(seconds):>6}{statistics.median(seconds):>8.2f}"
            f"{seconds[math.ceil(0.9 * len(seconds)) - 1]:>8.2f}{seconds[-1]:>8.2f}"
            f"{len(over):>10}  {others}{why}"
        )
    return "\n".join(lines)
