"""What differs between venues: addresses, subscriptions, REST, limits. All of it without IO."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.config import FeedConfig
from engine.events import Candle, MarketEvent, Quote, Trade
from engine.feeds.base import Fetch, InstrumentSpec, Request, UnknownSymbolsError
from engine.feeds.decoder import VenueDecoder
from engine.text import clean


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
    """One venue, or one of its connections, for the symbols of a configuration."""

    name: str
    ws_url: str
    rest_url: str
    rest_per_s: float
    """REST requests a second that stay well inside the venue's public limit."""
    subscribe_per_s: float
    """Frames a second the client may send."""
    heartbeats: bool
    """Its socket carries heartbeat frames; where it does not, the connection pings."""
    ping_frame: str
    """A text frame that keeps an idle connection alive, "" where WebSocket's own pings do."""
    ping_s: float
    """Seconds between two of them."""
    connect_gap_s: float
    """Between two attempts to connect, at least: the venue's limit on connects, with room to spare."""
    lifetime_s: float
    """After so long a second connection takes over before the venue cuts the first; 0: it never does."""
    consecutive_ids: bool
    """Trade ids rise by one per symbol: a hole in them is a loss. Else they only tell trades apart, and what
    was missed while away cannot be known by them."""
    bars_back: int
    """So many of the newest bars its REST tells, and no older ones; 0: there is no such end."""
    channels: tuple[str, ...]
    """What its socket carries, of trade, quote, book and candle, as far as it is asked for."""
    single_connection: bool
    """A second connection is refused: the first is closed before the next is opened."""
    book_gap_s: float
    """Between two snapshots of books by REST, at least: they cost more than other requests."""
    natives: tuple[str, ...]

    def decoder(self) -> VenueDecoder: ...

    def connect_url(self, base: str) -> str: ...

    def subscribe(self) -> list[str]:
        """The frames that subscribe everything, in order; empty where the URL does."""

    def acknowledgements(self) -> int:
        """How many the venue answers them with."""

    def book_request(self, native: str) -> Request | None:
        """The snapshot of a book by REST; None where the socket brings it."""

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        """Bars that begin in ``start_ns <= open < end_ns``, as many of the first as a page holds; None where
        the venue's REST does not have that interval."""

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        """In order of ``open_ns``. Raises ValueError for a body that is not the venue's, UnreachableError for
        one that says to ask later."""

    def before_instruments(self) -> tuple[Request, ...]:
        """What to ask first, each answer for ``learn``, where one answer does not tell all."""

    def learn(self, body: bytes) -> None:
        """Raises ValueError for a body that is not the venue's."""

    def instruments_request(self) -> Request: ...

    def all_instruments_request(self) -> Request | None:
        """To ask when the venue refuses the first, to find out why; None where that asks for all already."""

    def more_instruments(self, body: bytes) -> Request | None:
        """The page after ``body``, which then goes to ``learn``; None when that is the last."""

    def parse_instruments(self, body: bytes) -> list[InstrumentSpec]:
        """The specs of ``natives``. Raises FeedError that names those which the venue does not know."""

    def quote_request(self, native: str) -> Request: ...

    def parse_quote(self, native: str, body: bytes, recv_ns: int) -> Quote: ...

    def recent_request(self, native: str) -> Request | None:
        """The most recent trades, a page of them; None where REST tells none."""

    def parse_trades(self, native: str, body: bytes, recv_ns: int) -> list[Trade]:
        """In order of id. Raises ValueError for a body that is not the venue's."""

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Fetch trades ``first_id..last_id`` (inclusive), known to be younger than ``since_ns``.

        Each page is added to ``found`` as it comes, in any order and with trades beyond the hole. Raises
        ValueError for a body that is not the venue's.
        """


class NativeVenue:
    """What most venues have in common; see Venue."""

    ping_frame = ""
    ping_s = 20.0
    connect_gap_s = 1.0
    lifetime_s = 0.0
    consecutive_ids = True
    bars_back = 0
    channels: tuple[str, ...] = ("trade", "quote", "book", "candle")
    single_connection = False
    book_gap_s = 1.0

    def __init__(self, config: FeedConfig) -> None:
        """Raises ConfigError for what one connection to the venue cannot carry."""
        self.natives = config.symbols
        self.book_levels = config.book_levels
        self.candles = config.candles

    def subscribe(self) -> list[str]:
        return []

    def acknowledgements(self) -> int:
        return len(self.subscribe())

    def before_instruments(self) -> tuple[Request, ...]:
        return ()

    def learn(self, body: bytes) -> None:
        raise ValueError("nothing was asked before the instruments")

    def more_instruments(self, body: bytes) -> Request | None:
        return None

    def missing(
        self, native: str, first_id: int, last_id: int, since_ns: int, recv_ns: int, found: list[Trade]
    ) -> Fetch:
        """Not asked where ids are no row."""
        yield from ()

    def book_request(self, native: str) -> Request | None:
        return None

    def candles_request(self, native: str, interval_s: int, start_ns: int, end_ns: int) -> Request | None:
        return None

    def parse_candles(self, native: str, interval_s: int, body: bytes, recv_ns: int) -> list[Candle]:
        raise ValueError("this venue's REST is not asked for bars")


def chosen(
    venue: str, natives: Sequence[str], specs: Iterable[InstrumentSpec], hint: str = ""
) -> list[InstrumentSpec]:
    """The specs of ``natives``, in their order. Raises UnknownSymbolsError for those that are not there."""
    known = {spec.symbol: spec for spec in specs}
    unknown = [native for native in natives if f"{venue}:{native}" not in known]
    if unknown:
        names = f"symbol{'s' if len(unknown) > 1 else ''} {clean(', '.join(unknown), 100)}"
        raise UnknownSymbolsError(
            f"{venue} does not know the {names}: correct feeds.{venue}.symbols{hint}",
            unknown,
            [known[symbol] for native in natives if (symbol := f"{venue}:{native}") in known],
        )
    return [known[f"{venue}:{native}"] for native in natives]
