"""What every feed, decoder and venue promises to the rest of the engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import FeedError
from engine.events import FeedState, Malformed, MarketEvent, Quote, Trade
from engine.text import clean

TradeId = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""As a decoder accepts it: a packed tick holds 64 bits."""

Sink = Callable[[list[MarketEvent]], None]
"""Takes the events of one read, in order; called synchronously, must not block."""


class InstrumentSpec(msgspec.Struct, frozen=True):
    """What a venue tells about one of its instruments."""

    symbol: str
    """``"<venue>:<NATIVE>"``."""
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    quote_currency: str
    max_quantity: Decimal = Decimal(0)
    """Of one order, in base units; 0: it tells none."""


class UnreachableError(FeedError):
    """The venue did not answer: worth trying again, nothing in the configuration is wrong.

    ``retry_after_s`` is how long the venue asked to be left alone (0: it did not say).
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass
class FeedStats:
    """Counters of one feed since it was opened; read by status views at any time."""

    messages: int = 0
    last_data_ns: int = 0
    """When the last trade or quote arrived (our clock), 0: never."""
    gaps: int = 0
    """Gap events: trades that were missed for good."""
    reconnects: int = 0
    malformed: int = 0
    backfilled: int = 0
    unsubscribed: int = 0
    """Messages of symbols that were never subscribed: dropped."""
    state: FeedState = FeedState.DOWN
    detail: str = "not started"


class Watched(Protocol):
    """Whatever brings data from outside, as its health is shown."""

    @property
    def venue(self) -> str: ...

    @property
    def stats(self) -> FeedStats: ...


class Decoder(Protocol):
    """A venue's frames to events. Never raises, whatever the input."""

    venue: str

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        """Append the events of one frame to ``out``. Acks and heartbeats append nothing, but are noted."""


class Feed(Protocol):
    """A source of market events."""

    venue: str
    stats: FeedStats

    async def instruments(self) -> list[InstrumentSpec]:
        """Ask the venue for its instruments. FeedError: unknown symbol; UnreachableError: try again later."""

    async def run(self, sink: Sink) -> None:
        """Deliver events until cancelled. Never raises for network faults."""


class Request(msgspec.Struct, frozen=True):
    """A REST GET: path below the venue's REST URL and query parameters."""

    path: str
    params: tuple[tuple[str, str], ...] = ()


Fetch = Generator[Request, bytes, None]
"""A REST conversation without IO: yields requests, is sent the bodies."""


class VenueDecoder:
    """Common part of the socket decoders: notes for the connection, and malformed frames.

    The connection reads and clears ``outbox`` (frames to send) and ``reconnect`` (why a new socket is
    needed, "" when it is not) after each frame.
    """

    venue = ""

    def __init__(self, natives: Iterable[str] | None = None) -> None:
        """``natives`` are the symbols subscribed, in the venue's spelling: no other is let in, and nothing
        grows with what a venue makes up. None, for a tape: all are.
        """
        self._symbols = {native: self._name(native) for native in natives or ()}
        self._open = natives is None
        self.unsubscribed = 0
        """Messages of symbols that were never subscribed: dropped."""
        self.acks = 0
        self.heartbeats = 0
        self.skipped = 0
        """Well-formed frames of channels that the desk does not use."""
        self.malformed = 0
        self.reconnect = ""
        self.reconnect_delay_s = 0.0
        """The least wait that the venue asks for before that reconnect."""
        self.outbox: list[str] = []
        self.troubles: dict[str, str] = {}
        """What is wrong now, a line each, by native symbol; "" stands for the venue as a whole."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        """See Decoder."""
        raise NotImplementedError

    def _symbol(self, native: str) -> str:
        """The symbol of ``native``; "" when it was never subscribed."""
        symbol = self._symbols.get(native)
        if symbol is None:
            if not self._open:
                self.unsubscribed += 1
                return ""
            symbol = self._symbols.setdefault(native, self._name(native))
        return symbol

    def _name(self, native: str) -> str:
        return f"{self.venue}:{clean(native, 40)}"

    def malform(self, raw: str | bytes, error: object, recv_ns: int, out: list[MarketEvent]) -> None:
        """Append a Malformed event for ``raw``."""
        self.malformed += 1
        text = raw[:480].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[:480]
        out.append(Malformed(self.venue, clean(text, 120), clean(error, 120), recv_ns))


class Scanner(Protocol):
    """Reads the rows of a venue's captures straight to packed ticks: those that it knows byte for byte."""

    rows: int
    """Rows read so far."""
    last_ns: int
    """Receive time of the last one."""

    @property
    def decoder(self) -> VenueDecoder:
        """For all other rows; the scanner learns from what it has decoded."""

    @property
    def used(self) -> int:
        """Ticks not taken yet."""

    @property
    def full(self) -> bool:
        """There is no room for another tick: ``take`` them."""

    def scan(self, chunk: bytes, start: int) -> int:
        """Read rows from ``start`` on; returns where the first one begins that was not read: there is no
        room, it is not known, or the chunk has ended.
        """

    def add(self, event: MarketEvent) -> bool:
        """Put an event behind the ticks. False when it must be passed on as it is: it is no tick, or the
        first of its symbol, which the table of symbols then has.
        """

    def take(self) -> NDArray[np.void]:
        """The ticks since the last call, an array of its own."""

    def learn(self, frame: str) -> None:
        """From now on know the frames of the stream to which ``frame``, already decoded, belongs."""


class Venue(Protocol):
    """What differs between venues: URLs, subscriptions, REST. All of it without IO."""

    name: str
    ws_url: str
    rest_url: str
    rest_per_s: float
    """REST requests a second that stay well inside the venue's public limit."""
    subscribe_per_s: float
    """Frames a second the client may send."""
    heartbeats: bool
    """Its socket carries heartbeat frames; where it does not, the connection pings."""
    natives: tuple[str, ...]

    def decoder(self) -> VenueDecoder: ...

    def connect_url(self, base: str) -> str: ...

    def subscribe(self) -> list[str]:
        """The frames that subscribe everything, in order; empty where the URL does."""

    def instruments_request(self) -> Request: ...

    def all_instruments_request(self) -> Request | None:
        """To ask when the venue refuses the first, to find out why; None where that asks for all already."""

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        """The specs of ``natives``. Raises FeedError that names those which the venue does not know."""

    def quote_request(self, native: str) -> Request: ...

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote: ...

    def recent_request(self, native: str) -> Request: ...

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        """In order of id. Raises ValueError for a body that is not the venue's."""

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Fetch trades ``first_id..last_id`` (inclusive), known to be younger than ``since_ns``.

        Each page is added to ``found`` as it comes, in any order and with trades beyond the hole. Raises
        ValueError for a body that is not the venue's.
        """


def chosen(
    venue: str, natives: Sequence[str], specs: Iterable[InstrumentSpec], hint: str = ""
) -> list[InstrumentSpec]:
    """The specs of ``natives``, in their order. Raises FeedError that names those which are not there."""
    known = {spec.symbol: spec for spec in specs}
    unknown = [native for native in natives if f"{venue}:{native}" not in known]
    if unknown:
        names = f"symbol{'s' if len(unknown) > 1 else ''} {clean(', '.join(unknown), 100)}"
        raise FeedError(f"{venue} does not know the {names}: correct feeds.{venue}.symbols{hint}")
    return [known[f"{venue}:{native}"] for native in natives]
