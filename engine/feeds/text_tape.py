"""Tapes of text: captures and normalised ticks, one file each, decoded as the venue's frames are live."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import TapeError
from engine.events import Malformed, MarketEvent
from engine.feeds.base import BOOK_LEVELS, InstrumentSpec
from engine.feeds.capture import Capture, Row, Tally, Ticks, excerpt, read_row
from engine.feeds.contract import Contract
from engine.feeds.lines import LineChunks
from engine.feeds.news import is_sound
from engine.feeds.normalised import NormalisedDecoder, symbol_of
from engine.feeds.registry import VENUES, tells_instruments
from engine.text import clean

log = logging.getLogger("engine.feeds")

_HEAD_LINES = 64
_HEAD_BYTES = 16 << 20
"""Of them, about: a venue's reply of all its instruments is a line of a megabyte."""
_Batch = TypeVar("_Batch")


class TextTape:
    """A capture or a normalised tape in one file."""

    def __init__(self, path: Path, venue: str | None, book_levels: Mapping[str, int]) -> None:
        self._path = path
        self.tally = Tally()
        self.specs: list[InstrumentSpec] = []
        self.contracts: dict[str, Contract] = {}
        """What the instruments replies at its head tell; what other files of the tape do may be added."""
        head = self._head()
        rows = [row for row in map(read_row, head) if row is not None]
        self._capture = bool(rows)
        if rows:
            self.venue = venue or _venue_of(rows, path)
            self._side_by_side = any(row.conn for row in rows)
            self._book_levels = book_levels.get(self.venue, BOOK_LEVELS)
            self._first_ns = next((row.t for row in rows if row.t is not None), 0)
            self._read_instruments(rows)
            self._try(rows)
        elif any(NormalisedDecoder.readable(line) for line in head):
            self.venue = "tape"
        else:
            raise TapeError(f"{path} is not a tape: no line of its beginning is a frame or a tick")

    def _head(self) -> list[bytes]:
        head: list[bytes] = []
        left = _HEAD_BYTES
        try:
            for chunk in LineChunks(self._path):
                head += chunk.split(b"\n", _HEAD_LINES)[:_HEAD_LINES]
                left -= len(chunk)
                if len(head) >= _HEAD_LINES or left <= 0:
                    break
        except OSError as error:
            why = clean(error.strerror or error)
            raise TapeError(f"cannot read the tape {self._path}: {why}") from None
        if not head:
            raise TapeError(f"{self._path} is empty or cut off before its first line: nothing can be read")
        return head[:_HEAD_LINES]

    def _read_instruments(self, rows: list[Row]) -> None:
        """All such replies: a venue may answer kind by kind."""
        entry = VENUES[self.venue]
        specs: dict[str, InstrumentSpec] = {}
        for row in rows:
            if row.raw and tells_instruments(self.venue, row):
                # a reply that cannot be read only costs the grid, which is then assumed
                with suppress(msgspec.MsgspecError, ValueError, ArithmeticError):
                    told = entry.read_instruments(row.raw)
                    specs |= {spec.symbol: spec for spec in told if is_sound(spec)}
                    if entry.read_contracts is not None:
                        self.contracts |= entry.read_contracts(row.raw)
        self.specs = list(specs.values())

    def _try(self, rows: list[Row]) -> None:
        """Refuse a capture none of whose first frames the decoder understands (another protocol version)."""
        decoder = VENUES[self.venue].decoder()
        frames = [row.raw for row in rows if row.ch == "ws" and row.raw is not None]
        for frame in frames:
            decoder.decode(frame, 0, [])
        if frames and decoder.malformed == len(frames):
            raise TapeError(f"{self._path}: the {self.venue} decoder understands none of its first frames")

    def batches(self, size: int) -> Iterator[list[MarketEvent]]:
        return self._read(
            lambda chunks: (
                self._pass().batches(chunks, size) if self._capture else self._normalised(chunks, size)
            )
        )

    def blocks(self, symbols: list[str], size: int) -> Iterator[list[MarketEvent] | Ticks]:
        if not self._capture:
            return self.batches(size)
        return self._read(lambda chunks: self._pass().blocks(chunks, symbols, size))

    def _pass(self) -> Capture:
        return Capture(
            self.venue,
            self._first_ns,
            self.tally,
            book_levels=self._book_levels,
            side_by_side=self._side_by_side,
            contracts=self.contracts,
        )

    def _read(self, decode: Callable[[LineChunks], Iterator[_Batch]]) -> Iterator[_Batch]:
        self.tally.lines = self.tally.undecodable = 0
        chunks = LineChunks(self._path)
        try:
            yield from decode(chunks)
        except OSError as error:
            why = clean(error.strerror or error)
            raise TapeError(f"cannot read the tape {self._path}: {why}") from None
        self.tally.truncated = self.tally.truncated or chunks.truncated
        if self._capture:
            counted = filter(VENUES[self.venue].in_contracts, self.tally.natives - self.contracts.keys())
            if names := ", ".join(sorted(counted)):
                _warn(self._path, names)

    def _normalised(self, chunks: LineChunks, size: int) -> Iterator[list[MarketEvent]]:
        decoder = NormalisedDecoder(symbol_of(self._path))
        batch: list[MarketEvent] = []
        last_ns = 0
        for chunk in chunks:
            for line in chunk.splitlines(keepends=True):
                if line.isspace():
                    continue
                if decoder.decode(line, batch):
                    last_ns = decoder.ns
                elif line.endswith(b"\n"):
                    self.tally.undecodable += 1
                    batch.append(Malformed(self.venue, excerpt(line), "not a line of a tape", last_ns))
                else:
                    self.tally.truncated = True  # the writer was cut off in its last line
                    break
                self.tally.lines += 1
                if len(batch) >= size:
                    yield batch
                    batch = []
        if batch:
            yield batch


@cache
def _warn(path: Path, names: str) -> None:
    """Once, however often it is played."""
    log.warning(
        "%s: sizes of %s are contracts: the capture does not tell what one of them is", path, clean(names, 80)
    )


def _venue_of(rows: list[Row], path: Path) -> str:
    """By the URLs in the capture, else, as where a proxy was recorded, by what its frames begin with."""
    hosts = {row.url.partition("://")[2].partition("/")[0] for row in rows if row.url}
    for venue, entry in VENUES.items():
        if any(part in host for host in hosts for part in entry.hosts):
            return venue
    frames = [row.raw for row in rows if row.ch == "ws" and row.raw is not None]
    for venue, entry in VENUES.items():
        if any(frame.startswith(entry.frame_heads) and entry.frame_mark in frame for frame in frames):
            return venue
    raise TapeError(
        f"{path} is a capture of a venue that the desk does not decode: it knows {', '.join(sorted(VENUES))}"
    )
