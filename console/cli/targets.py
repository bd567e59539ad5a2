"""``tickdesk targets``: what the portfolio's next rebalance would do, and what the last one did."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from console.cli.client import ask
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.api.trading_protocol import TargetPlan, TargetsDetail
from engine.text import clean


def run(arguments: argparse.Namespace) -> int:
    detail = ask(state_dir(arguments), "GET", "/v1/targets", TargetsDetail)
    print(as_json(detail) if arguments.json else "\n".join(_lines(detail)))
    return 0


def _lines(detail: TargetsDetail) -> list[str]:
    if not detail.enabled:
        return ["targets are off: targets.enabled = true in the configuration switches them on"]
    due = f", due at the scores after {_at(detail.next_ns)}" if detail.next_ns else ", no scores yet"
    lines = [f"a rebalance now{due}", *_plan(detail.now)]
    if detail.last_ns:
        lines += ["", f"the last one, {_at(detail.last_ns)}", *_plan(detail.last)]
    return [clean(line, 300) for line in lines]


def _plan(plan: TargetPlan) -> list[str]:
    cells = [("symbol", "score", "weight", "held", "target", "reduce", "add", "")]
    cells += [
        (
            *(row.symbol, "" if row.score is None else f"{row.score:+.4f}", f"{row.weight:+.3f}"),
            *(row.held, row.target, row.reduction, row.addition, f"{row.code} {row.detail}".strip()),
        )
        for row in plan.rows
    ]
    return [*table(cells, "<>>>>>><"), f"turnover {plan.turnover}"] if plan.rows else ["nothing to do"]


def _at(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}Z"
