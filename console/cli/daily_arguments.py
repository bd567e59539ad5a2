"""Arguments of the daily run and of one session."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from console.cli.command import Command


def add_daily(command: Command, duration: Callable[[str], float]) -> None:
    daily = command("daily", "the day's run: bars, gate, features, training, targets, orders, books, report")
    daily.epilog = (
        "Started again on the same day it goes on at the first step that is not done, or says that all is. "
        "Exit code: 0 done, 1 a step failed (also where only the message did), 5 nothing is to be done today "
        "(--show: there was no run that day)."
    )
    _alike(daily)
    daily.add_argument(
        "--show", nargs="?", const="", metavar="DAY", help="how it went: of a day, or a line for each"
    )
    session = command(
        "paper-run", "the same for one session: the desk trades from the open to the close", "paper_run"
    )
    session.epilog = daily.epilog
    _alike(session)
    session.add_argument(
        "--for", type=duration, metavar="TIME", dest="seconds", help="90s, 10m, 2h; else until the close"
    )
    session.add_argument("--flatten", action="store_true", help="close every position at its end")


def _alike(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="send nothing: no order, exit, webhook or message; what would be is told",
    )
    parser.add_argument("--again", metavar="STEP", default="", help="do it again from this step on")
    parser.add_argument("--json", action="store_true", help="machine-readable")
