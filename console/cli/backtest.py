"""``tickdesk backtest``: the desk over tapes or bars, and what came of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.output import check_place, opened
from console.cli.progress import Progress
from console.cli.research_plan import given_keys, research_configuration, run_plan_of, tell_of_settings
from console.cli.settings import state_dir
from engine.research.plan import Plan
from engine.text import clean


def run(arguments: argparse.Namespace) -> int:
    from engine.research.report.html import as_html
    from engine.research.report.json import as_json
    from engine.research.report.text import as_screen, as_text
    from engine.research.summary import summarise
    from engine.wiring.backtest import prepare
    from engine.wiring.backtest import run as backtest

    plan, config = run_plan_of(arguments), research_configuration(arguments)
    _check_places(arguments, plan)
    where = state_dir(arguments)
    tell_of_settings(where)
    with Progress() as shown:
        prepared = prepare(config, plan, where, shown.note)
        found = backtest(
            config, prepared, note=shown.note, progress=shown.progress, given=given_keys(arguments)
        )
    summary = summarise(found, trials=arguments.trials)
    if arguments.html is not None:
        with opened(str(arguments.html)) as file:
            file.write(as_html(found, summary))
    with opened("-" if arguments.out is None else str(arguments.out)) as file:
        if arguments.json:
            file.write(as_json(found, summary))
        elif arguments.full or arguments.out is not None:
            file.write(as_text(found, summary))
        else:
            file.write(as_screen(found, summary, _rest(arguments)))
    return 1 if found.failed else 0


def _check_places(arguments: argparse.Namespace, plan: Plan) -> None:
    """Before the run: a report takes the place of nothing that is read. Raises ConfigError."""
    from engine.wiring.bar_import import named_file

    taken = {
        path.resolve() for path in [named_file(text)[1] for text in plan.files] + [*map(Path, plan.tapes)]
    }
    for option in ("out", "html"):
        path = getattr(arguments, option)
        if path is None:
            continue
        check_place(path, taken, option)
        taken.add(path.resolve())


def _rest(arguments: argparse.Namespace) -> str:
    """Where the rest of the report is."""
    if arguments.html is not None:
        return f"The rest: --full prints it, and it is in {clean(arguments.html, 1000)}"
    return "The rest: --full prints it, --out and --html write it, --json is for programs"
