"""What a parity report's backtest runs over, and where its data, or the desk, has holes."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.config import Config
from engine.errors import ConfigError, TapeError
from engine.events import NS, Family, Quote, Trade
from engine.feeds.tape_span import tape_span
from engine.quant.external import PREFIX
from engine.research.parity import TRAIL_BARS, Heard, Hole
from engine.research.plan import Plan
from engine.store.bars import BARS_DATABASE
from engine.store.pages import Wanted
from engine.store.read import Reader
from engine.wiring.backtest_data import Prepared
from engine.wiring.backtest_stored import stored_of

LEAST_HOLE_NS = 5 * NS
_TIMES = 20
"""As many usual distances between ticks are a hole."""
_CONTEXT = (Family.OPEN_INTEREST, Family.OPTIONS, Family.SENTIMENT)
"""Families that rest on no tick."""
_LONGEST_NS = 86_400 * NS
"""No signal is believed to count for longer."""
_DOWN_NS = 180 * NS
"""The desk writes its equity down every minute: so long without, it did not run."""


def plan(
    config: Config,
    state_dir: Path,
    since_ns: int,
    until_ns: int,
    *,
    tapes: Sequence[Path],
    symbols: Sequence[str],
    warm_ns: int,
) -> Plan:
    """Over ``tapes``, or those that the engine recorded in that time (``[record] ticks``), from ``warm_ns``
    before it on; else over stored bars of those of ``symbols`` that have any. Raises ConfigError: there is
    neither."""
    chosen = list(tapes) or _recorded(config, state_dir, since_ns - warm_ns, until_ns)
    if chosen:
        paths = tuple(str(path) for path in chosen)
        return Plan(tapes=paths, since_ns=since_ns - warm_ns, until_ns=until_ns)
    known = stored_of(config, state_dir) if (state_dir / BARS_DATABASE).is_file() else set()
    stored = tuple(symbol for symbol in symbols if symbol in known)
    if not stored:
        lacks = "there are no stored bars either" if symbols else "the desk did not trade then"
        raise ConfigError(
            f"there is no tape of that time, and {lacks}: have the engine record (record.ticks=true), or "
            "name tapes with --tapes"
        )
    return Plan(symbols=stored, since_ns=since_ns, until_ns=until_ns, warm_bars=TRAIL_BARS)


def _recorded(config: Config, state_dir: Path, since_ns: int, until_ns: int) -> list[Path]:
    folder = Path(config.record.dir).expanduser() if config.record.dir else state_dir / "tapes"
    found = []
    for path in sorted(folder.glob("ticks-*.tape")):
        try:
            span = tape_span(path)
        except TapeError:
            continue  # begun, and nothing on it yet
        if span.from_ns < until_ns and since_ns <= span.to_ns:
            found.append((span.from_ns, path))
    return [path for _, path in sorted(found)]


def holes_of(prepared: Prepared, until_ns: int) -> list[Hole]:
    """Times within the tapes in which a symbol has no ticks, much longer than usual. Of bars: none."""
    if prepared.tapes is None:
        return []
    times: dict[str, list[np.ndarray]] = {}
    for block, symbols in prepared.tapes.stream():
        if isinstance(block, list):
            for event in block:
                if isinstance(event, Trade | Quote):
                    times.setdefault(event.symbol, []).append(np.array([event.recv_ns]))
            continue
        for index in np.unique(block["symbol"]).tolist():
            mine = block["recv_ns"][block["symbol"] == index]
            times.setdefault(symbols[index], []).append(mine.copy())
    found = []
    for symbol, parts in times.items():
        ns = np.concatenate(parts)
        steps = np.diff(ns)
        if not len(steps):
            continue
        least = max(LEAST_HOLE_NS, _TIMES * int(np.median(steps)))
        for at in np.flatnonzero(steps > least).tolist():
            told = f"the tape has no ticks of {symbol} for {steps[at] / NS:.4g} s"
            found.append(Hole(symbol, int(ns[at]), int(ns[at + 1]), told))
        if until_ns - int(ns[-1]) > least:
            told = f"the tape's ticks of {symbol} end before the time does"
            found.append(Hole(symbol, int(ns[-1]), until_ns, told))
    return found


def absences(reader: Reader, since_ns: int, until_ns: int) -> list[Hole]:
    """When the desk did not run, as far as its equity tells. Where it never wrote any down: not known."""
    points = [point.ns for point in reader.equity_points(since_ns, until_ns)]
    if not points:
        return []
    ends = [since_ns, *points, until_ns]
    return [
        Hole("", before, after, f"the desk wrote nothing down for {(after - before) / NS:,.0f} s", True)
        for before, after in itertools.pairwise(ends)
        if after - before > _DOWN_NS
    ]


def heard(reader: Reader, since_ns: int, until_ns: int) -> list[Heard]:
    """When which signals of context and of quant servers counted on the desk."""
    spans: dict[tuple[str, str], list[list[int]]] = {}
    wanted = Wanted(0, 0, since_ns - _LONGEST_NS, until_ns, {})
    for symbol, source, ns, ttl_ns in reader.part(_context, wanted):
        own = spans.setdefault((symbol, source), [])
        end_ns = ns + min(ttl_ns, _LONGEST_NS)
        if own and ns <= own[-1][1]:
            own[-1][1] = max(own[-1][1], end_ns)
        else:
            own.append([ns, end_ns])
    return [
        Heard(symbol, source, begin_ns, end_ns)
        for (symbol, source), own in spans.items()
        for begin_ns, end_ns in own
        if end_ns > since_ns
    ]


def _context(connection: sqlite3.Connection, wanted: Wanted) -> list[tuple[str, str, int, int]]:
    marks = ",".join("?" * len(_CONTEXT))
    query = (
        "SELECT symbol, source, ns, ttl_ns FROM signals WHERE ns >= ? AND ns < ?"  # noqa: S608 - marks alone
        f" AND (family IN ({marks}) OR source LIKE ?) ORDER BY ns"
    )
    values = (wanted.since_ns, wanted.until_ns, *(one.value for one in _CONTEXT), f"{PREFIX}%")
    return connection.execute(query, values).fetchall()


def warm_bars(reader: Reader, begins: Mapping[str, int], bar_ns: int) -> dict[str, int]:
    """By symbol: how many bars the desk knew when the backtest's data begins, as its feature rows tell."""
    if not begins:
        return {}
    rows = reader.part(_first_rows, Wanted(0, 0, min(begins.values()), 0, {}))
    return {
        symbol: bars - (ns - begins[symbol]) // max(1, bar_ns) - 1
        for symbol, ns, bars in rows
        if symbol in begins
    }


def begun_anew(reader: Reader, since_ns: int, until_ns: int, bar_ns: int) -> dict[str, tuple[int, ...]]:
    """By symbol: when the desk began to count its bars anew, as its feature rows tell."""
    found: dict[str, list[int]] = {}
    for symbol, ns, bars in reader.part(_fewer, Wanted(0, 0, since_ns, until_ns, {})):
        found.setdefault(symbol, []).append(ns - bars * bar_ns)
    return {symbol: tuple(times) for symbol, times in found.items()}


def _fewer(connection: sqlite3.Connection, wanted: Wanted) -> list[tuple[str, int, int]]:
    """(symbol, time, closed bars so far) of each feature row that tells fewer than the one before."""
    query = (
        "SELECT symbol, ns, bars FROM (SELECT symbol, ns, bars, LAG(bars) OVER each AS before FROM features "
        "WHERE ns >= ? AND ns < ? WINDOW each AS (PARTITION BY symbol ORDER BY ns)) "
        "WHERE bars < before ORDER BY ns"
    )
    return connection.execute(query, (wanted.since_ns, wanted.until_ns)).fetchall()


def _first_rows(connection: sqlite3.Connection, wanted: Wanted) -> list[tuple[str, int, int]]:
    """(symbol, time, closed bars so far) of each symbol's first feature row from then on."""
    query = "SELECT symbol, MIN(ns), bars FROM features WHERE ns >= ? GROUP BY symbol"
    return connection.execute(query, (wanted.since_ns,)).fetchall()
