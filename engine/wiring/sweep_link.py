"""What a sweep and its worker processes say to each other: whole messages over a socket pair."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from engine.errors import StoreError
from engine.research.sweep_runs import Run, Task

MOST_BYTES = 1 << 30
_LENGTH = struct.Struct("!I")
_T = TypeVar("_T")


class ChangedError(StoreError):
    """What the sweep was begun with is there no more: no run of it can be made."""


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first message: what every run needs."""

    runner: str
    """Module with ``opened(body)``, which gives what makes a run of a task."""
    body: bytes
    growth: int = 1 << 30
    """Bytes that a process may hold beyond what it held after its first run."""


class Do(msgspec.Struct, frozen=True, tag=True):
    task: Task


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The set-up is done."""


class Broken(msgspec.Struct, frozen=True, tag=True):
    """It cannot be done."""

    error: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    run: Run
    full: bool
    """The process holds so much memory that another should go on."""


TO_WORKER = msgspec.msgpack.Decoder(Setup | Do)
FROM_WORKER = msgspec.msgpack.Decoder(Ready | Broken | Ended)
_encode = msgspec.msgpack.Encoder().encode


def send(to: socket.socket, message: Setup | Do | Ready | Broken | Ended) -> None:
    """Raises OSError when the other side is gone."""
    body = _encode(message)
    to.sendall(_LENGTH.pack(len(body)) + body)


class Messages:
    """Whole messages out of the bytes that came."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes, decoder: msgspec.msgpack.Decoder[_T]) -> Iterator[_T]:
        """Raises ValueError for what is no message."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MOST_BYTES:
                raise ValueError(f"a message of {length:,} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield decoder.decode(body)
