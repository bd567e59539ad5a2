"""``tickdesk backtest``: the desk over tapes or bars, and what came of it."""

from __future__ import annotations

import argparse

from console.cli.output import opened
from console.cli.progress import Progress
from console.cli.research_plan import research_configuration, run_plan_of
from console.cli.settings import state_dir


def run(arguments: argparse.Namespace) -> int:
    from engine.research.report.html import as_html
    from engine.research.report.json import as_json
    from engine.research.report.text import as_text
    from engine.research.summary import summarise
    from engine.wiring.backtest import prepare
    from engine.wiring.backtest import run as backtest

    plan, config = run_plan_of(arguments), research_configuration(arguments)
    with Progress() as shown:
        prepared = prepare(config, plan, state_dir(arguments), shown.note)
        found = backtest(config, prepared, note=shown.note, progress=shown.progress)
    summary = summarise(found, trials=arguments.trials)
    if arguments.html is not None:
        with opened(str(arguments.html)) as file:
            file.write(as_html(found, summary))
    with opened("-" if arguments.out is None else str(arguments.out)) as file:
        file.write((as_json if arguments.json else as_text)(found, summary))
    return 1 if found.failed else 0
