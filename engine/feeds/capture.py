"""The rows of a capture: a JSON line per frame, with ``t`` receive time in ns, ``ch``, ``url``, ``raw`` the
exact frame. Read to events by the venue's decoder, or to packed ticks by its scanner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import Malformed, MarketEvent
from engine.feeds.base import BOOK_LEVELS
from engine.feeds.contract import Contract
from engine.feeds.decoder import VenueDecoder
from engine.feeds.registry import VENUES, ids_rise
from engine.feeds.side_by_side import Places
from engine.feeds.timestamps import MAX_NS
from engine.feeds.venue import Scanner
from engine.text import clean

Ticks = npt.NDArray[np.void]

_MOST_AT_ONCE = 1024
"""Rows left to the decoder at once grow up to here while a scanner knows none: it costs little to try."""


class Row(msgspec.Struct, gc=False):
    """A line of a capture."""

    ch: str
    t: Annotated[int, msgspec.Meta(ge=0, le=MAX_NS)] | None = None
    raw: str | None = None
    url: str = ""
    conn: int = 0
    """Of a recorder: tells connections apart that were open side by side."""


class _BadLine(Row, gc=False):
    """A line that is no row; ``raw`` is an excerpt."""


_row = msgspec.json.Decoder(Row)


@dataclass
class Tally:
    """What reading a tape has met so far."""

    lines: int = 0
    undecodable: int = 0
    """Lines and frames that gave a Malformed event."""
    natives: set[str] = field(default_factory=set)
    """Symbols of a capture, as its venue spells them."""
    truncated: bool = False
    """The file ended before its end: cut off by a crash, or damaged."""


def excerpt(line: bytes) -> str:
    """What a Malformed event tells of a line."""
    return clean(line[:480].strip().decode("utf-8", "replace"), 120)


def read_row(line: bytes) -> Row | None:
    """None when the line is no row."""
    try:
        return _row.decode(line)
    except (msgspec.MsgspecError, UnicodeError):
        return None


class Capture:
    """One pass over the rows of a capture of ``venue``; ``first_ns`` stands in until a row tells its time."""

    def __init__(
        self,
        venue: str,
        first_ns: int,
        tally: Tally,
        *,
        book_levels: int = BOOK_LEVELS,
        side_by_side: bool = False,
        contracts: Mapping[str, Contract] = MappingProxyType({}),
    ) -> None:
        """``book_levels`` a side of each book are published, 0: books are passed over, which is faster.
        ``side_by_side``: its rows tell connections apart, which may overlap. ``contracts``: what they are,
        by native symbol; sizes of others stay as the venue counts."""
        self._venue = venue
        self._entry = VENUES[venue]
        self._book_levels = book_levels
        self._tally = tally
        self._last_ns = first_ns
        self._side_by_side = side_by_side
        self._contracts = contracts

    def batches(self, chunks: Iterable[bytes], size: int) -> Iterator[list[MarketEvent]]:
        """Lists of about ``size`` events."""
        if self._side_by_side:
            yield from self._connections(chunks, size)
            return
        decoder = self._decoder()
        batch: list[MarketEvent] = []
        for chunk in chunks:
            for row in self._rows(chunk):
                self._decode(decoder, row, batch)
                if len(batch) >= size:
                    yield batch
                    batch = []
            self._count(decoder)
        if batch:
            yield batch

    def _connections(self, chunks: Iterable[bytes], size: int) -> Iterator[list[MarketEvent]]:
        connections = Places(self._decoder, ids_rise=ids_rise(self._venue))
        batch: list[MarketEvent] = []
        for chunk in chunks:
            for row in self._rows(chunk):
                self._last_ns = row.t or self._last_ns
                native = self._native(row)
                if row.ch == "ws" and row.raw is not None:
                    connections.frame(row.conn, row.raw, self._last_ns, batch)
                elif row.ch == "open":
                    connections.opened(row.conn, row.url, self._last_ns, batch)
                elif row.ch == "close":
                    connections.ended(row.conn, self._last_ns, batch)
                elif native and row.raw is not None:
                    connections.snapshot(native, row.raw.encode(), self._last_ns, batch)
                elif isinstance(row, _BadLine):
                    self._bad_line(row, batch)
                if len(batch) >= size:
                    yield batch
                    batch = []
            self._tally.undecodable += connections.take_malformed()
            self._tally.natives |= connections.natives
        if batch:
            yield batch

    def _decoder(self) -> VenueDecoder:
        return self._entry.tape_decoder(self._book_levels, self._contracts)

    def _native(self, row: Row) -> str:
        """Whose book a REST reply is; "" when it is none."""
        if row.ch != "http" or self._entry.book_native is None:
            return ""
        return self._entry.book_native(row.url) or ""

    def _bad_line(self, row: Row, out: list[MarketEvent]) -> None:
        self._tally.undecodable += 1
        out.append(Malformed(self._venue, row.raw or "", "not a line of a tape", self._last_ns))

    def blocks(
        self, chunks: Iterable[bytes], symbols: list[str], size: int
    ) -> Iterator[list[MarketEvent] | Ticks]:
        """Blocks of ticks where the venue has a scanner; else, and where it knows no row for a while, lists.

        A list, too, for what is no tick, and for a symbol's first: ``symbols`` is filled on the way.
        """
        scanner_type = self._entry.scanner
        if scanner_type is None or self._side_by_side:
            yield from self.batches(chunks, size)
            return
        scanner = scanner_type(symbols, self._book_levels)
        for chunk in chunks:
            yield from self._scan(chunk, scanner)
            self._count(scanner.decoder)

    def _scan(self, chunk: bytes, scanner: Scanner) -> Iterator[list[MarketEvent] | Ticks]:
        position, at_once = 0, 1
        while position < len(chunk):
            start, before = position, scanner.rows
            position = scanner.scan(chunk, start)
            if scanner.rows > before:
                self._tally.lines += scanner.rows - before
                self._last_ns = scanner.last_ns
            if scanner.full:
                yield scanner.take()
            elif position < len(chunk):
                at_once = 1 if position > start else min(2 * at_once, _MOST_AT_ONCE)
                first = _end_of_line(chunk, position, 1)
                yield from self._decode_into(scanner, chunk[position:first])
                position = _end_of_line(chunk, first, at_once - 1)
                rest = self._decoded(scanner.decoder, chunk[first:position])
                if rest:
                    if scanner.used:
                        yield scanner.take()
                    yield rest
        if scanner.used:
            yield scanner.take()

    def _decode_into(self, scanner: Scanner, line: bytes) -> Iterator[list[MarketEvent] | Ticks]:
        """The line at which the scanner stopped is decoded; its ticks go behind those in hand."""
        for row in self._rows(line):
            events: list[MarketEvent] = []
            self._decode(scanner.decoder, row, events)
            for event in events:
                if scanner.full:
                    yield scanner.take()
                if not scanner.add(event):
                    if scanner.used:
                        yield scanner.take()
                    yield [event]
            if row.raw is not None and row.ch == "ws":
                scanner.learn(row.raw)

    def _decoded(self, decoder: VenueDecoder, lines: bytes) -> list[MarketEvent]:
        events: list[MarketEvent] = []
        for row in self._rows(lines) if lines else ():
            self._decode(decoder, row, events)
        return events

    def _decode(self, decoder: VenueDecoder, row: Row, out: list[MarketEvent]) -> None:
        if row.ch != "ws" or row.raw is None:
            if isinstance(row, _BadLine):
                self._bad_line(row, out)
            elif row.raw is not None and (native := self._native(row)):
                self._last_ns = row.t or self._last_ns
                decoder.book_snapshot(native, row.raw.encode(), self._last_ns, out)
        elif row.t is None:
            self._last_ns = _undated(decoder, row.raw, self._last_ns, out)
        else:
            self._last_ns = row.t
            decoder.decode(row.raw, row.t, out)

    def _count(self, decoder: VenueDecoder) -> None:
        self._tally.undecodable += decoder.malformed
        decoder.malformed = 0
        self._tally.natives |= decoder.natives

    def _rows(self, chunk: bytes) -> Sequence[Row]:
        """The rows of a chunk at once; line by line where one of them is bad."""
        rows: Sequence[Row]
        try:
            rows = _row.decode_lines(chunk)
        except (msgspec.MsgspecError, UnicodeError):
            rows = ()
        if len(rows) != chunk.count(b"\n") + (not chunk.endswith(b"\n")):
            rows = list(self._one_by_one(chunk))
        self._tally.lines += len(rows)
        return rows

    def _one_by_one(self, chunk: bytes) -> Iterator[Row]:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if line.strip():
                yield read_row(line) or _BadLine("", raw=excerpt(line))
        if rest.strip():
            row = read_row(rest)
            if row is not None:
                yield row
            else:
                self._tally.truncated = True  # the writer was cut off in its last line


def _undated(decoder: VenueDecoder, raw: str, last_ns: int, out: list[MarketEvent]) -> int:
    """Decode a frame without a receive time: its events' own time stands in, else the previous frame's."""
    events: list[MarketEvent] = []
    decoder.decode(raw, last_ns, events)
    for event in events:
        event_ns = getattr(event, "event_ns", last_ns)
        if event_ns > last_ns:
            last_ns = event_ns
        out.append(msgspec.structs.replace(event, recv_ns=last_ns))
    return last_ns


def _end_of_line(chunk: bytes, start: int, count: int) -> int:
    """Where the ``count``-th line from ``start`` ends, or the chunk."""
    for _ in range(count):
        start = chunk.find(b"\n", start) + 1
        if not start:
            return len(chunk)
    return start
