"""``tickdesk history list|load|import|export``: the stored bars; ``remove`` is in ``history_remove``."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.output import as_json, table
from console.cli.settings import configuration, state_dir
from engine.errors import ConfigError
from engine.given_time import given_span
from engine.market_days import closed_days
from engine.symbols import name_of
from engine.text import clean

if TYPE_CHECKING:
    from engine.store.bars_read import BarReader, Summary
    from engine.wiring.history_import import Imported
    from engine.wiring.history_load import LoadStatus

_HEAD = ("SYMBOL", "BARS", "OF", "FROM", "TO", "HOLES", "MISSING", "FILLED", "SOURCES")
_SHOWN_FAULTS = 20


def run(arguments: argparse.Namespace) -> int:
    if arguments.what == "remove":
        from console.cli import history_remove

        return history_remove.run(arguments)
    return {"list": _list, "load": _load, "import": _import, "export": _export}[arguments.what](arguments)


# --- list ---


def _list(arguments: argparse.Namespace) -> int:
    _refuse_names(arguments)
    reader, names = _reader(arguments), configuration(arguments).symbols
    wanted = _chosen(arguments, reader)
    rows = reader.summaries(lambda symbol: closed_days(name_of(symbol, names)))
    rows = [row for row in rows if not wanted or row.symbol in wanted]
    if arguments.json:
        print(as_json(rows))
    elif rows:
        print("\n".join(table([_HEAD, *map(_cells, rows)], "<>>><>>><".replace("><", "<<", 1))))
    else:
        print("no bars are stored")
    return 0


def _cells(row: Summary) -> tuple[str, ...]:
    return (
        clean(row.symbol, 60),
        f"{row.bars:,}",
        f"{row.interval_s} s",
        _time(row.first_ns),
        _time(row.last_ns),
        f"{row.holes:,}",
        f"{row.missing:,}",
        f"{row.filled:,}",
        ", ".join(clean(source, 40) for source in row.sources),
    )


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%Y-%m-%d %H:%M}"


# --- load ---


def _load(arguments: argparse.Namespace) -> int:
    from engine.wiring.history_job import load_history

    config = configuration(arguments)
    logging.getLogger("engine").addHandler(logging.NullHandler())  # what fails is told at the end
    with _Bar() if sys.stderr.isatty() else _Lines() as bar:
        status = load_history(config, state_dir(arguments), arguments.names, bar.show)
    if arguments.json:
        print(as_json(status))
    else:
        print(_told(status, config.history.days))
        _complain(status.faults)
        _complain({symbol: _short(ns) for symbol, ns in status.reach_ns.items()})
    return 1 if status.faults else 0


def _complain(whys: dict[str, str]) -> None:
    for symbol, why in list(whys.items())[:_SHOWN_FAULTS]:
        print(f"tickdesk: {clean(symbol, 60)}: {why}", file=sys.stderr)
    if len(whys) > _SHOWN_FAULTS:
        print(f"tickdesk: and {len(whys) - _SHOWN_FAULTS} more", file=sys.stderr)


def _short(reach_ns: int) -> str:
    return (
        f"none of its sources has bars from before {_time(reach_ns)}: enable one that has more in "
        "[collection.sources], or be content with these"
    )


def _told(status: LoadStatus, days: int) -> str:
    if not status.wanted:
        which = " that can be had" if status.reach_ns else ""
        return f"nothing is missing of the last {days} days{which}"
    text = f"{status.stored:,} bars of {status.symbols} symbol{'s' if status.symbols > 1 else ''} loaded"
    return text + (f", {status.refused:,} set aside" if status.refused else "")


class _Lines:
    """Ten lines of progress, for a file or a pipe."""

    def __init__(self) -> None:
        self._tenths = -1

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is left open."""

    def show(self, status: LoadStatus) -> None:
        tenths = int(10 * status.share)
        if status.wanted and tenths > self._tenths:
            self._tenths = tenths
            print(f"tickdesk: {status.text}", file=sys.stderr, flush=True)


class _Bar:
    """A progress bar where somebody looks."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("bars"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        self._task = self._progress.add_task("looking for what is missing", total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def show(self, status: LoadStatus) -> None:
        self._progress.update(
            self._task,
            description=clean(status.symbol, 40) or "loading",
            total=status.wanted,
            completed=status.done,
        )


# --- import ---


def _import(arguments: argparse.Namespace) -> int:
    from console.cli.imports import complain, noting, zone_of
    from engine.wiring.history_import import Chosen, import_files

    if not (arguments.names or arguments.actions):
        raise ConfigError("name files, as in `tickdesk history import AAPL=aapl.csv`, or --actions FILE")
    chosen = Chosen(
        interval_s=arguments.bars,
        zone=zone_of(arguments.tz),
        split_adjusted=arguments.split_adjusted,
        dry_run=arguments.dry_run,
    )
    found = import_files(
        configuration(arguments),
        state_dir(arguments),
        arguments.names,
        arguments.actions,
        chosen,
        time.time_ns(),
        noting,
    )
    if arguments.json:
        print(as_json(found))
    else:
        print("\n".join(_imported(found, dry_run=arguments.dry_run)))
    complain(found.rejects, arguments.rejects, quiet=arguments.json)
    return 0


def _imported(found: Imported, *, dry_run: bool) -> list[str]:
    """A line a file of actions, and a line a symbol of a file of bars."""
    lines = [
        f"{clean(one.file, 60)}: {one.splits} splits, {one.dividends} dividends" for one in found.actions
    ]
    for one in found.series:
        kept = f"{one.believed:,} bars of {one.interval_s} s"
        if one.believed:
            kept += f", {_time(one.first_ns)} to {_time(one.last_ns)}"
        stored = "nothing stored: --dry-run" if dry_run else f"{one.stored:,} stored"
        whys = ", ".join(f"{count:,} {reason}" for reason, count in one.reasons.items())
        lines.append(
            f"{clean(one.symbol, 60)}: {kept}; {stored}" + (f"; not believed: {whys}" if whys else "")
        )
    return lines


# --- export ---


def _export(arguments: argparse.Namespace) -> int:
    from engine.store.bars_export import export

    if len(arguments.names) != 1:
        raise ConfigError("name one folder to write to, as in `tickdesk history export bars`")
    since_ns, until_ns = given_span(arguments.since, arguments.until)
    folder, reader = Path(arguments.names[0]), _reader(arguments)
    found = export(
        reader,
        folder,
        symbols=_chosen(arguments, reader),
        since_ns=since_ns or 0,
        until_ns=until_ns or (1 << 62),
        adjust=arguments.adjusted,
        by=arguments.by,
        note=lambda text: (
            print(f"tickdesk: {clean(text, 100)}", file=sys.stderr) if sys.stderr.isatty() else None
        ),
    )
    files = "1 file" if found.files == 1 else f"{found.files:,} files"
    print(f"{folder}: {found.bars:,} bars in {files}")
    return 0


def _reader(arguments: argparse.Namespace) -> BarReader:
    from engine.store.bars import BARS_DATABASE
    from engine.store.bars_read import BarReader

    return BarReader(state_dir(arguments) / BARS_DATABASE)


def _chosen(arguments: argparse.Namespace, reader: BarReader) -> list[str]:
    """What --symbols names of what is stored; none: all."""
    from console.cli.stored import stored_symbols

    return stored_symbols(reader, arguments.symbols or (), configuration(arguments).symbols)


def _refuse_names(arguments: argparse.Namespace) -> None:
    if arguments.names:
        raise ConfigError("list takes no names: choose with --symbols, or load them with `history load`")
