"""Whether a change of a limit allows more than now: that is asked once, what tightens goes at once."""

from __future__ import annotations

import operator as compare
from collections.abc import Callable
from decimal import Decimal

from engine.api.trading_protocol import LimitPatch, LimitRow
from widgets import figures

_HOLDS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    ">": compare.gt,
    ">=": compare.ge,
    "<": compare.lt,
    "<=": compare.le,
}


def loosens(row: LimitRow | None, patch: LimitPatch) -> bool:
    """``row``: the limit as it stands; None or one without a value: the scope has none of its own yet, and
    whatever it is given is tighter than what is above it."""
    before = None if row is None else figures.decimal(row.value)
    if row is None or before is None:
        return False
    after = figures.decimal(row.default) if patch.value is None else Decimal(repr(patch.value))
    if after is None:
        return True  # what is above it holds then
    if after == before:
        return False
    if row.zero_is_none and not (before and after):
        return bool(before)
    return row.looser == "" or (after > before if row.looser == "up" else after < before)


def beyond(row: LimitRow | None, patch: LimitPatch) -> str:
    """Why a value cannot be set live, one line; "": it can, or the engine judges."""
    if row is None or patch.value is None or (not patch.value and row.hard.endswith(", or 0")):
        return ""
    for part in row.hard.split(","):
        operator, _, bound = part.strip().partition(" ")
        least = figures.decimal(bound)
        if operator not in _HOLDS or least is None:
            continue
        if not _HOLDS[operator](Decimal(repr(patch.value)), least):
            where = f"{row.name} of {row.scope}"
            return f"NOT SENT: {where} takes {row.hard} while the desk runs, not {patch.value:.10g}"
    return ""


def becomes(row: LimitRow, patch: LimitPatch) -> str:
    """The change in words."""
    if patch.value is None:
        after = f"{row.default} as configured" if row.default else "none of its own"
    else:
        after = f"{patch.value:.10g} {row.unit}"
    return f"{row.name} of {row.scope}: {row.value} → {after}"


def question_of(row: LimitRow, patch: LimitPatch) -> list[str]:
    """What is asked before it is looser: the change, what the limit is, and how far it can go."""
    most = f" It takes {row.hard} while the desk runs." if row.hard else ""
    return [f"{becomes(row, patch)}.", f"{row.about}.{most}" if most else row.about]
