"""A connection to the server: packed commands out, replies in order. For what is many a second.

redis-py's clients take some 100 µs of Python a command; here a reply is handed over in the very callback that
read it off the socket. Framing is hiredis', RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from engine.bus.address import TIMEOUT_S, Address
from engine.errors import BusError
from engine.text import clean

RECEIVE = 1 << 18
MOST_REPLY = 1 << 28
"""Bytes of answers that are not whole yet."""

Argument = str | bytes | int
Done = Callable[[list[Any]], None]
Result = TypeVar("Result")
Steps = Generator[Sequence[Argument], Any, Result]
"""A conversation that knows of no socket: yields a command, is sent its reply, returns what came of it."""
_PART = object()


class AwayError(BusError):
    """The server does not answer, or hung up."""


class ReplyError(BusError):
    """The server answered that it does not do it; the text is its own."""


def pack(*arguments: Argument) -> bytes:
    """One command."""
    from hiredis import pack_command

    packed: bytes = pack_command(arguments)  # type: ignore[arg-type]  # it takes any number of them
    return packed


class Wire(asyncio.Protocol):
    """Of asyncio. Whatever goes wrong ends it, and ``lost`` is told once, with what."""

    def __init__(self, shown: str, lost: Callable[[Exception], None]) -> None:
        self._shown = shown
        self._lost = lost
        self._parser = _parser()
        self._waiting: deque[tuple[int, list[Any], Done | asyncio.Future[list[Any]]]] = deque()
        self._transport: asyncio.Transport | None = None
        self._fault: Exception | None = None
        self.gathers = False
        """What is sent in one turn of the loop goes out at its end, at once."""
        self._gathered: list[bytes] = []
        self.heard_s = time.monotonic()
        """When something was read or first asked, monotonic seconds."""

    @property
    def is_open(self) -> bool:
        return self._transport is not None and self._fault is None

    def send(self, packed: bytes, replies: int, done: Done | asyncio.Future[list[Any]]) -> None:
        """``done`` is called with as many replies, errors of the server among them as ReplyError.

        Raises AwayError when the connection has ended; then nobody is called.
        """
        transport = self._transport
        if transport is None or self._fault is not None:
            raise AwayError(f"Redis at {self._shown} is not connected")
        if not self._waiting:
            self.heard_s = time.monotonic()
        self._waiting.append((replies, [], done))
        if not self.gathers:
            transport.write(packed)
            return
        self._gathered.append(packed)
        if len(self._gathered) == 1:
            asyncio.get_running_loop().call_soon(self._write_gathered)

    def _write_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        if self._transport is not None and self._fault is None:
            self._transport.write(b"".join(gathered))

    async def ask(self, *commands: Sequence[Argument]) -> list[Any]:
        """The replies; errors of the server among them. Raises AwayError."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.send(b"".join([pack(*command) for command in commands]), len(commands), future)
        try:
            async with asyncio.timeout(2 * TIMEOUT_S):
                return await future
        except TimeoutError:
            fault = AwayError(f"Redis at {self._shown} does not answer")
            self.end(fault)
            raise fault from None

    async def follow(self, steps: Steps[Result]) -> Result:
        """Go through a conversation. Raises AwayError, and ReplyError where a step does not take it."""
        try:
            command = next(steps)
            while True:
                (reply,) = await self.ask(command)
                command = steps.throw(reply) if isinstance(reply, ReplyError) else steps.send(reply)
        except StopIteration as stop:
            result: Result = stop.value
            return result

    def check(self, limit_s: float) -> None:
        """End it when an answer is owed for longer than that."""
        if self.is_open and self._waiting and time.monotonic() - self.heard_s > limit_s:
            self.end(AwayError(f"Redis at {self._shown} does not answer"))

    def end(self, fault: Exception | None = None) -> None:
        if self._fault is not None:
            return
        self._fault = fault or AwayError("closed")
        if self._transport is not None:
            self._transport.abort()
        owed, self._waiting = self._waiting, deque()
        for _, _, done in owed:
            if isinstance(done, asyncio.Future) and not done.done():
                done.set_exception(self._fault)
        if fault is not None:
            self._lost(fault)

    # --- of asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(AwayError(f"Redis at {self._shown} hung up" + (f": {clean(exc, 80)}" if exc else "")))

    def data_received(self, data: bytes) -> None:
        self.heard_s = time.monotonic()
        try:
            self._read(data)
        except Exception as error:  # of who listens: it ends the connection and is told there
            self.end(error)

    def _read(self, data: bytes) -> None:
        parser = self._parser
        parser.feed(data)
        while self._fault is None:
            reply = parser.gets()
            if reply is _PART:
                if parser.len() > MOST_REPLY:
                    raise AwayError(f"Redis at {self._shown} answers without an end")
                return
            if not self._waiting:
                raise AwayError(f"Redis at {self._shown} says what it was not asked")
            count, replies, done = self._waiting[0]
            replies.append(reply)
            if len(replies) == count:
                self._waiting.popleft()
                if not isinstance(done, asyncio.Future):
                    done(replies)
                elif not done.done():
                    done.set_result(replies)


class BlockingWire:
    """The same with a plain socket, for tapes and batches: whoever asks waits."""

    def __init__(self, address: Address, name: str = "tickdesk") -> None:
        """Connects. Raises AwayError, ConfigError."""
        self._shown = address.shown
        self._parser = _parser()
        self._owed = 0
        try:
            self._socket = _socket(address)
        except OSError as error:
            raise AwayError(f"Redis at {self._shown} cannot be reached: {clean(error, 80)}") from None
        try:
            for reply in self.ask(*_greeting(address, name)):
                _refused(self._shown, reply)
        except BusError:
            self.close()
            raise

    def send(self, packed: bytes, replies: int) -> None:
        """Write, and read the replies by ``receive`` later. Raises AwayError."""
        try:
            self._socket.sendall(packed)
        except OSError as error:
            raise AwayError(f"Redis at {self._shown} hung up: {clean(error, 80)}") from None
        self._owed += replies

    def receive(self, count: int, limit_s: float = 2 * TIMEOUT_S) -> list[Any]:
        """The next replies. Raises AwayError."""
        replies: list[Any] = []
        parser = self._parser
        try:
            self._socket.settimeout(limit_s)
            while len(replies) < count:
                reply = parser.gets()
                if reply is not _PART:
                    replies.append(reply)
                    continue
                data = self._socket.recv(RECEIVE)
                if not data:
                    raise AwayError(f"Redis at {self._shown} hung up")
                parser.feed(data)
        except OSError as error:
            raise AwayError(f"Redis at {self._shown} does not answer: {clean(error, 80)}") from None
        self._owed -= count
        return replies

    def ask(self, *commands: Sequence[Argument]) -> list[Any]:
        """The replies; errors of the server among them. Raises AwayError."""
        assert self._owed == 0
        self.send(b"".join([pack(*command) for command in commands]), len(commands))
        return self.receive(len(commands))

    def follow(self, steps: Steps[Result]) -> Result:
        """As ``Wire.follow``."""
        try:
            command = next(steps)
            while True:
                (reply,) = self.ask(command)
                command = steps.throw(reply) if isinstance(reply, ReplyError) else steps.send(reply)
        except StopIteration as stop:
            result: Result = stop.value
            return result

    def close(self) -> None:
        self._socket.close()


async def open_wire(address: Address, lost: Callable[[Exception], None], name: str = "tickdesk") -> Wire:
    """Connect. ``lost`` is told of its end, once, after this returned. Raises AwayError, ConfigError."""
    loop = asyncio.get_running_loop()
    told: list[Callable[[Exception], None]] = []
    wire = Wire(address.shown, lambda fault: told[0](fault) if told else None)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if address.path:
                await loop.create_unix_connection(lambda: wire, address.path)
            else:
                await loop.create_connection(lambda: wire, address.host, address.port, ssl=address.context())
    except (OSError, TimeoutError) as error:
        raise AwayError(
            f"Redis at {address.shown} cannot be reached: {clean(error, 80) or 'no answer'}"
        ) from None
    try:
        for reply in await wire.ask(*_greeting(address, name)):
            _refused(address.shown, reply)
    except BaseException:
        wire.end()
        raise
    told.append(lost)
    return wire


def last_number(stream: str) -> Steps[int]:
    """The number of the last entry that a stream ever had, 0 for none."""
    try:
        reply = yield ("XINFO", "STREAM", stream)
    except ReplyError as error:
        if "no such key" in str(error):
            return 0
        raise
    told = dict(zip(reply[::2], reply[1::2], strict=True))
    return int(told[b"last-generated-id"].partition(b"-")[0])


def _parser() -> Any:
    from hiredis import Reader

    return Reader(notEnoughData=_PART, replyError=lambda text: ReplyError(clean(text, 200)))


def _greeting(address: Address, name: str) -> list[Sequence[Argument]]:
    commands: list[Sequence[Argument]] = []
    if address.password:
        commands.append(("AUTH", *filter(None, (address.username,)), address.password))
    if address.database:
        commands.append(("SELECT", address.database))
    return [*commands, ("CLIENT", "SETNAME", name)]


def _refused(shown: str, reply: Any) -> None:
    if isinstance(reply, ReplyError):
        raise BusError(f"Redis at {shown} does not let us in: {clean(reply, 100)}; correct bus.url")


def _socket(address: Address) -> socket.socket:
    if address.path:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(TIMEOUT_S)
        made.connect(address.path)
        return made
    made = socket.create_connection((address.host, address.port), TIMEOUT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    context = address.context()
    return made if context is None else context.wrap_socket(made, server_hostname=address.host)
