"""The desk's own tape: blocks of packed ticks, stored column by column, compressed, each with its CRC.

File: magic, header length (u32), header CRC32 (u32), header (JSON: version, symbols), then blocks. A block
is rows (u32), compressed bytes (u32), CRC32 of them (u32), and a zstandard frame: a byte a column that says
how it is packed, then the columns of ``TICK`` one after another. A block of 0 rows holds no ticks but further
symbols, as a JSON list. All little-endian. What a crash cut off is the last block at most.

Version 1, still read, has no such bytes: times and trade ids are differences, all else is as it is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from engine.errors import TapeError
from engine.text import clean
from engine.ticks import TICK

MAGIC = b"TICKTAPE"
_VERSION = 2
_PREFIX = struct.Struct("<II")
_BLOCK = struct.Struct("<III")
_ROWS = 65_536
_MAX_BLOCK = 1 << 26
_MAX_HEADER = 1 << 24
_MAX_SYMBOLS = 1_000_000
_DELTAS_V1 = ("recv_ns", "event_ns", "trade_id")

# How a column is packed; from _SCALED on: whole numbers of 10 ** -(code - _SCALED).
_PLAIN = 0
_DELTA = 1
_DELTA_BYTES = 2
"""Differences, their first bytes together, then their second ones, and so on: high bytes hardly change."""
_BEFORE_RECEIPT = 3
"""How long before ``recv_ns``."""
_SCALED = 16
_MOST_DIGITS = 9
_EXACT = float(1 << 53)
_SAMPLE = 256

Ticks = npt.NDArray[Any]
"""One-dimensional array of ``engine.ticks.TICK``."""


class _Header(msgspec.Struct):
    version: int
    symbols: list[str]


class ColumnarWriter:
    """Writes a tape. ``symbols[i]`` is the symbol of the ticks whose ``symbol`` field is ``i``.

    ``write`` buffers until a block is full; ``flush`` ends the block early; ``close`` flushes. Raises
    TapeError when the file cannot be written.
    """

    def __init__(self, path: Path, symbols: Sequence[str]) -> None:
        self._path = path
        self._symbols = len(symbols)
        self._pending: list[Ticks] = []
        self._rows = 0
        self._compressor = zstandard.ZstdCompressor(level=3)
        header = msgspec.json.encode(_Header(_VERSION, list(symbols)))
        try:
            self._file: BinaryIO = path.open("wb")
            self._size = self._file.write(MAGIC + _PREFIX.pack(len(header), zlib.crc32(header)) + header)
        except OSError as error:
            raise TapeError(f"cannot write the tape {path}: {clean(error)}") from None

    def write(self, ticks: Ticks) -> None:
        """Append ``ticks`` (dtype TICK, any length). Raises ValueError for a symbol that is not in the
        table."""
        if ticks.dtype != TICK:
            raise ValueError("a columnar tape takes arrays of engine.ticks.TICK")
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
        try:
            self._file.flush()
        except OSError as error:
            raise TapeError(f"cannot write the tape {self._path}: {clean(error)}") from None

    def _drain(self, least: int) -> None:
        if not self._pending:
            return
        rows = np.concatenate(self._pending)
        done = 0
        while len(rows) - done >= least and done < len(rows):
            self._block(rows[done : done + _ROWS])
            done = min(done + _ROWS, len(rows))
        rest = rows[done:]
        self._pending = [rest] if len(rest) else []
        self._rows = len(rest)

    def add_symbols(self, symbols: Sequence[str]) -> None:
        """Further symbols, counted on from those before: ticks written from now on may be of them."""
        if symbols:
            self.flush()
            self._symbols += len(symbols)
            self._put(0, msgspec.json.encode(list(symbols)))

    @property
    def symbols(self) -> int:
        """How many are known."""
        return self._symbols

    @property
    def size(self) -> int:
        """Bytes of the file, without what is buffered here."""
        return self._size

    def _block(self, rows: Ticks) -> None:
        codes, columns = zip(*(_packed(rows, name) for name in TICK.names or ()), strict=True)
        self._put(len(rows), self._compressor.compress(bytes(codes) + b"".join(columns)))

    def _put(self, rows: int, packed: bytes) -> None:
        try:
            self._file.write(_BLOCK.pack(rows, len(packed), zlib.crc32(packed)) + packed)
        except OSError as error:
            raise TapeError(f"cannot write the tape {self._path}: {clean(error)}") from None
        self._size += _BLOCK.size + len(packed)

    def close(self) -> None:
        if not self._file.closed:
            self.flush()
            self._file.close()

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
        """Find the symbols that were added on the way, without reading the ticks."""
        while len(head := file.read(_BLOCK.size)) == _BLOCK.size:
            count, length, crc = _BLOCK.unpack(head)
            if count > _ROWS or length > _MAX_BLOCK:
                return
            if count:
                self.ticks += count
                file.seek(length, 1)
                continue
            added = _read_symbols(file.read(length), length, crc)
            if added is None or len(self.symbols) + len(added) > _MAX_SYMBOLS:
                return
            self.symbols += added

    def blocks(self) -> Iterator[Ticks]:
        """Blocks of ticks as they were stored, in order."""
        self.truncated = False
        decompressor = zstandard.ZstdDecompressor()
        with self._path.open("rb") as file:
            file.seek(self._start)
            while head := file.read(_BLOCK.size):
                block = self._block(head, file, decompressor)
                if block is None:
                    self.truncated = True
                    return
                if len(block):
                    yield block

    def _block(self, head: bytes, file: BinaryIO, decompressor: zstandard.ZstdDecompressor) -> Ticks | None:
        if len(head) < _BLOCK.size:
            return None
        count, length, crc = _BLOCK.unpack(head)
        if count > _ROWS or length > _MAX_BLOCK:
            return None
        packed = file.read(length)
        if not count:
            return None if _read_symbols(packed, length, crc) is None else np.empty(0, TICK)
        if len(packed) < length or zlib.crc32(packed) != crc:
            return None
        codes = len(TICK.names or ()) if self.version > 1 else 0
        try:
            raw = decompressor.decompress(packed, max_output_size=codes + count * TICK.itemsize)
        except zstandard.ZstdError:
            return None
        if len(raw) != codes + count * TICK.itemsize:
            return None
        rows = _unpacked(raw, raw[:codes] or _CODES_V1, codes, count)
        if rows is None:
            return None
        if int(rows["symbol"].min()) < 0 or int(rows["symbol"].max()) >= len(self.symbols):
            return None
        return rows


def _read_symbols(raw: bytes, length: int, crc: int) -> list[str] | None:
    if len(raw) < length or zlib.crc32(raw) != crc:
        return None
    try:
        return [clean(symbol, 80) for symbol in msgspec.json.decode(raw, type=list[str])]
    except msgspec.MsgspecError:
        return None


def _packed(rows: Ticks, name: str) -> tuple[int, bytes]:
    """A column's code and bytes."""
    column = np.ascontiguousarray(rows[name])
    if name == "recv_ns":
        return _DELTA_BYTES, _by_bytes(np.diff(column, prepend=np.int64(0)))
    if name == "event_ns":
        return _BEFORE_RECEIPT, (rows["recv_ns"] - column).tobytes()
    if name == "trade_id":
        return _DELTA, np.diff(column, prepend=np.int64(0)).tobytes()
    if column.dtype == np.float64:
        return _scaled(column)
    return _PLAIN, column.tobytes()


def _by_bytes(column: npt.NDArray[np.int64]) -> bytes:
    return column.view(np.uint8).reshape(-1, 8).T.tobytes()


def _scaled(column: npt.NDArray[np.float64]) -> tuple[int, bytes]:
    """As whole numbers where each value is a short decimal, which is what venues send: they pack better."""
    for digits in range(_MOST_DIGITS + 1):
        if _whole(column[:_SAMPLE], digits) is not None:
            whole = _whole(column, digits)
            if whole is not None:
                return _SCALED + digits, whole.tobytes()
    return _PLAIN, column.tobytes()


def _whole(column: npt.NDArray[np.float64], digits: int) -> npt.NDArray[np.int64] | None:
    """The column times 10 ** digits; None where that loses anything, be it a NaN or the sign of a zero."""
    scale = 10.0**digits
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.rint(column * scale)
        exact = (np.abs(whole) < _EXACT) & (whole / scale == column) & ~(np.signbit(column) & (column == 0.0))
    return whole.astype(np.int64) if bool(exact.all()) else None


_CODES_V1 = bytes(_DELTA if name in _DELTAS_V1 else _PLAIN for name in TICK.names or ())


def _unpacked(raw: bytes, codes: bytes, offset: int, count: int) -> Ticks | None:
    """The block's rows; None when a code is not known."""
    rows = np.empty(count, TICK)
    for code, name in zip(codes, TICK.names or (), strict=True):
        kind = TICK[name]
        whole = np.dtype("<i8") if code >= _SCALED else kind
        column = np.frombuffer(raw, whole, count, offset)
        offset += count * kind.itemsize
        if code == _PLAIN:
            rows[name] = column
        elif code == _DELTA:
            rows[name] = np.cumsum(column)
        elif code == _DELTA_BYTES and kind.itemsize == 8:
            turned = np.frombuffer(raw, np.uint8, count * 8, offset - count * 8).reshape(8, count).T
            rows[name] = np.cumsum(np.ascontiguousarray(turned).view("<i8").ravel())
        elif code == _BEFORE_RECEIPT and name == "event_ns":
            rows[name] = rows["recv_ns"] - column
        elif _SCALED <= code <= _SCALED + _MOST_DIGITS and kind == np.float64:
            rows[name] = column / 10.0 ** (code - _SCALED)
        else:
            return None
    return rows
