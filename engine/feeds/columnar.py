"""The desk's own tape: blocks of packed ticks, stored column by column, compressed, each with its CRC.

File: magic, header length (u32), header CRC32 (u32), header (JSON: version, symbols), then blocks. A block
is rows (u32), compressed bytes (u32), CRC32 of them (u32), and a zstandard frame holding the columns of
``TICK`` one after another; times and trade ids as differences. All little-endian. What a crash cut off is
the last block at most.
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
_VERSION = 1
_PREFIX = struct.Struct("<II")
_BLOCK = struct.Struct("<III")
_ROWS = 65_536
_MAX_BLOCK = 1 << 26
_MAX_HEADER = 1 << 24
_DELTAS = ("recv_ns", "event_ns", "trade_id")

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
            self._file.write(MAGIC + _PREFIX.pack(len(header), zlib.crc32(header)) + header)
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
        self._file.flush()

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

    def _block(self, rows: Ticks) -> None:
        columns = []
        for name in TICK.names or ():
            column = np.ascontiguousarray(rows[name])
            if name in _DELTAS:
                column = np.diff(column, prepend=column.dtype.type(0))
            columns.append(column.tobytes())
        packed = self._compressor.compress(b"".join(columns))
        try:
            self._file.write(_BLOCK.pack(len(rows), len(packed), zlib.crc32(packed)) + packed)
        except OSError as error:
            raise TapeError(f"cannot write the tape {self._path}: {clean(error)}") from None

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
        try:
            with path.open("rb") as file:
                self.symbols = self._header(file)
                self._start = file.tell()
        except OSError as error:
            raise TapeError(f"cannot read the tape {path}: {clean(error.strerror or error)}") from None

    def _header(self, file: BinaryIO) -> list[str]:
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
                if header.version != _VERSION:
                    raise TapeError(
                        f"{self._path} is a tape of version {header.version}; this reads {_VERSION}"
                    )
                return [clean(symbol, 80) for symbol in header.symbols]
        raise TapeError(f"{self._path} is cut off inside its header: nothing of it can be read")

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
                yield block

    def _block(self, head: bytes, file: BinaryIO, decompressor: zstandard.ZstdDecompressor) -> Ticks | None:
        if len(head) < _BLOCK.size:
            return None
        count, length, crc = _BLOCK.unpack(head)
        if not 0 < count <= _ROWS or length > _MAX_BLOCK:
            return None
        packed = file.read(length)
        if len(packed) < length or zlib.crc32(packed) != crc:
            return None
        try:
            raw = decompressor.decompress(packed, max_output_size=count * TICK.itemsize)
        except zstandard.ZstdError:
            return None
        if len(raw) != count * TICK.itemsize:
            return None
        rows = np.empty(count, TICK)
        offset = 0
        for name in TICK.names or ():
            kind = TICK[name]
            column = np.frombuffer(raw, kind, count, offset)
            rows[name] = np.cumsum(column) if name in _DELTAS else column
            offset += count * kind.itemsize
        if int(rows["symbol"].min()) < 0 or int(rows["symbol"].max()) >= len(self.symbols):
            return None
        return rows
