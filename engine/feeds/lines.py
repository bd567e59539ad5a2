"""The lines of a text or gzip file in large chunks, decompressed ahead of the reader on a thread.

zlib works without the interpreter lock, so decompression costs a replay no time where there is a second core.
"""

from __future__ import annotations

import queue
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

_READ = 1 << 17
_CHUNK = 1 << 20
_AHEAD = 4
_GZIP = b"\x1f\x8b"


class LineChunks:
    """Iterates over chunks of whole lines (bytes, each ending with a line end but perhaps the last).

    A gzip file that a crash cut off, or that is damaged from some place on, gives its lines up to there:
    ``truncated`` is then True. Raises OSError as the file system does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.truncated = False

    def __iter__(self) -> Iterator[bytes]:
        ahead: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
        stop = threading.Event()
        reader = threading.Thread(target=self._pump, args=(ahead, stop), name="tape-reader", daemon=True)
        reader.start()
        try:
            while (item := ahead.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            while reader.is_alive():  # it may be waiting for room
                try:
                    ahead.get_nowait()
                except queue.Empty:
                    reader.join(0.01)

    def _pump(self, ahead: queue.Queue[bytes | BaseException | None], stop: threading.Event) -> None:
        last: BaseException | None = None
        try:
            rest = b""
            for piece in self._pieces():
                if stop.is_set():
                    return
                end = piece.rfind(b"\n") + 1
                if end:
                    ahead.put(b"".join((rest, memoryview(piece)[:end])))
                    rest = piece[end:]
                else:
                    rest += piece
            if rest and not self.truncated:
                ahead.put(rest)
        except BaseException as error:  # carried over to the reader's thread, raised there
            last = error
        ahead.put(last)

    def _pieces(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            head = file.read(_READ)
            if not head.startswith(_GZIP):
                while head:
                    yield head
                    head = file.read(_CHUNK)
                return
            stream = zlib.decompressobj(31)
            while head:
                try:
                    out = stream.decompress(head, _CHUNK)
                except zlib.error:
                    self.truncated = True
                    return
                if out:
                    yield out
                head = stream.unconsumed_tail
                if stream.eof:
                    head = stream.unused_data or file.read(_READ)
                    if not head:
                        return
                    stream = zlib.decompressobj(31)  # gzip files may be joined end to end
                elif not head:
                    head = file.read(_READ)
            self.truncated = True
