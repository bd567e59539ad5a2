"""Commands of data: stored bars, tapes, and what files bring to both."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.given_symbols import GivenSymbols
from engine.text import clean


def add_history(history: argparse.ArgumentParser) -> None:
    history.epilog = (
        "import takes CSV (also .gz) and Parquet: a column of times (when a bar begins), open, high, low, "
        "close, and maybe volume, vwap and symbol. What is not believed is told line by line."
    )
    history.add_argument(
        "what", choices=("list", "load", "import", "export", "remove"), nargs="?", default="list"
    )
    history.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="for load: symbols, default all configured; for import: files, each FILE or SYMBOL=FILE; for "
        "export: the folder to write to; for remove: symbols",
    )
    history.add_argument(
        "--symbols", nargs="+", action=GivenSymbols, metavar="SYMBOL", help="for list and export: only these"
    )
    history.add_argument(
        "--since",
        "--from",
        dest="since",
        metavar="TIME",
        help="for export and remove: ISO 8601, UTC; export writes whole days",
    )
    history.add_argument("--until", "--to", dest="until", metavar="TIME", help="up to, and without")
    history.add_argument(
        "--adjusted", action="store_true", help="for export: prices adjusted for splits and dividends"
    )
    history.add_argument(
        "--by",
        choices=("symbol", "day"),
        help="for export: one file a symbol and length of bars, or one a day (default: one a day of bars "
        "shorter than a day)",
    )
    history.add_argument("--json", action="store_true", help="for list, load and import: machine-readable")
    history.add_argument("--yes", action="store_true", help="for remove: without asking")
    taken = history.add_argument_group("for import")
    taken.add_argument(
        "--bars",
        type=_seconds,
        default=0,
        metavar="S",
        help="length of the bars (default: told); remove: only these",
    )
    taken.add_argument(
        "--actions",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="splits and dividends: symbol, date, kind (split, dividend), value",
    )
    taken.add_argument("--split-adjusted", action="store_true", help="prices are in today's shares already")
    _add_import(taken)


def add_tape(tape: argparse.ArgumentParser) -> None:
    tape.epilog = (
        "import makes a tape of a CSV (also .gz) or Parquet file: a column of times, and price with size, or "
        "bid and ask, or both; maybe symbol, side, trade_id, bid_size, ask_size, recv_ns."
    )
    tape.add_argument(
        "what",
        choices=("info", "span", "cut", "convert", "import"),
        help="info reads it all; span tells only from when to when it goes, at once",
    )
    tape.add_argument("files", type=Path, nargs="+", metavar="FILE")
    tape.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="of cut (in the tape's own form), convert (.tape .jsonl .csv .parquet) and import (.tape)",
    )
    tape.add_argument("--since", "--from", dest="start", metavar="TIME", help="of cut: ISO 8601, UTC")
    tape.add_argument("--until", "--to", dest="end", metavar="TIME", help="of cut: up to, not including")
    tape.add_argument(
        "--symbols",
        metavar="A,B",
        help="of cut: canonical, native or venue:NATIVE; of import: whose a file without a column for it is",
    )
    tape.add_argument("--venue", metavar="NAME", help="decode as this venue's (default: detected)")
    tape.add_argument("--json", action="store_true", help="of info, span and import: machine-readable")
    _add_import(tape.add_argument_group("for import"))


def _add_import(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--tz", metavar="ZONE", default="UTC", help="of times that name none, as in Europe/Berlin"
    )
    group.add_argument(
        "--rejects", type=Path, metavar="OUT", help="write every line not believed there, as CSV"
    )
    group.add_argument("--dry-run", action="store_true", help="write nothing, only say what would be")


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= 604_800):
        raise argparse.ArgumentTypeError(f"{clean(text, 40)!r} is no length: seconds, 1 to 604800")
    return int(text)
