"""The commands of what is on record: refused input, requests, invariants, a day's report, rows to export."""

from __future__ import annotations

import argparse

from console.cli.command import Command
from console.cli.trading_arguments import SYMBOL
from engine.text import clean


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0 and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no number of rows: 1 or more")
    return int(text)


def add_records(command: Command) -> None:
    quarantine = command("quarantine", "what came from outside and was not believed, newest first")
    quarantine.add_argument("--symbol", metavar="SYMBOL", default="", help=f"{SYMBOL}; venue: for frames")
    quarantine.add_argument("--reason", metavar="CODE", default="", help="OUTLIER, CROSSED, MALFORMED, …")
    quarantine.add_argument("--since", metavar="TIME", help="ISO 8601, UTC, as in 2025-01-31T13:30")
    quarantine.add_argument("--limit", type=_count, metavar="N", default=100, help="rows (default 100)")
    quarantine.add_argument("--json", action="store_true", help="machine-readable")

    audit = command("audit", "who asked the running desk for what, when, and what became of it")
    audit.add_argument("--who", metavar="NAME", default="", help="only of whom is called so: token ci-bot")
    audit.add_argument("--since", metavar="TIME", help="ISO 8601, UTC, as in 2025-01-31T13:30")
    audit.add_argument("--limit", type=_count, metavar="N", default=100, help="rows (default 100)")
    audit.add_argument("--json", action="store_true", help="machine-readable")

    verify = command("verify", "check every invariant of a state directory, without changing it")
    verify.add_argument("--json", action="store_true", help="machine-readable")

    report = command("report", "what a day came to: P&L, trades, fees, risk, positions")
    report.add_argument("--day", metavar="YYYY-MM-DD", help="of UTC; default: today so far")
    report.add_argument("--format", choices=("text", "json", "html"), default="text")
    report.add_argument("--out", metavar="FILE", default="-", help="default -: standard output")

    export = command("export", "write rows of a state directory for other programs")
    export.epilog = "balances: flow is what trading added to a currency's cash, without the starting cash."
    _export_options(export)


def _export_options(export: argparse.ArgumentParser) -> None:
    export.add_argument(
        "kind",
        metavar="KIND",
        help="orders, fills, positions, balances, funding, limits, equity, position-history, "
        "currency-history, verdicts, signals, opportunities or journal",
    )
    export.add_argument("--format", choices=("csv", "json"), default="csv", help="json: an object a line")
    export.add_argument("--out", metavar="FILE", default="-", help="default -: standard output")
    export.add_argument("--since", metavar="TIME", help="ISO 8601, UTC, as in 2025-01-31T13:30")
    export.add_argument("--until", metavar="TIME", help="up to, and without")
    export.add_argument("--symbol", metavar="SYMBOL", default="", help=f"rows of one symbol only: {SYMBOL}")
