"""Tapes: recorded market data read back through the venue's own decoder.

Three kinds of file, plain or gzip: captures (a JSON line per frame: ``t`` receive time in ns, ``ch``,
``url``, ``raw`` the exact frame), normalised ticks (a JSON line per tick) and the desk's own columnar
tapes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np

from engine.errors import TapeError
from engine.events import GridChange, MarketEvent, Quote, Trade
from engine.feeds.base import InstrumentSpec
from engine.feeds.capture import Ticks
from engine.feeds.columnar import MAGIC, ColumnarReader
from engine.feeds.contract import Contract
from engine.feeds.news import Placed
from engine.feeds.read_ahead import read_ahead
from engine.feeds.registry import VENUES
from engine.feeds.text_tape import TextTape
from engine.instruments import Terms
from engine.text import clean
from engine.ticks import BACKFILLED, TRADE

_BATCH = 512


class Tape:
    """One or several files as one stream of market events.

    Several captures or normalised tapes are merged in order of ``recv_ns``; several columnar tapes are
    played one after another, in order of their first tick, under one table of symbols. The two sorts do not
    mix. Raises TapeError, one line, for a file that is missing or no tape. ``lines``, ``undecodable`` and
    ``truncated`` tell of what ``batches`` has read so far.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        venue: str | None = None,
        book_levels: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """``book_levels`` by venue: so many a side of each book of a capture are published, 0: its books are
        passed over, which is several times as fast."""
        if not paths:
            raise TapeError("no tape given: name at least one file")
        if venue is not None and venue not in VENUES:
            raise TapeError(f"no decoder for {clean(venue, 40)}: the desk knows {', '.join(sorted(VENUES))}")
        columnar = [path for path in paths if _is_columnar(path)]
        if columnar and len(columnar) != len(paths):
            raise TapeError("columnar tapes and captures cannot be played together: replay them one by one")
        self.paths = tuple(paths)
        self.named = venue
        """The venue that was given; None: found out, file by file."""
        self._readers = _in_order([ColumnarReader(path) for path in columnar])
        self._files = [] if columnar else [TextTape(path, venue, book_levels) for path in paths]
        _share_contracts(self._files)
        names = {file.venue for file in self._files} or {"tape"}
        self.venue: str = "+".join(sorted(names))
        """The venue decoded; "tape" for normalised and columnar ones; "a+b" when captures of several are
        merged."""
        specs = {spec.symbol: spec for file in self._files for spec in file.specs}
        for spec in chain.from_iterable(reader.specs for reader in self._readers):
            specs.setdefault(spec.symbol, spec)
        self.specs: list[InstrumentSpec] = list(specs.values())
        """What instrument replies at the head of the captures tell, or the first columnar tape that tells of
        a symbol: another grid in a later one comes at its place."""
        self.symbols: list[str] = list(dict.fromkeys(chain.from_iterable(r.symbols for r in self._readers)))
        """The table of symbols; the ``symbol`` of a packed tick is an index into it."""

    @property
    def columnar(self) -> bool:
        """Whether ``batches`` yields arrays of ticks, and lists only of what was told between them."""
        return bool(self._readers)

    @property
    def lines(self) -> int:
        return sum(file.tally.lines for file in self._files)

    @property
    def undecodable(self) -> int:
        """Lines and frames that gave a Malformed event."""
        return sum(file.tally.undecodable for file in self._files)

    @property
    def truncated(self) -> bool:
        """Whether a file ended before its end: cut off by a crash, or damaged. What came before is good."""
        return any(file.tally.truncated for file in self._files) or any(
            one.truncated for one in self._readers
        )

    def batches(self, size: int = _BATCH) -> Iterator[list[MarketEvent] | Ticks]:
        """Lists of about ``size`` events; of columnar tapes the blocks of ticks as they were stored, and
        lists of what was told between them.

        Each call plays the tape from its start.
        """
        if self._readers:
            return self._blocks()
        if len(self._files) == 1:
            return self._files[0].batches(size)
        return self._merged(size)

    def blocks(self) -> Iterator[list[MarketEvent] | Ticks]:
        """What ``batches`` gives, in the same order, but packed as far as can be, which is faster.

        ``symbols`` grows on the way: the first event of a symbol comes in a list, then ticks count in it.
        """
        if self._readers:
            return self._blocks()
        if len(self._files) == 1:
            self.symbols.clear()
            return self._files[0].blocks(self.symbols, _BATCH)
        return self._merged(_BATCH)

    def _blocks(self) -> Iterator[list[MarketEvent] | Ticks]:
        index = {symbol: number for number, symbol in enumerate(self.symbols)}
        grids = _Grids(self.specs)
        for reader in self._readers:
            table = np.array([index[symbol] for symbol in reader.symbols], np.int32)
            same = bool((table == np.arange(len(table))).all())
            with closing(read_ahead(reader.stream())) as blocks:
                others = reader is not self._readers[0]
                for block in blocks:
                    if isinstance(block, list):
                        grids.note(block)
                    else:
                        if others and len(block) and (changes := grids.changes(reader.specs, block)):
                            yield changes
                        others = False
                        if not same:
                            block["symbol"] = table[block["symbol"]]
                    yield block

    def _merged(self, size: int) -> Iterator[list[MarketEvent]]:
        streams = [chain.from_iterable(file.batches(size)) for file in self._files]
        batch: list[MarketEvent] = []
        for event in heapq.merge(*streams, key=lambda event: event.recv_ns):
            batch.append(event)
            if len(batch) >= size:
                yield batch
                batch = []
        if batch:
            yield batch


class _Grids:
    """Those in force while tapes are played one after another."""

    def __init__(self, specs: Sequence[InstrumentSpec]) -> None:
        self._known = {spec.symbol: _terms(spec) for spec in specs}

    def note(self, events: Sequence[MarketEvent]) -> None:
        self._known |= {one.symbol: _terms(one) for one in events if isinstance(one, GridChange)}

    def changes(self, specs: Sequence[InstrumentSpec], ticks: Ticks) -> list[MarketEvent]:
        """What a tape that begins with ``ticks`` tells else."""
        at_ns = int(ticks["recv_ns"][0])
        found: list[MarketEvent] = [
            GridChange(spec.symbol, *_terms(spec), at_ns)
            for spec in specs
            if self._known.get(spec.symbol) != _terms(spec)
        ]
        self.note(found)
        return found


def _terms(told: Terms) -> tuple[Decimal, Decimal, Decimal, Decimal, str]:
    return told.tick_size, told.lot_size, told.min_notional, told.max_quantity, told.quote_currency


def _share_contracts(files: Sequence[TextTape]) -> None:
    """What one capture of a venue tells of its contracts is true of the others: only a session's first may
    tell any."""
    told: dict[str, dict[str, Contract]] = {}
    for file in files:
        told[file.venue] = told.get(file.venue, {}) | file.contracts
    for file in files:
        file.contracts = told[file.venue] | file.contracts


def _is_columnar(path: Path) -> bool:
    try:
        if path.is_fifo():  # what was looked at would be missing when it is played
            raise TapeError(f"{path} is a pipe, and a tape is read more than once: write it to a file first")
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise TapeError(f"cannot read the tape {path}: {clean(error.strerror or error)}") from None


def _in_order(readers: list[ColumnarReader]) -> list[ColumnarReader]:
    def first_ns(reader: ColumnarReader) -> int:
        return next((int(block["recv_ns"][0]) for block in reader.blocks()), 0)

    return sorted(readers, key=first_ns) if len(readers) > 1 else readers


def events_of(ticks: Ticks, symbols: Sequence[str], news: Sequence[Placed] = ()) -> list[MarketEvent]:
    """The events that packed ticks stand for, and what was told between them; ``symbols[i]`` names the symbol
    with index ``i``."""
    events = _ticks_of(ticks, symbols)
    for at, event in reversed(news):
        events.insert(at, event)
    return events


def _ticks_of(ticks: Ticks, symbols: Sequence[str]) -> list[MarketEvent]:
    events: list[MarketEvent] = []
    for recv, event, trade_id, symbol, kind, _, aggressor, flags, a, b, c, d in ticks.tolist():
        name = symbols[symbol]
        if kind == TRADE:
            events.append(Trade(name, trade_id, a, b, aggressor, event, recv, bool(flags & BACKFILLED)))
        else:
            events.append(Quote(name, a, c, b, d, event, recv))
    return events
