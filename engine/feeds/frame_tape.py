"""Captures as a recorder writes them: gzip, a JSON line per frame, readable up to the last rows handed over.

After each ``write`` the stream is flushed whole, so that a crash costs nothing that was written before.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.errors import TapeError
from engine.feeds.tap import Frame
from engine.feeds.tape_files import create
from engine.text import clean

_LEVEL = 5


class _Row(msgspec.Struct, omit_defaults=True):
    t: int
    ch: str
    raw: str | None
    url: str = ""
    conn: int = 0


_encode = msgspec.json.Encoder().encode_into


class FrameWriter:
    """Raises TapeError when the file cannot be written. An existing file is not overwritten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
        self._lines = bytearray()
        self.size = 0
        """Bytes of the file."""
        self._file = create(path, "capture")

    def write(self, frames: Sequence[Frame]) -> None:
        """Append rows, and hand all to the operating system."""
        lines = self._lines
        lines.clear()
        for frame in frames:
            raw = frame.raw.decode("utf-8", "replace") if isinstance(frame.raw, bytes) else frame.raw
            _encode(_Row(frame.t, frame.ch, raw, frame.url, frame.conn), lines, -1)
            lines += b"\n"
        self._put(self._stream.compress(lines) + self._stream.flush(zlib.Z_SYNC_FLUSH))

    def _put(self, packed: bytes) -> None:
        try:
            self._file.write(packed)
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from None
        self.size += len(packed)

    def _failed(self, error: OSError) -> TapeError:
        return TapeError(f"cannot write the capture {self._path}: {clean(error)}")

    def close(self) -> None:
        if not self._file.closed:
            try:
                self._put(self._stream.flush(zlib.Z_FINISH))
            finally:
                try:
                    self._file.close()
                except OSError as error:  # it tries once more what could not be written
                    raise self._failed(error) from None
