"""Stored bars that a person no longer wants: which, and their removal."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from engine.events import NS


class Removal(msgspec.Struct, frozen=True):
    """Bars of one series to be removed."""

    symbol: str
    interval_s: int
    bars: int
    first_ns: int
    last_ns: int
    """When the last of them begins."""


def removals(
    connection: sqlite3.Connection, symbols: Sequence[str], interval_s: int, since_ns: int, until_ns: int
) -> list[Removal]:
    """What there is of ``symbols`` in ``since_ns <= open < until_ns``; of ``interval_s`` alone, or with 0 of
    any length."""
    found = []
    for symbol in symbols:
        rows = connection.execute(
            "SELECT interval_s, COUNT(*), MIN(open_s), MAX(open_s) "
            "FROM bars JOIN series ON series.id = series "
            "WHERE symbol = ? AND ? IN (0, interval_s) AND open_s >= ? AND open_s < ? "
            "GROUP BY interval_s ORDER BY interval_s",
            (symbol, interval_s, *_seconds(since_ns, until_ns)),
        )
        found += [
            Removal(symbol, length, count, first_s * NS, last_s * NS)
            for length, count, first_s, last_s in rows
        ]
    return found


def remove(connection: sqlite3.Connection, chosen: Sequence[Removal], since_ns: int, until_ns: int) -> int:
    """Delete them, and that they were asked for: they may be loaded again. Splits and dividends go with a
    symbol's last bar. Returns how many bars went."""
    since_s, until_s = _seconds(since_ns, until_ns)
    gone = 0
    for one in chosen:
        (series,) = connection.execute(
            "SELECT id FROM series WHERE symbol = ? AND interval_s = ?", (one.symbol, one.interval_s)
        ).fetchone()
        gone += connection.execute(
            "DELETE FROM bars WHERE series = ? AND open_s >= ? AND open_s < ?", (series, since_s, until_s)
        ).rowcount
        _unask(connection, series, since_s, until_s)
    for symbol in {one.symbol for one in chosen}:
        connection.execute(
            "DELETE FROM actions WHERE symbol = ?1 AND NOT EXISTS "
            "(SELECT 1 FROM bars JOIN series ON series.id = series WHERE symbol = ?1)",
            (symbol,),
        )
    return gone


def _unask(connection: sqlite3.Connection, series: int, since_s: int, until_s: int) -> None:
    met = (series, since_s, until_s)
    spans = connection.execute(
        "SELECT from_s, to_s FROM spans WHERE series = ? AND to_s > ? AND from_s < ?", met
    ).fetchall()
    connection.execute("DELETE FROM spans WHERE series = ? AND to_s > ? AND from_s < ?", met)
    left = [
        part
        for from_s, to_s in spans
        for part in ((series, from_s, since_s), (series, until_s, to_s))
        if part[1] < part[2]
    ]
    connection.executemany("INSERT INTO spans VALUES (?, ?, ?)", left)


def _seconds(since_ns: int, until_ns: int) -> tuple[int, int]:
    return -(-since_ns // NS), -(-until_ns // NS)
