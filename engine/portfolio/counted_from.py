"""From how much the account was counted: another amount configured since is neither gain nor loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, DecimalException
from typing import Any

import msgspec

COUNTED = "performance:counted"
"""The setting that keeps what is known of it."""


class Counted(msgspec.Struct, frozen=True):
    """From then on the account was counted from ``cash`` of ``currency``."""

    since_ns: int
    cash: str
    """Decimal text."""
    currency: str


class CountedFrom:
    """Puts equity of earlier runs on the footing of this one."""

    def __init__(self, known: Sequence[Counted], now_ns: int, cash: Decimal, currency: str) -> None:
        """``known``: of earlier runs, oldest first; where nothing is, it was always counted as it is now."""
        present = Counted(now_ns if known else 0, str(cash), currency)
        same = known and (Decimal(known[-1].cash), known[-1].currency) == (cash, currency)
        self.known = (*known,) if same else (*known, present)
        self._cash = cash
        begun = 0
        for before, after in zip(self.known, self.known[1:], strict=False):
            if before.currency != after.currency:
                begun = after.since_ns
        self.since_ns = begun
        """Since when it is in this currency: what was before cannot be counted in it."""
        self.changed = any(Decimal(one.cash) != cash for one in self.known if one.since_ns >= begun)
        self.deposit: float | None = 0.0
        """Counted in since the last run; None: that was in another currency."""
        if known:
            last = known[-1]
            self.deposit = float(cash - Decimal(last.cash)) if last.currency == currency else None

    def today(self, ns: int, equity: float) -> float | None:
        """What equity was at ``ns``, counted from the present cash; None while it was in another currency."""
        if ns < self.since_ns:
            return None
        then = next((one for one in reversed(self.known) if one.since_ns <= ns), self.known[0])
        return equity + float(self._cash - Decimal(then.cash))


def counted_from(
    setting: Any,
    now_ns: int,
    cash: Decimal,
    currency: str,
    *,
    next_ns: Callable[[int], int | None] = lambda ns: ns,
) -> CountedFrom:
    """``setting``: as it was kept; None: nothing was. Raises ValueError where it is none.

    What is to begin later was kept by a clock that was ahead, and is since now; unless there is equity of the
    time between: then this one is behind. ``next_ns``: of the oldest point of equity from a time on.
    """
    known = msgspec.convert(setting or [], list[Counted])
    if known and known[-1].since_ns > now_ns:
        found = next_ns(now_ns)
        if found is None or found >= known[-1].since_ns:
            known = [msgspec.structs.replace(one, since_ns=min(one.since_ns, now_ns)) for one in known]
    try:
        finite = all(Decimal(one.cash).is_finite() for one in known)
    except DecimalException:
        finite = False
    if not finite:
        raise ValueError("its cash is no number")
    return CountedFrom(known, now_ns, cash, currency)
