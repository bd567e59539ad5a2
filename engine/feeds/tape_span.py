"""From when to when a tape goes, without playing it: its first and its last line or block tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.feeds.capture import read_row
from engine.feeds.columnar import ColumnarReader
from engine.feeds.lines import LineChunks
from engine.feeds.normalised import NormalisedDecoder, symbol_of
from engine.feeds.tape import Tape
from engine.instruments import venue_of
from engine.tapes import TapeSpan
from engine.text import clean

_TAIL = 1 << 20
"""The last line is looked for in so many bytes."""
_VENUE = 60


def tape_span(
    path: Path, venue: str | None = None, *, stopped: Callable[[], bool] = lambda: False
) -> TapeSpan:
    """Look at a tape; a compressed one is read to its end, until ``stopped``. Raises TapeError."""
    tape = Tape([path], venue=venue)
    if tape.columnar:
        kind, (first, last) = "ticks", ColumnarReader(path).span()
    else:
        kind, first, last = "lines" if tape.venue == "tape" else "capture", *_lines(path, stopped)
    named = tape.venue
    if named == "tape":
        named = clean(", ".join(sorted({venue_of(symbol) for symbol in tape.symbols})), _VENUE)
    return TapeSpan(str(path), kind, named, first, last, path.stat().st_size)


def _lines(path: Path, stopped: Callable[[], bool]) -> tuple[int, int]:
    """Of a text tape. Raises OSError."""
    time_of = _Times(path)
    chunks = iter(LineChunks(path))
    first_chunk = last_chunk = next(chunks, b"")
    first = time_of.first(first_chunk.split(b"\n"))
    with path.open("rb") as file:
        plain = file.read(2) != b"\x1f\x8b"
        if plain:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            last_chunk = file.read()
    before = b""
    if not plain:
        for chunk in chunks:
            if stopped():
                return first, 0
            before, last_chunk = last_chunk, chunk
    tail = (before + last_chunk)[-_TAIL:]
    return first, time_of.first(reversed(tail.split(b"\n")))


class _Times:
    """The time that a line tells."""

    def __init__(self, path: Path) -> None:
        self._normalised = NormalisedDecoder(symbol_of(path))

    def first(self, lines: Iterable[bytes]) -> int:
        """Of the first line that tells one; 0: none does."""
        return next((ns for line in lines if line.strip() and (ns := self._of(line))), 0)

    def _of(self, line: bytes) -> int:
        row = read_row(line)
        if row is not None:
            return row.t or 0
        return self._normalised.ns if self._normalised.decode(line, []) else 0
