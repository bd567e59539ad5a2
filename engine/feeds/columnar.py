"""The desk's own tape: blocks of packed ticks, stored column by column, compressed, each with its CRC.

File: magic, header length (u32), header CRC32 (u32), header (JSON: version, symbols), then blocks. A block
is rows (u32), compressed bytes (u32), CRC32 of them (u32), and a zstandard frame: a byte a column that says
how it is packed, then the columns of ``TICK`` one after another. A block of 0 rows holds no ticks but a JSON
object: further ``symbols``, the ``specs`` of instruments, and ``news``: gaps, books wrong or right and frames
that could not be read, each with how many ticks of the next block come before it. All little-endian. What a
crash cut off is the last block at most.

Still read are version 2, whose blocks of 0 rows are a JSON list of symbols, and version 1, which has no byte
a column: times and trade ids are differences, all else is as it is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec
import numpy as np
import zstandard

from engine.errors import TapeError
from engine.events import MarketEvent
from engine.feeds.base import InstrumentSpec
from engine.feeds.columns import CODES_V1, Ticks, packed, unpacked
from engine.feeds.news import Placed, believed, is_sound
from engine.feeds.tape_files import create
from engine.text import clean
from engine.ticks import TICK

MAGIC = b"TICKTAPE"
_VERSION = 3
_PREFIX = struct.Struct("<II")
_BLOCK = struct.Struct("<III")
_ROWS = 65_536
_MAX_BLOCK = 1 << 26
_MAX_HEADER = 1 << 24
_MAX_SYMBOLS = 1_000_000
_MOST_NEWS = 4096
"""That wait for ticks."""


class _Header(msgspec.Struct):
    version: int
    symbols: list[str]


class _Tables(msgspec.Struct):
    symbols: list[str] = []
    specs: list[InstrumentSpec] = []


class _Beside(_Tables, omit_defaults=True):
    news: list[Placed] = []


_tables = msgspec.json.Decoder(_Tables | list[str])
_beside = msgspec.json.Decoder(_Beside | list[str])


class ColumnarWriter:
    """Writes a tape. ``symbols[i]`` is the symbol of the ticks whose ``symbol`` field is ``i``.

    ``write`` buffers until a block is full; ``flush`` ends the block early; ``close`` flushes. Raises
    TapeError when the file cannot be written, or is there already.
    """

    def __init__(self, path: Path, symbols: Sequence[str], specs: Sequence[InstrumentSpec] = ()) -> None:
        self._path = path
        self._symbols = len(symbols)
        self._pending: list[Ticks] = []
        self._news: list[Placed] = []
        """By how many of the pending ticks come before."""
        self._rows = 0
        self._compressor = zstandard.ZstdCompressor(level=3)
        header = msgspec.json.encode(_Header(_VERSION, list(symbols)))
        self._file: BinaryIO = create(path, "tape")
        self._size = 0
        self._append(MAGIC + _PREFIX.pack(len(header), zlib.crc32(header)) + header)
        self.add_specs(specs)
        self.flush()  # whatever ends the process: what is written can be read

    def write(self, ticks: Ticks, news: Iterable[Placed] = ()) -> None:
        """Append ``ticks`` (dtype TICK, any length) and what was told between them. Raises ValueError for a
        symbol that is not in the table."""
        if ticks.dtype != TICK:
            raise ValueError("a columnar tape takes arrays of engine.ticks.TICK")
        self._news += [(self._rows + at, event) for at, event in news]
        if len(self._news) > _MOST_NEWS and not len(ticks):
            self.flush()
        if len(ticks) == 0:
            return
        if int(ticks["symbol"].min()) < 0 or int(ticks["symbol"].max()) >= self._symbols:
            raise ValueError("a tick's symbol is not in the tape's table")
        self._pending.append(ticks.copy())
        self._rows += len(ticks)
        if self._rows >= _ROWS:
            self._drain(_ROWS)

    def flush(self) -> None:
        """Write what is buffered and hand it to the operating system."""
        self._drain(1)
        self._tell(1)
        try:
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from None

    def _drain(self, least: int) -> None:
        if not self._pending:
            return
        rows = np.concatenate(self._pending)
        done = 0
        while len(rows) - done >= least and done < len(rows):
            part = rows[done : done + _ROWS]
            self._tell(len(part))
            self._block(part)
            self._news = [(at - len(part), event) for at, event in self._news]
            done += len(part)
        rest = rows[done:]
        self._pending = [rest] if len(rest) else []
        self._rows = len(rest)

    def _tell(self, before: int) -> None:
        """Write what was told before so many of the pending ticks had come."""
        news = [one for one in self._news if one[0] < before]
        if news:
            self._put(0, msgspec.json.encode(_Beside(news=news)))
            self._news = self._news[len(news) :]

    def add_symbols(self, symbols: Sequence[str]) -> None:
        """Further symbols, counted on from those before: ticks written from now on may be of them."""
        if symbols:
            self.flush()
            self._symbols += len(symbols)
            self._put(0, msgspec.json.encode(_Beside(symbols=list(symbols))))

    def add_specs(self, specs: Sequence[InstrumentSpec]) -> None:
        """What is known of instruments; what is told later of the same one counts."""
        if specs:
            self._put(0, msgspec.json.encode(_Beside(specs=list(specs))))

    @property
    def symbols(self) -> int:
        """How many are known."""
        return self._symbols

    @property
    def size(self) -> int:
        """Bytes of the file, without what is buffered here."""
        return self._size

    def _block(self, rows: Ticks) -> None:
        codes, columns = zip(*(packed(rows, name) for name in TICK.names or ()), strict=True)
        self._put(len(rows), self._compressor.compress(bytes(codes) + b"".join(columns)))

    def _put(self, rows: int, body: bytes) -> None:
        self._append(_BLOCK.pack(rows, len(body), zlib.crc32(body)) + body)

    def _append(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failed(error) from None
        self._size += len(data)

    def _failed(self, error: OSError) -> TapeError:
        return TapeError(f"cannot write the tape {self._path}: {clean(error)}")

    def close(self) -> None:
        if not self._file.closed:
            try:
                self.flush()
            finally:
                try:
                    self._file.close()
                except OSError as error:
                    raise self._failed(error) from None

    def __enter__(self) -> ColumnarWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ColumnarReader:
    """Reads a tape. ``blocks`` may be called again; ``truncated`` tells whether the last call met a cut or a
    damaged block, where it stops: everything before it is good. Raises TapeError when it is no such tape."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.truncated = False
        self.ticks = 0
        """As many as its blocks say; a cut one may hold fewer."""
        self.specs: list[InstrumentSpec] = []
        """Of its instruments, in the order in which they were first told of."""
        self._newest: list[int] = []
        """Where its last two blocks of ticks begin, the last one first."""
        try:
            with path.open("rb") as file:
                self.version, self.symbols = self._header(file)
                self._start = file.tell()
                self._look_ahead(file)
        except OSError as error:
            raise TapeError(f"cannot read the tape {path}: {clean(error.strerror or error)}") from None

    def _header(self, file: BinaryIO) -> tuple[int, list[str]]:
        if file.read(len(MAGIC)) != MAGIC:
            raise TapeError(f"{self._path} is not a columnar tape")
        prefix = file.read(_PREFIX.size)
        if len(prefix) == _PREFIX.size:
            length, crc = _PREFIX.unpack(prefix)
            raw = file.read(length) if length <= _MAX_HEADER else b""
            if len(raw) == length and zlib.crc32(raw) == crc:
                try:
                    header = msgspec.json.decode(raw, type=_Header)
                except msgspec.MsgspecError as error:
                    raise TapeError(f"{self._path}: bad tape header: {clean(error, 80)}") from None
                if not 1 <= header.version <= _VERSION:
                    raise TapeError(
                        f"{self._path} is a tape of version {header.version}; this reads up to {_VERSION}"
                    )
                return header.version, [clean(symbol, 80) for symbol in header.symbols]
        raise TapeError(f"{self._path} is cut off inside its header: nothing of it can be read")

    def _look_ahead(self, file: BinaryIO) -> None:
        """Find what was told of symbols on the way, without reading the ticks."""
        specs: dict[str, InstrumentSpec] = {}
        while len(head := file.read(_BLOCK.size)) == _BLOCK.size:
            count, length, crc = _BLOCK.unpack(head)
            if count > _ROWS or length > _MAX_BLOCK:
                break
            if count:
                self.ticks += count
                self._newest = [file.tell() - _BLOCK.size, *self._newest[:1]]
                file.seek(length, 1)
                continue
            tables = _read(_tables, file.read(length), length, crc)
            if tables is None or len(self.symbols) + len(tables.symbols) > _MAX_SYMBOLS:
                break
            self.symbols += [clean(symbol, 80) for symbol in tables.symbols]
            specs |= {spec.symbol: spec for spec in tables.specs if is_sound(spec)}
        self.specs = list(specs.values())

    def span(self) -> tuple[int, int]:
        """Receipt of its first and of its last tick, ns, without what lies between; 0 for what is not
        there."""
        first = next((int(block["recv_ns"][0]) for block in self.blocks()), 0)
        decompressor = zstandard.ZstdDecompressor()
        with self._path.open("rb") as file:
            for place in self._newest:
                file.seek(place)
                block = self._block(file.read(_BLOCK.size), file, decompressor)
                if block is not None and not isinstance(block, list):  # else a crash cut it off
                    return first, int(block["recv_ns"].max())
        return first, first

    def blocks(self) -> Iterator[Ticks]:
        """Blocks of ticks as they were stored, in order."""
        return (part for part in self.stream() if not isinstance(part, list))

    def stream(self) -> Iterator[Ticks | list[MarketEvent]]:
        """Ticks, and lists of what was told between them, in order."""
        self.truncated = False
        decompressor, news = zstandard.ZstdDecompressor(), list[Placed]()
        with self._path.open("rb") as file:
            file.seek(self._start)
            while head := file.read(_BLOCK.size):
                block = self._block(head, file, decompressor)
                if block is None:
                    self.truncated = True
                    news = [one for one in news if not one[0]]
                    break
                if isinstance(block, list):
                    news += block
                else:
                    yield from _between(block, news)
                    news.clear()
        if news:
            yield [event for _, event in news]

    def _block(
        self, head: bytes, file: BinaryIO, decompressor: zstandard.ZstdDecompressor
    ) -> Ticks | list[Placed] | None:
        if len(head) < _BLOCK.size:
            return None
        count, length, crc = _BLOCK.unpack(head)
        if count > _ROWS or length > _MAX_BLOCK:
            return None
        body = file.read(length)
        if not count:
            beside = _read(_beside, body, length, crc)
            return None if beside is None else believed(getattr(beside, "news", ()))
        if len(body) < length or zlib.crc32(body) != crc:
            return None
        codes = len(TICK.names or ()) if self.version > 1 else 0
        try:
            raw = decompressor.decompress(body, max_output_size=codes + count * TICK.itemsize)
        except zstandard.ZstdError:
            return None
        if len(raw) != codes + count * TICK.itemsize:
            return None
        return unpacked(raw, raw[:codes] or CODES_V1, codes, count, len(self.symbols))


def _between(ticks: Ticks, news: list[Placed]) -> Iterator[Ticks | list[MarketEvent]]:
    """The ticks, cut where something was told."""
    done = 0
    for at, told in groupby(sorted(news, key=itemgetter(0)), key=itemgetter(0)):
        upto = min(at, len(ticks))
        if upto > done:
            yield ticks[done:upto]
        yield [event for _, event in told]
        done = max(done, upto)
    if done < len(ticks):
        yield ticks[done:]


def _read(
    decoder: msgspec.json.Decoder[_Tables | list[str]] | msgspec.json.Decoder[_Beside | list[str]],
    raw: bytes,
    length: int,
    crc: int,
) -> _Tables | None:
    if len(raw) < length or zlib.crc32(raw) != crc:
        return None
    try:
        found = decoder.decode(raw)
    except msgspec.MsgspecError:
        return None
    return _Tables(found) if isinstance(found, list) else found
