"""Rows of the database of bars: what a transaction writes into it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from typing import Any

from engine.events import NS
from engine.store.bar import FILE_SOURCE, Bar, Span, StoredAction

_DAY_S = 86_400
_FILES = f"SELECT id FROM sources WHERE name GLOB '{FILE_SOURCE}*'"  # noqa: S608
_LOADED = f"series = ? AND open_s < ? AND source NOT IN ({_FILES})"
"""Bars that can be loaded again."""

_PUT = """
INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (series, open_s) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, vwap = excluded.vwap, trades = excluded.trades,
    source = excluded.source, provenance = excluded.provenance, told_s = excluded.told_s
WHERE excluded.provenance > bars.provenance
   OR (excluded.provenance = bars.provenance AND excluded.told_s >= bars.told_s
       AND (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.vwap,
            excluded.trades, excluded.source)
           IS NOT (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap,
                   bars.trades, bars.source))
"""


class BarRows:
    """Knows the numbers that stand for series and sources in the rows."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, int], int] = {}
        self._sources: dict[str, tuple[int, bool]] = {}
        """(number, whether it is known to adjust for splits)"""
        self._files: dict[tuple[str, bool], int] = {}

    def forget_ids(self) -> None:
        """After a transaction that was taken back: some may not exist."""
        self._series.clear()
        self._sources.clear()
        self._files.clear()

    def put(
        self, connection: sqlite3.Connection, bars: Sequence[Bar], *, split_adjusted: bool = False
    ) -> int:
        """How many were new or changed a stored one. ``split_adjusted``: see ``sources``; False: it is not
        known, as of a bar that came by itself; of a file it is."""
        before = connection.total_changes
        numbered = [(self._series_id(connection, bar.symbol, bar.interval_s), bar) for bar in bars]
        sources = {bar.source: self._source_id(connection, bar.source, split_adjusted) for bar in bars}
        made = connection.total_changes - before
        connection.executemany(_PUT, (_row(series, sources[bar.source], bar) for series, bar in numbered))
        return connection.total_changes - before - made

    def cover(self, connection: sqlite3.Connection, span: Span) -> None:
        """Note a span, as one with those that it meets."""
        series = self._series_id(connection, span.symbol, span.interval_s)
        from_s, to_s = span.from_ns // NS, span.to_ns // NS
        if from_s >= to_s:
            return
        met = "series = ? AND from_s <= ? AND to_s >= ?"
        least, most = connection.execute(
            f"SELECT MIN(from_s), MAX(to_s) FROM spans WHERE {met}",  # noqa: S608
            (series, to_s, from_s),
        ).fetchone()
        if least is not None:
            connection.execute(f"DELETE FROM spans WHERE {met}", (series, to_s, from_s))  # noqa: S608
            from_s, to_s = min(from_s, least), max(to_s, most)
        connection.execute("INSERT INTO spans VALUES (?, ?, ?)", (series, from_s, to_s))

    def put_actions(
        self, connection: sqlite3.Connection, symbol: str, actions: Sequence[StoredAction]
    ) -> None:
        """One of a kind on a day: the one told last stands. Two dividends of one call on a day add up."""
        rows: dict[tuple[int, str], list[Any]] = {}
        for action in actions:
            ex_s = action.ex_ns // NS
            key = ex_s // _DAY_S, action.kind
            source = self._source_id(connection, action.source, action.split_adjusted)
            if key in rows and action.kind == "dividend":
                rows[key][4] += action.value
            else:
                rows[key] = [symbol, *key, ex_s, action.value, source, action.told_ns // NS]
        connection.executemany("INSERT OR REPLACE INTO actions VALUES (?, ?, ?, ?, ?, ?, ?)", rows.values())

    def forget(self, connection: sqlite3.Connection, before_s: int, most: int) -> int:
        """Delete bars that begin before then and are of no file, at most so many, and what is known of spans
        there."""
        deleted = 0
        for (series,) in connection.execute("SELECT id FROM series").fetchall():
            if deleted >= most:
                break
            # The first bar that is kept in this batch: the primary key finds it without a look at the rest.
            row = connection.execute(
                f"SELECT open_s FROM bars WHERE {_LOADED} ORDER BY open_s LIMIT 1 OFFSET ?",  # noqa: S608
                (series, before_s, most - deleted),
            ).fetchone()
            until = row[0] if row else before_s
            deleted += connection.execute(
                f"DELETE FROM bars WHERE {_LOADED}",  # noqa: S608
                (series, until),
            ).rowcount
            connection.execute("DELETE FROM spans WHERE series = ? AND to_s <= ?", (series, before_s))
            # What is deleted may be wanted, and asked for, again.
            connection.execute(
                "UPDATE spans SET from_s = ? WHERE series = ? AND from_s < ?", (before_s, series, before_s)
            )
        return deleted

    def _series_id(self, connection: sqlite3.Connection, symbol: str, interval_s: int) -> int:
        key = symbol, interval_s
        found = self._series.get(key)
        if found is None:
            connection.execute("INSERT OR IGNORE INTO series (symbol, interval_s) VALUES (?, ?)", key)
            (found,) = connection.execute(
                "SELECT id FROM series WHERE symbol = ? AND interval_s = ?", key
            ).fetchone()
            self._series[key] = found
        return found

    def _source_id(self, connection: sqlite3.Connection, name: str, split_adjusted: bool) -> int:
        if name.startswith(FILE_SOURCE):
            return self._file_id(connection, name, split_adjusted)
        number, known = self._sources.get(name, (0, False))
        if number and (known or not split_adjusted):
            return number
        connection.execute(
            "INSERT INTO sources (name, split_adjusted) VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
            "SET split_adjusted = MAX(split_adjusted, excluded.split_adjusted)",
            (name, split_adjusted),
        )
        row = connection.execute("SELECT id, split_adjusted FROM sources WHERE name = ?", (name,)).fetchone()
        found = self._sources[name] = int(row[0]), bool(row[1])
        return found[0]

    def _file_id(self, connection: sqlite3.Connection, name: str, split_adjusted: bool) -> int:
        """Files of other folders, or symbols, have the same name: the prices of one say nothing of those of
        another. The first kind has the name alone."""
        found = self._files.get((name, split_adjusted))
        kind = "split-adjusted" if split_adjusted else "as traded"
        for told in (name, f"{name} ({kind})") if found is None else ():
            connection.execute(
                "INSERT OR IGNORE INTO sources (name, split_adjusted) VALUES (?, ?)", (told, split_adjusted)
            )
            number, known = connection.execute(
                "SELECT id, split_adjusted FROM sources WHERE name = ?", (told,)
            ).fetchone()
            if bool(known) is split_adjusted:
                found = self._files[name, split_adjusted] = int(number)
                break
        assert found is not None
        return found


def _row(series: int, source: int, bar: Bar) -> tuple[Any, ...]:
    return (
        series,
        bar.open_ns // NS,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        None if math.isnan(bar.volume) else bar.volume,
        None if math.isnan(bar.vwap) else bar.vwap,
        bar.trades if bar.trades >= 0 else None,
        source,
        int(bar.provenance),
        bar.told_ns // NS,
    )
