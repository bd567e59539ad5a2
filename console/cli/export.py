"""``tickdesk export KIND [--format csv|json] [--out FILE]``: rows of a state directory for other programs."""

from __future__ import annotations

import argparse
import csv
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from console.cli.output import opened
from console.cli.settings import configuration, state_dir
from console.cli.stored import symbol_among
from engine.errors import ConfigError, StoreError
from engine.given_time import given_span
from engine.text import clean

if TYPE_CHECKING:
    from engine.store.export import Kind

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet computes a cell that begins with one of these."""


def run(arguments: argparse.Namespace) -> int:
    from engine.store.export import KINDS, rows, symbols
    from engine.store.read import DATABASE

    kind = KINDS.get(arguments.kind)
    if kind is None:
        raise ConfigError(f"{clean(arguments.kind, 40)!r} cannot be exported: choose {', '.join(KINDS)}")
    since_ns, until_ns = given_span(arguments.since, arguments.until)
    path = state_dir(arguments) / DATABASE
    if not path.is_file():
        raise StoreError(f"there is no database at {path}: choose --state-dir")
    write = _WRITERS[arguments.format]
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            symbol = arguments.symbol
            if symbol:
                spellings = configuration(arguments).symbols
                symbol = symbol_among(symbol, symbols(connection, kind), spellings)
            found = rows(
                connection,
                kind,
                since_ns=since_ns,
                until_ns=until_ns,
                symbol=symbol,
            )
            with _target(arguments.out) as file:
                count = write(kind, found, file)
                connection.close()  # before anybody who reads slowly is waited for
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}; restore a copy, or choose --state-dir") from error
    if arguments.out != "-":
        print(f"{arguments.out}: {count:,} rows of {arguments.kind}")
    return 0


@contextmanager
def _target(out: str) -> Iterator[TextIO]:
    """Where rows go. What goes to standard output is whole on disk first: rows are of one moment, and while
    they are read the engine's log of writes cannot be cut, which must not last as long as a pager does."""
    if out != "-":
        with opened(out) as file:
            yield file
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as kept:
        yield kept
        kept.seek(0)
        shutil.copyfileobj(kept, sys.stdout)


def _write_csv(kind: Kind, rows: Iterator[Sequence[Any]], file: TextIO) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(kind.columns)
    outside = [column in kind.outside for column in kind.columns]
    count = 0
    for row in rows:
        writer.writerow([_cell(value) if text else value for value, text in zip(row, outside, strict=True)])
        count += 1
    return count


def _cell(value: Any) -> Any:
    """Text from outside as a spreadsheet shows it, instead of computing it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_json(kind: Kind, rows: Iterator[Sequence[Any]], file: TextIO) -> int:
    """An object a line; money stays decimal text."""
    count = 0
    for row in rows:
        file.write(msgspec.json.encode(dict(zip(kind.columns, row, strict=True))).decode() + "\n")
        count += 1
    return count


_WRITERS: dict[str, Callable[[Kind, Iterator[Sequence[Any]], TextIO], int]] = {
    "csv": _write_csv,
    "json": _write_json,
}
