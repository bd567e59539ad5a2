"""``tickdesk quarantine``: what came from outside and was not believed; needs no engine that runs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from console.cli.output import as_json, table
from console.cli.settings import configuration, state_dir
from console.cli.stored import symbol_among
from engine.errors import StoreError
from engine.events import Quarantined
from engine.given_time import given_ns
from engine.text import clean


def run(arguments: argparse.Namespace) -> int:
    from engine.store.read import DATABASE, Reader

    path = state_dir(arguments) / DATABASE
    if not path.is_file():
        raise StoreError(f"there is no database at {path}: choose --state-dir")
    reader = Reader(path)
    try:
        symbol = arguments.symbol
        if symbol:
            spellings = configuration(arguments).symbols
            symbol = symbol_among(symbol, reader.quarantined_symbols(), spellings)
        found = reader.quarantine(
            symbol=symbol,
            reason=arguments.reason.upper(),
            since_ns=given_ns(arguments.since) or 0,
            limit=arguments.limit,
        )
    finally:
        reader.close()
    if arguments.json:
        print(as_json(found))
    else:
        print("\n".join(lines(found)) if found else "nothing was set aside")
    return 0


def lines(rows: list[Quarantined]) -> list[str]:
    """A line each, for a person."""
    heading = ("time (UTC)", "symbol", "reason", "what", "+", "content")
    cells = [
        (
            f"{datetime.fromtimestamp(row.ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}",
            clean(row.symbol, 60),
            clean(row.reason, 40),
            clean(row.kind, 10),
            str(row.unkept or ""),
            clean(row.content, 300),
        )
        for row in rows
    ]
    return table([heading, *cells], "<<<<><")
