"""How is the account?"""

from __future__ import annotations

from typing import Any

from engine.risk.case import Case
from engine.risk.checks.check import Outcome, below_percent, check, money


@check("EQUITY_UNKNOWN", money)
def equity(case: Case) -> Outcome:
    """Equity is known and above zero; so is the account behind the gateway."""
    value = case.equity
    if value is None:
        return False, case.view.account or case.view.equity, "> 0"
    return value > 0, value, "> 0"


def _loss(value: Any, limit: Any) -> tuple[str, str]:
    if value is None:
        return "unknown", f"< {limit} %"
    day_pnl, start = value
    return f"{-day_pnl * 100 / start:.3f} %" if start else "all", f"< {limit} %"


@check("DAILY_LOSS", _loss)
def daily_loss(case: Case) -> Outcome:
    """Loss since the start of the UTC day against what equity was then."""
    day_pnl = case.view.day_pnl
    limit = case.latch.loss_limit_pct()
    if day_pnl is None or case.view.equity is None:
        return False, None, limit
    start = case.view.equity - day_pnl
    return start > 0 and -day_pnl * 100 < limit * start, (day_pnl, start), limit


@check("DRAWDOWN", below_percent)
def drawdown(case: Case) -> Outcome:
    """Below the highest equity so far."""
    value, limit = case.view.drawdown_pct, case.limits.drawdown_pct
    return value is not None and value < limit, value, limit
