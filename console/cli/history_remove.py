"""``tickdesk history remove SYMBOL… [--bars S] [--since T] [--until T]``: bars that are no longer wanted."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.cli.consent import consent
from console.cli.output import as_json, table
from console.cli.settings import configuration, state_dir
from engine.errors import ConfigError
from engine.given_time import given_span
from engine.text import clean

if TYPE_CHECKING:
    from engine.store.bars_remove import Removal

_HEAD = ("SYMBOL", "BARS", "OF", "FROM", "TO")


def run(arguments: argparse.Namespace) -> int:
    from console.cli.stored import stored_symbols
    from engine.store.bars import BARS_DATABASE
    from engine.store.bars_read import BarReader
    from engine.wiring.history_remove import remove_bars

    names = [*arguments.names, *(arguments.symbols or ())]
    if not names:
        raise ConfigError("name symbols, as in `tickdesk history remove AAPL --bars 86400`")
    since_ns, until_ns = given_span(arguments.since, arguments.until)
    where = state_dir(arguments)
    reader = BarReader(where / BARS_DATABASE)
    try:
        symbols = stored_symbols(reader, names, configuration(arguments).symbols)
    finally:
        reader.close()
    asked = bool(arguments.yes or arguments.dry_run)

    def agreed(found: Sequence[Removal]) -> bool:
        if not arguments.json:
            print("\n".join(_lines(found)))
        if arguments.dry_run:
            return False
        what = f"removing {sum(one.bars for one in found):,} bars"
        return asked or consent(what, "cannot be undone", json=arguments.json, otherwise="nothing removed")

    found, gone = remove_bars(
        where,
        symbols,
        arguments.bars,
        since_ns or 0,
        until_ns or (1 << 62),
        agreed,
    )
    if arguments.json:
        print(as_json({"dry_run": arguments.dry_run, "removed": found}))
    elif not found:
        print("nothing to remove")
    elif gone or arguments.dry_run:
        word = "would be removed" if arguments.dry_run else "removed"
        print(f"{sum(one.bars for one in found):,} bars {word}")
    return 0 if gone or arguments.dry_run or not found else 1


def _lines(found: Sequence[Removal]) -> list[str]:
    cells = [
        (
            clean(one.symbol, 60),
            f"{one.bars:,}",
            f"{one.interval_s} s",
            _time(one.first_ns),
            _time(one.last_ns),
        )
        for one in found
    ]
    return table([_HEAD, *cells], "<>><<")


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%Y-%m-%d %H:%M}"
