"""The commands of what the running desk decides: strategies, weights, automations, alerts, explanations."""

from __future__ import annotations

import re
from pathlib import Path

from console.cli.command import Command
from console.cli.jobs_arguments import add_jobs
from console.cli.trading_arguments import SYMBOL, WHICH


def add_decisions(command: Command) -> None:
    alerts = command("alerts", "list, make, switch or remove what the running engine tells of")
    # A fall, ``-2%``, is a word and no option.
    alerts._negative_number_matcher = re.compile(r"-[\d.][\d.,]*%?$")
    alerts.add_argument("what", choices=("list", "add", "on", "off", "remove"), nargs="?", default="list")
    alerts.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="for add: last BTC-USD above 70000 [repeat] [rearm X] [pause S] [note WORDS]; else an id",
    )
    alerts.add_argument("--json", action="store_true", help="machine-readable")

    automations = command("automations", "list, show, store, switch or remove the desk's automations")
    automations.add_argument(
        "what",
        choices=("list", "show", "put", "on", "off", "remove", "statistics"),
        nargs="?",
        default="list",
    )
    automations.add_argument("name", nargs="?", metavar="NAME", help="of the automation")
    automations.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="for put: its definition, TOML or JSON"
    )
    automations.add_argument("--json", action="store_true", help="machine-readable")

    add_jobs(command)

    strategies = command("strategies", "list, show, tune or switch the running engine's strategies")
    strategies.add_argument(
        "what", choices=("list", "show", "set", "on", "off", "reload"), nargs="?", default="list"
    )
    strategies.add_argument("name", nargs="?", metavar="NAME", help="of the strategy")
    strategies.add_argument(
        "values",
        nargs="*",
        metavar="KEY=VALUE",
        help="for set: enabled, weight, symbols (a,b), budget_pct, or a parameter of the strategy",
    )
    strategies.add_argument("--json", action="store_true", help="machine-readable")

    weights = command("weights", "show or change what each family of signals weighs in a blend")
    weights.add_argument("values", nargs="*", metavar="FAMILY=PERCENT", help="e.g. speed=20")
    weights.add_argument("--json", action="store_true", help="machine-readable")

    explain = command("explain", "the whole chain behind an opportunity or an order")
    explain.add_argument("id", metavar="ID", help=f"of an opportunity, or of an order: {WHICH}")
    explain.add_argument("--json", action="store_true", help="machine-readable")

    signals = command("signals", "everything that is live for a symbol now, taken apart")
    signals.add_argument("symbol", metavar="SYMBOL", help=SYMBOL)
    signals.add_argument("--json", action="store_true", help="machine-readable")
