"""What a check is, and how its value and limit read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from engine.risk.case import Case
from engine.risk.cooldown import Cooldown
from engine.risk.limits import Limits
from engine.risk.stop_lock import StopLocks

_MS = 1_000_000

Outcome = tuple[bool, Any, Any]
"""(passed, value, limit)"""
CheckFunction = Callable[[Case], Outcome]
Teller = Callable[[Any, Any], tuple[str, str]]
"""How a value and its limit read."""
Condition = Callable[[Limits, StopLocks, Cooldown], bool]

ALL, MARKET, PRICED = "all", "market", "priced"
"""Which orders a check is made of: all, those of type market, those of the others."""


class PreTradeCheck(NamedTuple):
    """A check with its reason code. What it looks at is a ``Case``."""

    code: str
    judge: CheckFunction
    tell: Teller
    orders: str = ALL
    limit: str = ""
    """The configuration's name of a limit that a strategy or a symbol may have of its own."""
    scoped: CheckFunction | None = None
    """In place of ``judge`` where a strategy or a symbol has limits of its own."""
    in_force: Condition | None = None
    """Whether it is made at all, by what is configured, locked and was left; None: always."""


class Scoped(NamedTuple):
    """A limit of a strategy or a symbol that is compared with what that one uses."""

    limit: Any
    scope: str


def plain(value: Any, limit: Any) -> tuple[str, str]:
    if type(value) is str and type(limit) is str:
        return value, limit
    return known(value), known(limit)


def check(
    code: str,
    tell: Teller = plain,
    *,
    orders: str = ALL,
    limit: str = "",
    scoped: CheckFunction | None = None,
    in_force: Condition | None = None,
) -> Callable[[CheckFunction], PreTradeCheck]:
    """Make a function a check; ``engine.risk.checks`` says when it is made."""

    def make(judge: CheckFunction) -> PreTradeCheck:
        return PreTradeCheck(code, judge, tell, orders, limit, scoped, in_force)

    return make


def known(value: Any) -> str:
    return value if type(value) is str else "unknown" if value is None else str(value)


def money(value: Any, limit: Any) -> tuple[str, str]:
    return amount(value), amount(limit)


def amount(value: Any) -> str:
    return f"{value:.2f}" if type(value) is Decimal else known(value)


def percent(value: Any, limit: Any) -> tuple[str, str]:
    return f"{value:.4f} %", f"{limit} %"


def below_percent(value: Any, limit: Any) -> tuple[str, str]:
    return "unknown" if value is None else f"{value:.3f} %", f"< {limit} %"


def age(value: Any, limit: Any) -> tuple[str, str]:
    told = known(value) if value is None or type(value) is str else f"{value // _MS} ms"
    return told, f"<= {limit // _MS} ms"


def ago(value: Any, limit: Any) -> tuple[str, str]:
    return "none" if value is None else f"{value // _MS} ms ago", f"> {limit // _MS} ms ago"


def below_count(value: Any, limit: Any) -> tuple[str, str]:
    return str(value), f"< {limit}"
