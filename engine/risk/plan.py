"""Which checks an order is put through: those of its type that are in force, ready to be called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.risk.checks import PreTradeCheck
from engine.risk.checks.check import MARKET, PRICED, CheckFunction
from engine.risk.cooldown import Cooldown
from engine.risk.limits import Limits
from engine.risk.stop_lock import StopLocks


class Plan(NamedTuple):
    checks: tuple[PreTradeCheck, ...]
    judges: tuple[CheckFunction, ...]
    """Of each of them."""


def plan(
    checks: Iterable[PreTradeCheck],
    limits: Limits,
    locks: StopLocks,
    cooldown: Cooldown,
    *,
    market: bool,
    scoped: bool = False,
) -> Plan:
    """``market``: for orders of that type. ``scoped``: with limits of single strategies and symbols."""
    other = PRICED if market else MARKET
    made = tuple(
        check
        for check in checks
        if check.orders != other and (check.in_force is None or check.in_force(limits, locks, cooldown))
    )
    return Plan(made, tuple((check.scoped if scoped else None) or check.judge for check in made))
