"""Tapes: recorded market data read back through the venue's own decoder.

Three kinds of file, plain or gzip: captures (a JSON line per frame: ``t`` receive time in ns, ``ch``,
``url``, ``raw`` the exact frame), normalised ticks (a JSON line per tick) and the desk's own columnar
tapes.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import TapeError
from engine.events import NS, FeedState, FeedStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.base import BOOK_LEVELS, FeedStats, InstrumentSpec, Sink
from engine.feeds.capture import Capture, Row, Tally, Ticks, excerpt, read_row
from engine.feeds.columnar import MAGIC, ColumnarReader
from engine.feeds.lines import LineChunks
from engine.feeds.news import Placed
from engine.feeds.normalised import NormalisedDecoder, symbol_of
from engine.feeds.playback import Playback
from engine.feeds.registry import VENUES
from engine.text import clean
from engine.ticks import BACKFILLED, TRADE

_HEAD_LINES = 64
_BATCH = 512
_PIECE, _PIECE_NS = 1024, 20 * NS
"""So many events, of so long, are played at once: bars close even where hardly anything trades, and whoever
asks for something meanwhile is not kept waiting."""
_LONGEST_WAIT_S = 1.0
_Batch = TypeVar("_Batch")
_Block = TypeVar("_Block", list[MarketEvent], Ticks)


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
        self._readers = _in_order([ColumnarReader(path) for path in columnar])
        self._files = [] if columnar else [_TextTape(path, venue, book_levels) for path in paths]
        names = {file.venue for file in self._files} or {"tape"}
        self.venue: str = "+".join(sorted(names))
        """The venue decoded; "tape" for normalised and columnar ones; "a+b" when captures of several are
        merged."""
        told = chain((file.specs for file in self._files), (reader.specs for reader in self._readers))
        self.specs: list[InstrumentSpec] = list({s.symbol: s for s in chain.from_iterable(told)}.values())
        """What instrument replies at the head of the captures tell, or columnar tapes."""
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
        for reader in self._readers:
            table = np.array([index[symbol] for symbol in reader.symbols], np.int32)
            same = bool((table == np.arange(len(table))).all())
            for block in reader.stream():
                if not (same or isinstance(block, list)):
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


def _is_columnar(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise TapeError(f"cannot read the tape {path}: {clean(error.strerror or error)}") from None


def _in_order(readers: list[ColumnarReader]) -> list[ColumnarReader]:
    def first_ns(reader: ColumnarReader) -> int:
        return next((int(block["recv_ns"][0]) for block in reader.blocks()), 0)

    return sorted(readers, key=first_ns) if len(readers) > 1 else readers


class _TextTape:
    """A capture or a normalised tape in one file."""

    def __init__(self, path: Path, venue: str | None, book_levels: Mapping[str, int]) -> None:
        self._path = path
        self.tally = Tally()
        self.specs: list[InstrumentSpec] = []
        head = self._head()
        rows = [row for row in map(read_row, head) if row is not None]
        self._capture = bool(rows)
        if rows:
            self.venue = venue or _venue_of(rows, path)
            self._side_by_side = any(row.conn for row in rows)
            self._book_levels = book_levels.get(self.venue, BOOK_LEVELS)
            self._first_ns = next((row.t for row in rows if row.t is not None), 0)
            self.specs = self._read_specs(rows)
            self._try(rows)
        elif any(NormalisedDecoder.readable(line) for line in head):
            self.venue = "tape"
        else:
            raise TapeError(f"{path} is not a tape: no line of its beginning is a frame or a tick")

    def _head(self) -> list[bytes]:
        try:
            first = next(iter(LineChunks(self._path)), b"")
        except OSError as error:
            why = clean(error.strerror or error)
            raise TapeError(f"cannot read the tape {self._path}: {why}") from None
        if not first:
            raise TapeError(f"{self._path} is empty or cut off before its first line: nothing can be read")
        return first.split(b"\n", _HEAD_LINES)[:_HEAD_LINES]

    def _read_specs(self, rows: list[Row]) -> list[InstrumentSpec]:
        entry = VENUES[self.venue]
        for row in rows:
            path = row.url.partition("?")[0].rstrip("/")
            if row.ch == "http" and row.raw and path.endswith(entry.instruments_path):
                try:
                    return entry.read_instruments(row.raw)
                except (msgspec.MsgspecError, ValueError):
                    return []  # a reply that cannot be read only costs the grid, which is then assumed
        return []

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


class TapeFeed:
    """Plays a tape as a feed, at the pace that ``playback`` keeps by ``recv_ns``.

    Events keep the tape's times. ``clock`` is only measured against itself; it returns ns. ``take_ticks``
    takes packed ticks and the table of their symbols where nothing paces them, which is many times as fast;
    without it, all goes to the sink.
    """

    def __init__(
        self,
        tape: Tape,
        playback: Playback,
        clock: Callable[[], int],
        take_ticks: Callable[[Ticks, Sequence[str]], None] | None = None,
    ) -> None:
        self.venue = tape.venue
        self.stats = FeedStats()
        self.playback = playback
        self.clock = clock
        self._tape = tape
        self._take_ticks = take_ticks
        self._asked = asyncio.Event()

    async def instruments(self) -> list[InstrumentSpec]:
        return self._tape.specs

    def look(self) -> None:
        """Something was asked of the playback: whoever waits looks again."""
        self._asked.set()

    async def run(self, sink: Sink) -> None:
        """Play to the tape's end, which is told by a FeedStatus with the detail "end of tape"."""
        playback, begun = self.playback, False
        for block in self._tape.blocks():
            if not len(block):
                continue
            if not begun:
                begun = True
                first_ns = block[0].recv_ns if isinstance(block, list) else int(block["recv_ns"][0])
                playback.begin(first_ns, self.clock())
                self._tell(FeedState.UP, f"playing {self._tape.paths[0].name}", first_ns, sink)
            if isinstance(block, list):
                for events in _pieces(block, lambda part: [event.recv_ns for event in part]):
                    await self._play(events, sink)
            else:
                for ticks in _pieces(block, lambda part: part["recv_ns"]):
                    await self._play_ticks(ticks, sink)
        playback.end()
        detail = "end of tape (it was cut off there)" if self._tape.truncated else "end of tape"
        self._tell(FeedState.ENDED, detail, playback.last_ns, sink)

    async def _play_ticks(self, ticks: Ticks, sink: Sink) -> None:
        done = 0 if self._take_ticks is None else self.playback.passes(ticks["recv_ns"])
        if self._take_ticks is not None and done:
            self.stats.messages += done
            self.stats.last_data_ns = self.playback.last_ns
            self._take_ticks(ticks[:done], self._tape.symbols)
            await asyncio.sleep(0)
        if done < len(ticks):
            await self._play(events_of(ticks[done:], self._tape.symbols), sink)

    async def _play(self, events: list[MarketEvent], sink: Sink) -> None:
        """Deliver ``events`` in runs, each as soon as it is due."""
        done = 0
        while done < len(events):
            now = self.clock()
            end = self.playback.due(events, done, now)
            if end == done:
                await self._wait(self.playback.wait_s(events[done].recv_ns, now))
                continue
            self._note(events[done:end])
            sink(events[done:end])
            done = end
            await asyncio.sleep(0)

    async def _wait(self, wait_s: float | None) -> None:
        """So long, or until something is asked for."""
        self._asked.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if wait_s is None else min(wait_s, _LONGEST_WAIT_S)):
                await self._asked.wait()

    def _note(self, events: list[MarketEvent]) -> None:
        self.stats.messages += len(events)
        self.stats.last_data_ns = events[-1].recv_ns
        self.stats.malformed += sum(isinstance(event, Malformed) for event in events)

    def _tell(self, state: FeedState, detail: str, recv_ns: int, sink: Sink) -> None:
        self.stats.state, self.stats.detail = state, detail
        sink([FeedStatus(self.venue, state, detail, recv_ns)])


def _pieces(block: _Block, times: Callable[[_Block], npt.ArrayLike]) -> Iterator[_Block]:
    """A block in its order, cut into what is played at once; ``times``: receipts."""
    start = 0
    while start < len(block):
        part: _Block = block[start : start + _PIECE]
        recv_ns = np.asarray(times(part))
        beyond = np.flatnonzero(recv_ns > recv_ns[0] + _PIECE_NS)
        end = int(beyond[0]) if len(beyond) else len(part)
        yield part[:end]
        start += end


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
