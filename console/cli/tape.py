"""``tickdesk tape info|span|cut|convert|import``: what is on a tape, a part, another form."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from console.cli.output import as_json
from engine.errors import ConfigError, TickdeskError
from engine.events import NS
from engine.given_time import given_ns
from engine.tapes import TapeSpan
from engine.text import clean

if TYPE_CHECKING:
    from engine.feeds.tape_info import TapeInfo

_END_NS = (1 << 63) - 1


def run(arguments: argparse.Namespace) -> int:
    if arguments.what == "import":
        return _import(arguments)
    if arguments.what != "cut" and (arguments.start or arguments.end or arguments.symbols):
        raise ConfigError(f"tape {arguments.what} takes no --since, --until or --symbols: cut the tape first")
    if arguments.what == "info":
        return _info(arguments)
    if arguments.what == "span":
        return _spans(arguments)
    if len(arguments.files) != 1 or arguments.output is None:
        raise ConfigError(f"tape {arguments.what} takes one FILE, and -o OUT")
    from engine.feeds.tape_edit import convert, cut

    path, out = arguments.files[0], arguments.output
    if arguments.what == "convert":
        done, what = convert(path, out, arguments.venue), "ticks"
    else:
        symbols = [part.strip() for part in (arguments.symbols or "").split(",") if part.strip()]
        done, what = (
            cut(
                path,
                out,
                from_ns=time_ns(arguments.start) if arguments.start else 0,
                to_ns=time_ns(arguments.end) if arguments.end else _END_NS,
                symbols=symbols,
                venue=arguments.venue,
            ),
            "rows",
        )
    print(f"{out}: {done.rows:,} {what}, {out.stat().st_size:,} bytes")
    if done.truncated:
        print(
            f"tickdesk: {clean(path, 200)} ends before its end (cut off or damaged): what came before was"
            " written",
            file=sys.stderr,
        )
    if arguments.what == "convert" and path.suffix == ".tape" and out.suffix != ".tape":
        print(
            "tickdesk: only a .tape holds the steps of price and quantity: a replay of this takes them from"
            " its numbers, so the SHA-256 of its orders may be another",
            file=sys.stderr,
        )
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from console.cli.imports import complain, noting, zone_of
    from console.cli.settings import configuration
    from engine.wiring.history_import import stored_symbol
    from engine.wiring.tick_import import import_ticks, told

    out = arguments.output
    if len(arguments.files) != 1 or (out is None and not arguments.dry_run):
        raise ConfigError("tape import takes one FILE, and -o OUT.tape")
    if out is not None and out.suffix != ".tape":
        raise ConfigError(f"{out}: its name must end with .tape; tickdesk tape convert has others")
    config = configuration(arguments)
    found = import_ticks(
        arguments.files[0],
        out or Path(),
        lambda name: stored_symbol(name, config),
        outlier_pct=config.quality.daily_return_pct,
        default_symbol=arguments.symbols or "",
        currency=config.account.currency,
        zone=zone_of(arguments.tz),
        dry_run=arguments.dry_run,
        note=noting,
    )
    print(
        as_json(found)
        if arguments.json
        else f"{'nothing written' if arguments.dry_run else out}: {told(found)}"
    )
    complain([(found.file, reject) for reject in found.rejects], arguments.rejects, quiet=arguments.json)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from engine.feeds.tape_info import tape_info

    found = [tape_info(path, arguments.venue) for path in arguments.files]
    if arguments.json:
        print(as_json(found))
    else:
        print("\n".join(line for info in found for line in lines(info)))
    return 0


def _spans(arguments: argparse.Namespace) -> int:
    """A line a tape, each as soon as it is known; a file that is none keeps the others from nothing."""
    from engine.feeds.tape_span import tape_span

    failed = 0
    for path in arguments.files:
        try:
            span = tape_span(path, arguments.venue)
        except TickdeskError as error:
            span, failed = TapeSpan(str(path), "", "", 0, 0, 0, error=str(error)), error.exit_code
        if arguments.json:
            print(msgspec.json.encode(span).decode(), flush=True)
        else:
            what = span.error or f"{span.venue or span.kind}, {_when(span.from_ns)} to {_when(span.to_ns)}"
            print(f"{span.file}: {what}", flush=True)
    return failed


def lines(info: TapeInfo) -> list[str]:
    """For a person."""
    cut = "; CUT OFF or damaged at its end, what comes before is good" if info.truncated else ""
    text = [
        f"{info.file}: {info.kind} of {info.venue or 'nothing'}{cut}",
        f"  from      {_when(info.from_ns)}",
        f"  to        {_when(info.to_ns)}",
        f"  trades    {info.trades:,}",
        f"  quotes    {info.quotes:,}",
        f"  gaps      {info.gaps:,}",
        f"  books     {info.books_wrong:,} times wrong",
        f"  size      {info.bytes:,} bytes, {info.bytes_per_tick:g} a tick",
    ]
    if info.undecodable:
        text.append(f"  NOT READ  {info.undecodable:,} lines or frames")
    for row in info.symbols:
        gaps = ", its ids tell of no gap" if row.gaps is None else f", {row.gaps:,} gaps"
        missing = f" ({row.missing:,} trades)" if row.missing else ""
        text.append(f"  {row.symbol:<24}{row.trades:,} trades, {row.quotes:,} quotes{gaps}{missing}")
    return text


def _when(ns: int) -> str:
    if not ns:
        return "nothing"
    at = datetime.fromtimestamp(ns // NS, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ns % NS // 1_000_000:03d} UTC"


def time_ns(text: str) -> int:
    """ns UTC of what ``given_ns`` takes, or of a number of ns. Raises ConfigError."""
    if text.isascii() and text.isdecimal() and len(text) > 10:
        return min(int(text), _END_NS)
    return given_ns(text) or 0
