"""Portfolio targets as rows for clients."""

from __future__ import annotations

from engine.api.trading_protocol import TargetPlan, TargetRow, TargetsDetail
from engine.portfolio.targets import Plan
from engine.wiring.decimal_text import money, plain
from engine.wiring.targets import Targets


def targets_detail(targets: Targets | None) -> TargetsDetail:
    """What a rebalance would do now, and what the last one did; None: targets are off."""
    if targets is None:
        return TargetsDetail(False, TargetPlan(), TargetPlan(), 0, 0)
    return TargetsDetail(
        True, plan_rows(targets.plan()), plan_rows(targets.last), targets.last_ns, targets.next_ns
    )


def plan_rows(plan: Plan) -> TargetPlan:
    rows = tuple(
        TargetRow(
            *(change.symbol, change.score, change.weight, plain(change.held), plain(change.target)),
            *(plain(change.reduction), plain(change.addition), change.code, change.detail),
        )
        for change in plan.changes
    )
    return TargetPlan(rows, money(plan.turnover))
