"""May the desk open positions at all, and may this one be opened by these?"""

from __future__ import annotations

from typing import Any

from engine.events import NS, RiskState
from engine.risk.case import Case
from engine.risk.checks.check import Outcome, below_count, check

_ACTIVE = RiskState.ACTIVE
AUTOMATION = "automation:"
"""How ``who`` of what an automation asks for begins."""
MODEL = "model"
"""Name of the strategy whose signals are a model's."""


@check("NOT_ACTIVE")
def trading_state(case: Case) -> Outcome:
    """The kill switch and its latch: entries in ACTIVE only."""
    state = case.latch.state
    return state is _ACTIVE, state, "active"


@check("QUANT_BLOCK")
def quant_block(case: Case) -> Outcome:
    """No quant module or server blocks the symbol: a block beats any signal."""
    blocked = case.view.blocked
    return not blocked, blocked or "none", "none"


@check("BUS_BLOCK")
def bus_block(case: Case) -> Outcome:
    """The bus that the desk rests on is well, and the desk in step with it."""
    forbidden = case.view.forbidden
    return not forbidden, forbidden or "none", "none"


@check("STRATEGY_DISABLED", below_count)
def repeated_execution(case: Case) -> Outcome:
    """No strategy behind the order was disabled for repeating itself."""
    disabled = case.pace.disabled
    if disabled:
        for source in case.request.sources:
            if source in disabled:
                return False, f"{source}: {disabled[source]}", case.limits.repeats
    return True, "none", case.limits.repeats


def _rest(value: Any, limit: Any) -> tuple[str, str]:
    return f"locked for {value / NS:.0f} s" if value else "free", f"< {limit} stop-losses"


@check("SYMBOL_LOCKED", _rest, in_force=lambda limits, locks, cooldown: locks.any)
def symbol_lock(case: Case) -> Outcome:
    """The symbol is not locked after stop-losses."""
    now = case.view.now_ns
    until = case.locks.until_ns(case.request.symbol, now)
    return not until, until - now if until else 0, case.locks.limit


def _since(value: Any, limit: Any) -> tuple[str, str]:
    told = value if type(value) is str else f"rests for {value / NS:.1f} s"
    return told, f"{limit} bars after an exit"


@check("COOLDOWN", _since, in_force=lambda limits, locks, cooldown: cooldown.any)
def cooldown(case: Case) -> Outcome:
    """The symbol was not left just now, unless a person asks for the entry."""
    request, resting = case.request, case.cooldown
    left_ns = resting.until_ns(request.symbol) - case.view.now_ns
    if left_ns <= 0:
        return True, "free", resting.bars
    if request.who and not request.who.startswith(AUTOMATION):
        return True, "a person asks", resting.bars
    return False, left_ns, resting.bars


def _model(value: Any, limit: Any) -> tuple[str, str]:
    told = value if type(value) is str else "unknown" if value is None else f"{value / NS:.0f} s"
    return told, f"<= {limit / NS:g} s"


@check("MODEL_TOO_OLD", _model, in_force=lambda limits, locks, cooldown: bool(limits.model_age_ns))
def model_age(case: Case) -> Outcome:
    """The model is young enough, where the model strategy is behind the entry."""
    limit = case.limits.model_age_ns
    if MODEL not in case.request.sources:
        return True, "not behind it", limit
    value = case.view.model_age_ns
    return value is not None and value <= limit, value, limit
