"""``tickdesk lookahead STRATEGY``: whether a strategy's signals depend on what comes after them."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

from console.cli.output import as_json
from console.cli.progress import Progress
from console.cli.research_plan import given_keys, research_configuration, run_plan_of
from console.cli.settings import state_dir

if TYPE_CHECKING:
    from engine.research.lookahead import Finding, LookAhead


def run(arguments: argparse.Namespace) -> int:
    from engine.wiring.backtest import prepare
    from engine.wiring.lookahead import lookahead

    if arguments.which != "all":
        arguments.strategy = [arguments.which, *arguments.strategy]
    plan, config = run_plan_of(arguments), research_configuration(arguments)
    with Progress(lines=True) as shown:
        prepared = prepare(config, plan, state_dir(arguments), shown.note)
        found = lookahead(
            config,
            prepared,
            count=arguments.cuts,
            note=shown.note,
            progress=shown.progress,
            given=given_keys(arguments),
        )
    print(as_json(found) if arguments.json else "\n".join(lines(found)))
    return 0 if found.passed else 1


def lines(found: LookAhead) -> list[str]:
    """For a person."""
    from engine.portfolio.report.numbers import moment

    what = f"{found.signals:,} signals of {', '.join(found.strategies)} over {', '.join(found.symbols)}"
    when = f"{moment(found.first_ns)} to {moment(found.last_ns)} UTC"
    text = [f"{what}, {when}", f"{found.runs} runs, the future changed from {len(found.cuts)} moments on"]
    for one in found.findings:
        text += ["", *_finding(one)]
    if found.adjusted:
        text += [
            "",
            f"not tried: {', '.join(found.adjusted)} adjusted backwards for splits and dividends, so how "
            "high a price is (not how it moves) tells of later ones; --raw-prices is without",
        ]
    names = ", ".join(found.strategies)
    verdict = (
        f"{names} passed: what comes later changes nothing of what was said before"
        if found.passed
        else f"{names} NOT passed: do not believe a backtest of it"
    )
    return [line for one in [*text, "", verdict] for line in textwrap.wrap(one, 80) or [""]]


def _finding(one: Finding) -> list[str]:
    from engine.portfolio.report.numbers import moment
    from engine.research.lookahead import told

    if one.kind == "future":
        text = [f"LOOKS AHEAD: with {one.told}, from {moment(one.cut_ns)} on, it says something else before"]
    elif one.kind == "unsteady":
        text = [f"NOT STEADY: {one.told}"]
    else:
        return [f"READS: {one.told}"]
    first = one.expected or one.got
    at = "" if first is None else f" at {moment(first.ns)}"
    return [
        *text,
        f"first difference{at}:",
        f"  expected {told(one.expected)}",
        f"  got      {told(one.got)}",
    ]
