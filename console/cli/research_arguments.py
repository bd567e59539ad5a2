"""Commands of research: backtest, sweep."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from console.cli.command import Command
from console.cli.sweep_arguments import add_sweep
from engine.plain_number import plain_number
from engine.text import clean


def _within(least: float, most: float, what: str) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = plain_number(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{clean(text, 40)!r} is no {what}: give a number from {least:g} to {most:g}"
            )
        return value

    return number


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no count: give 1 or more")
    return int(text)


def add_research(command: Command) -> None:
    backtest = command("backtest", "run the desk over tapes or bars: what it would have done, reported")
    backtest.epilog = (
        "One of tapes, bar files (CSV or Parquet) or --symbols of the stored history. Without --strategy the "
        "configured strategies are on; with it, only those named. Nothing of it is stored."
    )
    add_plan(backtest)
    form = backtest.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="print all of the report, not what fits a screen")
    form.add_argument("--json", action="store_true", help="the whole result machine-readable")
    backtest.add_argument("--out", type=Path, metavar="FILE", help="write the whole report there")
    backtest.add_argument("--html", type=Path, metavar="FILE", help="write the report as one web page")
    backtest.add_argument(
        "--trials",
        type=_count,
        default=1,
        metavar="N",
        help="how many backtests were run to find this one: its Sharpe ratio is deflated by that",
    )
    add_sweep(command, add_plan)
    add_lookahead(command)
    add_parity(command)


def add_lookahead(command: Command) -> None:
    test = command("lookahead", "does a strategy know the future? change it, and see what it said before")
    test.epilog = (
        "Runs over the data, then over the same data with another future from several moments on: what was "
        "said before them must stay the same to the last bit. Exit code 0: it does; 1: it does not."
    )
    test.add_argument("which", metavar="STRATEGY", help="NAME[,KEY=VALUE], or all that are on: all")
    add_plan(test)
    test.add_argument(
        "--cuts", type=_count, default=12, metavar="N", help="moments to change the future from (default 12)"
    )
    test.add_argument("--json", action="store_true", help="machine-readable")


def add_parity(command: Command) -> None:
    parity = command("parity", "paper trading against a backtest of the same time, each difference explained")
    parity.epilog = (
        "The backtest runs over the ticks that the engine recorded then (record.ticks=true), or over stored "
        "bars where it did not. Days and times are of UTC."
    )
    parity.add_argument("--day", metavar="DAY", help="as in 2025-01-31 (default: today)")
    parity.add_argument("--since", metavar="TIME", help="ISO 8601, as in 2025-01-31T13:30, in place of a day")
    parity.add_argument("--until", metavar="TIME", help="up to, and without (default: now)")
    parity.add_argument(
        "--tapes", type=Path, nargs="+", metavar="FILE", default=[], help="run over these instead"
    )
    parity.add_argument(
        "--warm-up",
        type=_within(0, 864_000, "time in seconds"),
        default=3600.0,
        metavar="S",
        help="seconds of tape before that time, for the indicators (default 3600)",
    )
    parity.add_argument("--format", choices=("text", "json", "html"), default="text")
    parity.add_argument("--out", metavar="FILE", default="-", help="default: standard output")


def add_plan(parser: argparse.ArgumentParser) -> None:
    """What a backtest runs over, and how; read again by ``research_plan``."""
    parser.add_argument("data", nargs="*", metavar="FILE", help="tapes, or bars: FILE.csv or SYMBOL=FILE.csv")
    parser.add_argument("--symbols", metavar="A,B", default="", help="bars of the stored history instead")
    parser.add_argument("--venue", metavar="NAME", default="", help="decode a capture as this venue's")
    parser.add_argument(
        "--bars",
        type=_within(1, 604_800, "length of a bar in seconds"),
        metavar="S",
        help="length of the bars",
    )
    parser.add_argument("--since", metavar="TIME", help="ISO 8601, UTC, as in 2025-01-31T13:30")
    parser.add_argument("--until", metavar="TIME", help="up to, and without")
    parser.add_argument(
        "--warm-up",
        type=_within(0, 100_000, "number of bars"),
        metavar="N",
        help="bars before --since that only warm indicators up (default 0; of a walk-forward's parts 250)",
    )
    parser.add_argument(
        "--strategy",
        action="append",
        default=[],
        metavar="NAME[,KEY=VALUE]",
        help="only these are on, with these parameters; may be given again",
    )
    parser.add_argument("--raw-prices", action="store_true", help="do not adjust for splits and dividends")
    parser.add_argument(
        "--path",
        choices=("near", "open_high_low_close", "open_low_high_close"),
        default="near",
        help="which extreme of a bar comes first (near: the one nearer to the open)",
    )
    parser.add_argument(
        "--spread-bps", type=_within(0, 1000, "spread in basis points"), default=0.0, metavar="N"
    )
    parser.add_argument(
        "--participation-pct",
        type=_within(1e-6, 100, "share of a bar's volume"),
        default=10.0,
        metavar="N",
        help="most of a bar's volume that we may trade (default 10)",
    )
