"""What is on a tape."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.events import BookStatus, Gap, Malformed
from engine.feeds.checking.sequence import Ids
from engine.feeds.packing import Ticks
from engine.feeds.registry import ids_rise
from engine.feeds.tape_ticks import TapeTicks
from engine.instruments import venue_of
from engine.ticks import TRADE


class SymbolInfo(msgspec.Struct):
    """One symbol of a tape."""

    symbol: str
    trades: int = 0
    quotes: int = 0
    gaps: int | None = None
    """Holes in its trade ids; None where its venue's ids do not tell."""
    missing: int | None = None
    """Trades that these cost."""


class TapeInfo(msgspec.Struct):
    """One file."""

    file: str
    kind: str
    """capture (frames), ticks (the desk's own) or lines (normalised)."""
    venue: str
    from_ns: int
    """Receipt of the first tick; 0: there is none."""
    to_ns: int
    trades: int
    quotes: int
    gaps: int
    """Told by the feed, and holes in trade ids that it did not tell of."""
    books_wrong: int
    """How often a book was told to be wrong."""
    undecodable: int
    """Lines of it that cannot be read, and frames that could not be."""
    truncated: bool
    """Cut off by a crash, or damaged; what came before can be used."""
    bytes: int
    bytes_per_tick: float
    symbols: list[SymbolInfo]


def tape_info(path: Path, venue: str | None = None) -> TapeInfo:
    """Read a tape to its end. Raises TapeError."""
    ticks = TapeTicks(path, venue)
    rows: dict[int, SymbolInfo] = {}
    ids: dict[int, Ids] = {}
    first_ns = last_ns = gaps = books_wrong = malformed = 0
    for block, news in ticks.blocks():
        gaps += sum(isinstance(event, Gap) for _, event in news)
        malformed += sum(isinstance(event, Malformed) for _, event in news)
        books_wrong += sum(isinstance(event, BookStatus) and not event.live for _, event in news)
        if not len(block):
            continue
        first_ns = first_ns or int(block["recv_ns"].min())
        last_ns = max(last_ns, int(block["recv_ns"].max()))
        _count(block, ticks.symbols, rows, ids)
    for index, row in rows.items():
        if index in ids:
            row.gaps, row.missing = ids[index].gaps, ids[index].missing
    trades, quotes = (sum(getattr(row, name) for row in rows.values()) for name in ("trades", "quotes"))
    size = path.stat().st_size
    return TapeInfo(
        file=str(path),
        kind=ticks.kind,
        venue=ticks.venue,
        from_ns=first_ns,
        to_ns=last_ns,
        trades=trades,
        quotes=quotes,
        gaps=max(gaps, sum(row.gaps or 0 for row in rows.values())),
        books_wrong=books_wrong,
        undecodable=max(malformed, ticks.tape.undecodable),
        truncated=ticks.tape.truncated,
        bytes=size,
        bytes_per_tick=round(size / (trades + quotes), 2) if trades + quotes else 0.0,
        symbols=sorted(rows.values(), key=lambda row: row.symbol),
    )


def _count(block: Ticks, symbols: list[str], rows: dict[int, SymbolInfo], ids: dict[int, Ids]) -> None:
    for index in np.unique(block["symbol"]).tolist():
        mine = block[block["symbol"] == index]
        traded = mine[mine["kind"] == TRADE]
        row = rows.setdefault(index, SymbolInfo(symbols[index]))
        row.trades += len(traded)
        row.quotes += len(mine) - len(traded)
        if len(traded) and ids_rise(venue_of(symbols[index])):  # else a hole in them is no loss
            known = ids.setdefault(index, Ids())
            for start, end in _runs(traded["trade_id"]):
                known.add_run(start, end)


def _runs(trade_ids: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The ids in order, as runs without a hole."""
    found = np.unique(trade_ids[trade_ids >= 0])
    if not len(found):
        return []
    breaks = np.flatnonzero(np.diff(found) != 1)
    starts, ends = found[np.r_[0, breaks + 1]], found[np.r_[breaks, len(found) - 1]]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
