"""Whether a change of a limit allows more than now: that is asked once, what tightens goes at once."""

from __future__ import annotations

from decimal import Decimal

from engine.api.trading_protocol import LimitPatch, LimitRow
from widgets import figures


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


def becomes(row: LimitRow, patch: LimitPatch) -> str:
    """The change in words."""
    if patch.value is None:
        after = f"{row.default} as configured" if row.default else "none of its own"
    else:
        after = f"{patch.value:.10g} {row.unit}"
    return f"{row.name} of {row.scope}: {row.value} → {after}"
