"""What every feed promises to the rest of the engine, and the words that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Protocol, runtime_checkable

import msgspec

from engine.errors import FeedError
from engine.events import FeedState, MarketEvent

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


class UnknownSymbolsError(FeedError):
    """The venue does not know ``natives``; ``known`` is what it tells of the others."""

    def __init__(self, message: str, natives: Sequence[str], known: Sequence[InstrumentSpec]) -> None:
        super().__init__(message)
        self.natives = tuple(natives)
        self.known = tuple(known)


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


@runtime_checkable
class LeavesOut(Protocol):
    """A feed that can do without some of its symbols."""

    @property
    def left_out(self) -> Collection[str]:
        """Native symbols; ``instruments`` tells of those that the venue lists since."""

    def leave_out(self, natives: Collection[str]) -> None:
        """Bring all but these; to be called while it does not run."""

    def take_back(self) -> None:
        """Bring all that was left out; to be called while it does not run."""


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
