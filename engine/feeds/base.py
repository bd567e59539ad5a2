"""What every feed, decoder and venue promises to the rest of the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import NS, Candle, FeedState, FeedStatus, Malformed, MarketEvent, Quote, Trade
from engine.feeds.books import Books
from engine.text import clean

BOOK_LEVELS = 10
"""Levels a side of a book that are published unless it is said otherwise."""

TradeId = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""As a decoder accepts it: a packed tick holds 64 bits."""

Price = Annotated[float, msgspec.Meta(gt=0, le=1e15)]
"""As a decoder accepts it: finite and positive."""

Amount = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
"""A quantity as a decoder accepts it: finite, not negative."""

Traded = Annotated[float, msgspec.Meta(gt=0, le=1e18)]
"""A quantity that changed hands, as a decoder accepts it."""

MOST_SYMBOLS = 20_000
"""Of a tape: more than this are no venue's, but made up."""

RESYNCS = 5
"""New snapshots of a book in a row that were wrong again before the socket is replaced."""

_UNANSWERED_NS = 30 * NS
"""A snapshot that was asked for over the socket comes by then, or not at all."""

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
    handovers: int = 0
    """Connections replaced by a second one while they still delivered."""
    malformed: int = 0
    backfilled: int = 0
    unsubscribed: int = 0
    """Messages of symbols that were never subscribed: dropped."""
    duplicates: int = 0
    """Trades that came a second time."""
    reordered: int = 0
    """Trades that came before an older one, and were put in order."""
    books: int = 0
    """Books that are right now."""
    books_broken: int = 0
    """Books that are wrong now, and asked for anew."""
    resyncs: int = 0
    """Books found wrong so far."""
    best_effort: bool = False
    """Without sequence numbers or checksums: what is missing cannot be noticed."""
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


class Secret(Protocol):
    """A key: neither its text nor its repr shows it."""

    def headers(self) -> dict[str, str]: ...


class Request(msgspec.Struct, frozen=True):
    """A REST GET: path below the venue's REST URL and query parameters."""

    path: str
    params: tuple[tuple[str, str], ...] = ()
    base: str = ""
    """Another host than the venue's REST."""
    secret: Secret | None = None
    """Proves who asks, by its headers; the request is then never redirected."""


Fetch = Generator[Request, bytes, None]
"""A REST conversation without IO: yields requests, is sent the bodies."""


class VenueDecoder:
    """Common part of the socket decoders: notes for the connection, and malformed frames.

    The connection reads and clears ``outbox`` (frames to send), ``wanted`` (books whose snapshot REST must
    bring) and ``reconnect`` (why a new socket is needed, "" when it is not) after each frame.
    """

    venue = ""

    def __init__(
        self,
        natives: Iterable[str] | None = None,
        *,
        book_levels: int = BOOK_LEVELS,
        book_quotes: bool = False,
    ) -> None:
        """``natives`` are the symbols subscribed, in the venue's spelling: no other is let in, and nothing
        grows with what a venue makes up. None, for a tape: all are. ``book_quotes``: quotes are the top of
        the books, because the venue has no better channel for them.
        """
        self.books = Books(book_levels, quotes=book_quotes)
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
        self.wanted: list[str] = []
        """Native symbols whose book needs a snapshot by REST: see ``book_snapshot``."""
        self.sequence_gaps = 0
        """Messages that were missed, by the venue's own sequence numbers, each a run of them."""
        self.checksums = 0
        """Books found equal to the venue's checksum."""
        self.mismatches = 0
        """Books that were not."""
        self.troubles: dict[str, str] = {}
        """What is wrong now, a line each, by native symbol; "" stands for the venue as a whole."""
        self.refused: set[str] = set()
        """Native symbols, of those known, that the venue refused: nothing is expected of them."""
        self.spent: deque[tuple[str, int]] = deque(maxlen=1024)
        """(symbol, id): the last trade ids that the venue gave to what is no trade of the market; without
        them holes would be seen in its ids."""
        self._waiting: dict[str, int] = {}
        """Symbols whose book is wrong -> since when."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        """See Decoder."""
        raise NotImplementedError

    def book_snapshot(self, native: str, body: bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        """REST's answer for one of ``wanted``. Never raises; one that cannot be used is wanted again.

        Venues whose socket brings the snapshots never want one.
        """

    def flush(self, now_ns: int, out: list[MarketEvent]) -> None:
        """Called a few times a second: append what was held back and is due."""
        self.books.flush(now_ns, out)
        if self.books.broken or self._waiting:
            self._wait(now_ns)

    def _wait(self, now_ns: int) -> None:
        """A snapshot that the socket does not bring is not asked for on this socket for ever."""
        broken = self.books.broken
        self._waiting = {symbol: self._waiting.get(symbol, now_ns) for symbol in broken}
        asks = type(self).book_frames is not VenueDecoder.book_frames and not self._open
        for native, symbol in self._symbols.items() if asks else ():
            if native not in self.refused and now_ns - self._waiting.get(symbol, now_ns) > _UNANSWERED_NS:
                self.reconnect = f"no new snapshot of the book of {clean(native, 40)} came"

    def refuse(self, native: str, why: str, recv_ns: int, out: list[MarketEvent], *, book: bool) -> None:
        """The venue refused a subscription: of one symbol, whose ``book`` was to come, or "" for any."""
        known = native in self._symbols
        detail = f"the venue refused {clean(native, 40) or 'a request'}: {why}"
        self.troubles[native if known else ""] = detail
        if known:
            self.refused.add(native)
            if book and self.books.get(self._symbols[native]) is None:
                self.books.fail(self._symbols[native], f"was refused: {why}", recv_ns, out)
        out.append(FeedStatus(self.venue, FeedState.STALE, detail, recv_ns))

    def book_frames(self, native: str) -> list[str]:
        """What to send so that the socket brings the snapshot of a book anew."""
        return []

    def book_wrong(self, native: str, why: str, recv_ns: int, out: list[MarketEvent]) -> None:
        """The book of ``native``, a known symbol, is wrong: tell, and ask for a new snapshot."""
        self.books.fail(self._symbols[native], why, recv_ns, out)
        self.ask_anew(native, why)

    def ask_anew(self, native: str, why: str) -> None:
        """Of a book that ``books`` already counts as broken. A tape has nobody to ask."""
        name = clean(native, 40)
        self.troubles[native] = f"{name} book {why}: asking for a new snapshot"
        if self.books.broken[self._symbols[native]] > RESYNCS:
            self.reconnect = f"the book of {name} stays wrong"
        elif not self._open:
            self.outbox += self.book_frames(native)

    def _symbol(self, native: str) -> str:
        """The symbol of ``native``; "" when it was never subscribed."""
        symbol = self._symbols.get(native)
        if symbol is None:
            if not self._open or len(self._symbols) >= MOST_SYMBOLS:
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

    def before_instruments(self) -> tuple[Request, ...]:
        return ()

    def learn(self, body: bytes) -> None:
        raise ValueError("nothing was asked before the instruments")

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
    """The specs of ``natives``, in their order. Raises FeedError that names those which are not there."""
    known = {spec.symbol: spec for spec in specs}
    unknown = [native for native in natives if f"{venue}:{native}" not in known]
    if unknown:
        names = f"symbol{'s' if len(unknown) > 1 else ''} {clean(', '.join(unknown), 100)}"
        raise FeedError(f"{venue} does not know the {names}: correct feeds.{venue}.symbols{hint}")
    return [known[f"{venue}:{native}"] for native in natives]
