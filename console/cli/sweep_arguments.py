"""The command that tries many parameters."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from console.cli.command import Command
from console.cli.duration import duration


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        fits = text.isascii() and text.isdecimal() and len(text) <= 19 and least <= int(text) <= most
        if not fits:
            raise argparse.ArgumentTypeError(f"give a whole number from {least} to {most}")
        return int(text)

    return number


def add_sweep(command: Command, add_plan: Callable[[argparse.ArgumentParser], None]) -> None:
    sweep = command(
        "sweep", "run many backtests over values of parameters; or show such a sweep: show FOLDER"
    )
    sweep.epilog = (
        "VALUES are 5..50:5 (a range with a step), 5..50 (of whole numbers each; of others any, not in a "
        "grid), log:0.01..10:7 (seven of even logarithm), log:0.01..10 (any, not in a grid) or a,b,c. "
        "A sweep that was stopped or killed goes on where the same command is given again. show FOLDER tells "
        "how far a sweep is and what it came to."
    )
    add_plan(sweep)
    _what(sweep)
    _judged(sweep)
    _where(sweep)


def _what(sweep: argparse.ArgumentParser) -> None:
    group = sweep.add_argument_group("what is tried")
    group.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="a parameter, as strategies.trend.weight=1,2 or exits.stop_loss_pct=1..3:0.5; again for more",
    )
    group.add_argument(
        "--search",
        choices=("grid", "random", "optuna"),
        default="grid",
        help="every combination; drawn ones; or such as Optuna proposes (extra: tickdesk[optuna])",
    )
    group.add_argument(
        "--runs", type=_whole(1, 100_000), metavar="N", help="of random and optuna (default 100)"
    )
    group.add_argument(
        "--seed", type=_whole(0, 2**63 - 1), default=0, metavar="N", help="of random and optuna"
    )
    group.add_argument(
        "--batch",
        type=_whole(1, 1000),
        default=8,
        metavar="N",
        help="so many points Optuna proposes before it learns what they came to (default 8)",
    )


def _judged(sweep: argparse.ArgumentParser) -> None:
    group = sweep.add_argument_group("what is good")
    group.add_argument(
        "--objective",
        default="sharpe",
        metavar="FIGURE[:min|max]",
        help="a figure of the report, such as sharpe (default), calmar, return_pct, max_drawdown_pct",
    )
    group.add_argument(
        "--min-trades", type=_whole(0, 10**9), default=0, metavar="N", help="runs with fewer are not chosen"
    )
    group.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="FIGURE>=X",
        help="others neither, as max_drawdown_pct<=20; may be given again",
    )
    group.add_argument(
        "--walk-forward",
        type=_whole(1, 100),
        default=0,
        metavar="N",
        help="choose on what came before and judge on what came after, N times",
    )
    group.add_argument(
        "--window",
        choices=("expanding", "rolling"),
        default="expanding",
        help="of walk-forward: choose on all that came before, or on the last of it",
    )
    group.add_argument(
        "--in-sample",
        type=_whole(1, 100),
        default=3,
        metavar="N",
        help="of walk-forward: so many times as long as what is judged (default 3; expanding: at first)",
    )
    group.add_argument(
        "--gap",
        type=duration,
        default=0.0,
        metavar="TIME",
        help="of walk-forward: left out between the two, as 5d (default none)",
    )


def _where(sweep: argparse.ArgumentParser) -> None:
    group = sweep.add_argument_group("where and how")
    group.add_argument("--out", type=Path, metavar="FOLDER", help="default: one here, named after the sweep")
    group.add_argument("--jobs", type=_whole(1, 1024), metavar="N", help="processes (default: one a core)")
    group.add_argument(
        "--dask", metavar="ADDRESS", default="", help="on a Dask cluster: of its scheduler (tickdesk[dask])"
    )
    group.add_argument(
        "--csv", action="store_true", help="the table as CSV, also where Parquet could be written"
    )
    group.add_argument("--top", type=_whole(1, 1000), default=10, metavar="N", help="runs shown (default 10)")
    group.add_argument(
        "--heat-map", metavar="A,B", default="", help="across and down (default: the first two)"
    )
    group.add_argument(
        "--metric", metavar="FIGURE", default="", help="of the heat map (default: the objective)"
    )
    group.add_argument("--json", action="store_true", help="machine-readable")
