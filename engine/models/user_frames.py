"""The words between the desk and the process of a user's model: binary frames over two pipes.

    frame: payload's length (4 bytes), request's number (8 bytes), kind (1 byte), payload; little-endian

The desk begins with FILES (JSON: checksums of the artefact's files by name), which the process answers with
READY, or with REASON when the model cannot be loaded, all numbered 0. Then the desk sends ROWS (float64, 158
a row), one request at a time; the process answers with the request's number: PREDICTIONS (float64, one a row)
or REASON (UTF-8 text: why there are none).
"""

from __future__ import annotations

import struct

from engine.errors import ModelError

HEADER = struct.Struct("<IQB")
READY, ROWS, PREDICTIONS, REASON, FILES = range(5)
WIDTH = 158
"""Numbers in a row."""
FLOAT = 8
MAX_ROWS = 10_000
MAX_REASON = 2_000


def frame(number: int, kind: int, payload: bytes | memoryview = b"") -> bytes:
    """One frame, whole."""
    return HEADER.pack(len(payload), number, kind) + payload


class Incoming:
    """What the process of a model has sent of the one frame that is due. Nothing else is taken from it."""

    def __init__(self, number: int, rows: int) -> None:
        """``rows``: of the request ``number``; 0: it is READY that is due."""
        self._number = number
        self._rows = rows
        self._got = bytearray()

    def feed(self, data: bytes) -> tuple[int, bytes] | None:
        """Take the next bytes; kind and payload once all are there. Raises ModelError for anything undue."""
        got = self._got
        got += data
        if len(got) < HEADER.size:
            return None
        length, number, kind = HEADER.unpack_from(got)
        due = (PREDICTIONS, FLOAT * self._rows) if self._rows else (READY, 0)
        if number != self._number or not (
            (kind, length) == due or (kind == REASON and 0 < length <= MAX_REASON)
        ):
            raise ModelError("its process answers with something that was not asked for")
        whole = HEADER.size + length
        if len(got) < whole:
            return None
        if len(got) > whole:
            raise ModelError("its process sends more than it was asked for")
        return kind, bytes(got[HEADER.size :])
