"""Columns of a CSV or Parquet file from elsewhere: found by their usual names, read line by line.

A line that cannot be read is no reason to refuse the file: it is told with its number and left out.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import BarsError, ConfigError
from engine.events import NS
from engine.text import clean

TIMES = ("open_ns", "ts", "time", "timestamp", "date", "datetime", "open_time", "event_ns", "recv_ns")
SYMBOLS = ("symbol", "ticker", "instrument")
MOST_TOLD = 120
"""Characters of a line that is told."""
_PARQUET_ROWS = 200_000
_BEYOND_NS = 1 << 62
_UNITS = ((10**17, 1), (10**14, 1_000), (10**11, 1_000_000), (0, NS))
"""Numbers from so large on are ns, us, ms, s: each unit for times from 1973 to 5138."""


class Line(NamedTuple):
    """A line of the file, with its cells as text, in the order that was asked for."""

    number: int
    cells: tuple[str, ...]
    text: str
    """As it stands there, cleaned and cut."""


class Table:
    """A file's header, and its lines one after the other. Parquet needs the extra ``parquet``."""

    def __init__(self, path: Path) -> None:
        """Raises BarsError where it cannot be read, ConfigError without polars."""
        self.path = path
        rows = _parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _csv(path)
        try:
            header = next(rows, [])
        except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
            raise BarsError(f"cannot read {path}: {_why(error)}") from error
        self.header = [name.strip().lower().replace(" ", "_") for name in header]
        if not any(self.header):
            raise BarsError(f"{path} is empty: its first line must name its columns")
        self._rows = rows

    def column(self, names: Sequence[str], needed: str = "") -> str:
        """The first of ``names`` that the file has, "" without one; BarsError where it is ``needed``."""
        found = next((name for name in names if name in self.header), "")
        if not found and needed:
            there = clean(", ".join(name for name in self.header if name), MOST_TOLD)
            lacks = (
                f"no column {names[0]}"
                if len(names) == 1
                else f"no column for {needed}, named one of {', '.join(names)}"
            )
            raise BarsError(f"{self.path} has {lacks}: its first line names {there}")
        return found

    def lines(self, columns: Sequence[str], refuse: Callable[[Line, str], None]) -> Iterator[Line]:
        """Its lines with the cells of ``columns`` ("" gives ""). ``refuse`` is told of a torn line."""
        places = [self.header.index(name) if name else -1 for name in columns]
        width = len(self.header)
        number = 1
        try:
            for number, cells in enumerate(self._rows, 2):
                if not cells:
                    continue
                text = clean(",".join(cells), MOST_TOLD)
                if len(cells) != width:
                    refuse(Line(number, (), text), "COLUMNS")
                    continue
                yield Line(number, tuple(cells[at].strip() if at >= 0 else "" for at in places), text)
        except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
            raise BarsError(f"cannot read {self.path} beyond line {number}: {_why(error)}") from error


def number(text: str) -> float:
    """NaN for an empty cell. Raises ValueError for what is no number."""
    return float(text) if text else math.nan


def times_ns(text: str, zone: tzinfo = UTC) -> tuple[int, int]:
    """``time_ns``, and when it comes again: in the hour that clocks are set back by a time comes twice; else
    it is the same one."""
    first_ns = time_ns(text, zone)
    return first_ns, first_ns if zone is UTC else max(first_ns, time_ns(text, zone, again=True))


def time_ns(text: str, zone: tzinfo = UTC, *, again: bool = False) -> int:
    """ISO 8601 (``zone`` where it names none), or seconds, milli-, micro- or nanoseconds since the epoch.
    ``again``: of a time that comes twice the second one.

    Raises ValueError for what is no time, or one before 1970 or after 2116.
    """
    if text.isascii() and text.isdecimal() and len(text) <= 19 and len(text) != 8:
        value = int(text)
        return _known(value * next(scale for least, scale in _UNITS if value >= least))
    try:
        seconds = Decimal(text)  # a float of today's seconds is no better than 0.2 us
    except InvalidOperation:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone, fold=again)
        whole = moment.replace(microsecond=0)
        ns = round(whole.timestamp()) * NS + moment.microsecond * 1_000
    else:
        if len(text) == 8 and text.isdecimal():  # 20250131
            moment = datetime.strptime(text, "%Y%m%d").replace(tzinfo=zone)
            return round(moment.timestamp()) * NS
        if not (seconds.is_finite() and 0 <= seconds <= _BEYOND_NS // NS):
            raise ValueError("no time")
        ns = round(seconds * NS)
    return _known(ns)


def _known(ns: int) -> int:
    if not 0 <= ns < _BEYOND_NS:
        raise ValueError("before 1970 or after 2116")
    return ns


def _csv(path: Path) -> Iterator[list[str]]:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        yield from csv.reader(file)


def _parquet(path: Path) -> Iterator[list[str]]:
    try:
        import polars
    except ImportError:
        raise ConfigError("Parquet needs the polars library: pip install 'tickdesk[parquet]'") from None
    try:
        frame = polars.scan_parquet(path, hive_partitioning=False)
        schema = frame.collect_schema()
        yield list(schema.names())
        for start in range(0, _height(frame, polars), _PARQUET_ROWS):
            part = frame.slice(start, _PARQUET_ROWS).collect()
            yield from (list(map(_cell, row)) for row in part.iter_rows())
    except (polars.exceptions.PolarsError, OSError) as error:
        raise BarsError(f"cannot read {path}: {_why(error)}") from error


def _height(frame: Any, polars: Any) -> int:
    return int(frame.select(polars.len()).collect().item())


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _why(error: BaseException) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is no text file (UTF-8): give CSV or .parquet"
    return clean(getattr(error, "strerror", None) or str(error), 120)
