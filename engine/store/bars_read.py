"""Stored bars as arrays, what is missing of them, and what is there. Reads only."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import StoreError
from engine.events import NS
from engine.market_days import Closed
from engine.store.bar import Bar, Provenance, StoredAction
from engine.store.bars import MIGRATIONS
from engine.store.bars_holes import open_holes

_END_S = (1 << 62) // NS
OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)
_ARRAYS = ("open_ns", "values", "trades", "provenance", "told_ns", "source")


class Bars(msgspec.Struct, frozen=True):
    """Bars of one series, oldest first: arrays of one length."""

    symbol: str
    interval_s: int
    open_ns: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    """(n, 6): open, high, low, close, volume, vwap; NaN where not told."""
    trades: npt.NDArray[np.int64]
    """-1: not told."""
    provenance: npt.NDArray[np.int8]
    told_ns: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    """Index in ``sources``."""
    sources: tuple[str, ...]
    split_adjusted: tuple[bool, ...]
    """By index of source."""

    def __len__(self) -> int:
        return len(self.open_ns)

    def traded(self) -> Bars:
        """Those that were not made up."""
        rows = self.provenance != Provenance.FILLED
        return msgspec.structs.replace(self, **{name: getattr(self, name)[rows] for name in _ARRAYS})

    def part(self, rows: slice) -> Bars:
        """Some of them, as views."""
        return msgspec.structs.replace(self, **{name: getattr(self, name)[rows] for name in _ARRAYS})

    def bar(self, index: int) -> Bar:
        """One of them."""
        opened, high, low, close, volume, vwap = self.values[index].tolist()
        return Bar(
            self.symbol,
            self.interval_s,
            int(self.open_ns[index]),
            opened,
            high,
            low,
            close,
            volume,
            vwap,
            int(self.trades[index]),
            self.sources[int(self.source[index])],
            Provenance(int(self.provenance[index])),
            int(self.told_ns[index]),
        )


class Summary(msgspec.Struct, frozen=True):
    """What is stored of one series."""

    symbol: str
    interval_s: int
    first_ns: int
    last_ns: int
    """When the last bar begins."""
    bars: int
    filled: int
    holes: int
    """Runs of bars between the first and the last that are not there and were never asked for in vain, of
    times at which the market was open."""
    missing: int
    """Bars in these."""
    sources: tuple[str, ...]


class BarReader:
    """Queries over a read-only connection; call it from one thread at a time or several, it serialises
    itself. Every method raises ``StoreError`` when the file cannot be read."""

    def __init__(self, path: Path) -> None:
        """Raises ``StoreError`` where there is no such file, or one of another version."""
        if not path.is_file():
            raise StoreError(f"there are no stored bars at {path}: load some with `tickdesk history load`")
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
            )
            self._connection.execute("PRAGMA busy_timeout = 5000")
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {path}: {error}; check the path or choose --state-dir") from error
        self._lock = threading.Lock()
        self._path = path
        version = self._rows("PRAGMA user_version")[0][0]
        if version != len(MIGRATIONS):
            raise StoreError(
                f"{path} is of version {version}, this tickdesk knows {len(MIGRATIONS)}: "
                "start the engine on it once, or upgrade tickdesk"
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def series(self) -> list[tuple[str, int]]:
        """(symbol, interval) of all that has bars, in their order."""
        return self._rows(
            "SELECT symbol, interval_s FROM series "
            "WHERE EXISTS (SELECT 1 FROM bars WHERE series = series.id) ORDER BY symbol, interval_s"
        )

    def bars(self, symbol: str, interval_s: int, since_ns: int = 0, until_ns: int = _END_S * NS) -> Bars:
        """Those that begin in ``since_ns <= open < until_ns``."""
        return self._bars(
            symbol,
            interval_s,
            "open_s >= ? AND open_s < ? ORDER BY open_s",
            (-(-since_ns // NS), -(-until_ns // NS)),
        )

    def last(self, symbol: str, interval_s: int, count: int, before_ns: int = _END_S * NS) -> Bars:
        """The newest ``count`` that begin before ``before_ns``."""
        found = self._bars(
            symbol,
            interval_s,
            "open_s < ? ORDER BY open_s DESC LIMIT ?",
            (-(-before_ns // NS), count),
        )
        return found.part(slice(None, None, -1))

    def actions(self, symbol: str) -> list[StoredAction]:
        """Splits and dividends, oldest first."""
        rows = self._rows(
            "SELECT ex_s, kind, value, name, split_adjusted, told_s FROM actions "
            "JOIN sources ON sources.id = source WHERE symbol = ? ORDER BY ex_s, kind",
            symbol,
        )
        return [
            StoredAction(ex_s * NS, kind, value, name, bool(adjusted), told_s * NS)
            for ex_s, kind, value, name, adjusted, told_s in rows
        ]

    def missing(self, symbol: str, interval_s: int, since_ns: int, until_ns: int) -> list[tuple[int, int]]:
        """Where bars beginning in ``since_ns <= open < until_ns`` may still be had, oldest first: no bar is
        stored there that rests on all its trades, and nobody was asked for one. Each (from, to)."""
        series = self._series(symbol, interval_s)
        since_s, until_s = since_ns // NS, until_ns // NS
        if series is None:
            return [(since_ns, until_ns)] if since_ns < until_ns else []
        held = "series = ? AND open_s >= ? AND open_s < ? AND provenance > ?"
        values = series, since_s, until_s, int(Provenance.PARTIAL)
        ((first, last),) = self._rows(f"SELECT MIN(open_s), MAX(open_s) FROM bars WHERE {held}", *values)  # noqa: S608
        if first is None:
            gaps = [(since_s, until_s)] if since_s < until_s else []
        else:
            # Days may be an hour shorter or longer than others.
            wide = self._rows(
                "SELECT before, open_s FROM (SELECT open_s, LAG(open_s) OVER (ORDER BY open_s) AS before "  # noqa: S608
                f"FROM bars WHERE {held}) WHERE 2 * (open_s - before) > {3 * interval_s} ORDER BY open_s",
                *values,
            )
            edges = [(since_s - interval_s, first), *wide, (last, until_s)]
            gaps = [(start + interval_s, end) for start, end in edges if 2 * (end - start) > 3 * interval_s]
        spans = self._rows(
            "SELECT from_s, to_s FROM spans WHERE series = ? AND to_s > ? AND from_s < ? ORDER BY from_s",
            *(series, since_s, until_s),
        )
        return [
            (start_s * NS, end_s * NS)
            for start, end in gaps
            for start_s, end_s in _without(start, end, spans)
        ]

    def summaries(self, closed: Callable[[str], Closed | None] = lambda symbol: None) -> list[Summary]:
        """Of all series with bars, by symbol. ``closed``: on which days a symbol's market is closed; of one
        that never closes None, and every missing bar counts."""
        return [self._summary(symbol, interval_s, closed(symbol)) for symbol, interval_s in self.series()]

    # --- inside ---

    def _summary(self, symbol: str, interval_s: int, closed: Closed | None) -> Summary:
        series = self._series(symbol, interval_s)
        ((first_s, last_s, bars, filled),) = self._rows(
            "SELECT MIN(open_s), MAX(open_s), COUNT(*), SUM(provenance = 0) FROM bars WHERE series = ?",
            series,
        )
        sources = self._rows(
            "SELECT name FROM sources WHERE id IN (SELECT DISTINCT source FROM bars WHERE series = ?) "
            "ORDER BY name",
            series,
        )
        holes = self.missing(symbol, interval_s, first_s * NS, (last_s + 1) * NS)
        missing = sum(-(-(end - start) // (interval_s * NS)) for start, end in holes)
        if closed is not None:
            opens = self._rows("SELECT open_s FROM bars WHERE series = ? ORDER BY open_s", series)
            opens_s = np.fromiter((one for (one,) in opens), np.int64, len(opens))
            counted = open_holes(opens_s, interval_s, holes, closed)
            holes, missing = [hole for hole, _ in counted], sum(count for _, count in counted)
        return Summary(
            *(symbol, interval_s, first_s * NS, last_s * NS, bars, filled or 0, len(holes), missing),
            tuple(name for (name,) in sources),
        )

    def _bars(self, symbol: str, interval_s: int, where: str, values: Iterable[Any]) -> Bars:
        series = self._series(symbol, interval_s)
        rows = [] if series is None else self._rows(f"{_SELECT} AND {where}", series, *values)
        known = self._rows("SELECT id, name, split_adjusted FROM sources ORDER BY id")
        columns = list(zip(*rows, strict=True)) if rows else [()] * 11
        place = {number: index for index, (number, _, _) in enumerate(known)}
        return Bars(
            symbol,
            interval_s,
            np.array(columns[0], np.int64) * NS,
            # None becomes NaN.
            np.array(columns[1:7], np.float64).T.copy().reshape(-1, 6),
            np.array(columns[7], np.int64),
            np.array(columns[9], np.int8),
            np.array(columns[10], np.int64) * NS,
            np.array([place[number] for number in columns[8]], np.int64),
            tuple(name for _, name, _ in known),
            tuple(bool(adjusted) for _, _, adjusted in known),
        )

    def _series(self, symbol: str, interval_s: int) -> int | None:
        rows = self._rows("SELECT id FROM series WHERE symbol = ? AND interval_s = ?", symbol, interval_s)
        return int(rows[0][0]) if rows else None

    def _rows(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(text, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"cannot read {self._path}: {error}") from error


_SELECT = (
    "SELECT open_s, open, high, low, close, volume, vwap, IFNULL(trades, -1), source, provenance, told_s "
    "FROM bars WHERE series = ?"
)


def _without(start: int, end: int, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """``start..end`` without ``spans``, which are apart and rising."""
    left = []
    for from_s, to_s in spans:
        if to_s <= start or from_s >= end:
            continue
        if from_s > start:
            left.append((start, from_s))
        start = max(start, to_s)
    if start < end:
        left.append((start, end))
    return left
