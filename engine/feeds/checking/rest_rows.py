"""The REST replies in a capture, told apart by their address, and read as the adapter reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from engine.config import FeedConfig
from engine.errors import SymbolError, TickdeskError
from engine.events import NS, MarketEvent
from engine.feeds.base import Request, UnreachableError
from engine.feeds.registry import VenueEntry
from engine.feeds.venue import Venue
from engine.symbols import resolve

_NATIVE = re.compile(r'"(?:symbol|instId|product_id|s|S)"\s*:\s*"([^"]{1,40})"')
_GUESSES = (
    ("exchange_info|instruments|products|asset_pairs|assetpairs", "instruments"),
    ("kline|candle|ohlc", "candles"),
    ("ticker|bbo", "quote"),
    ("depth|book", "book"),
    ("trade", "trades"),
)
"""What a body without an address is, by words in the name of its kind."""


class Reply(NamedTuple):
    """What a REST reply is. ``error`` is "" when it could be read."""

    kind: str
    """instruments, book, trades, candles or quote; "" for what the adapter never asks for."""
    native: str = ""
    events: Sequence[MarketEvent] = ()
    error: str = ""


class RestRows:
    """Reads the replies of one venue. Never raises."""

    def __init__(self, entry: VenueEntry) -> None:
        self._entry = entry
        self._venues: dict[str, Venue] = {}
        self._natives: dict[str, str] = {}
        """By what REST calls them."""

    def read(self, url: str, raw: str, recv_ns: int) -> Reply:
        """A reply with the address that was asked."""
        kind, native = self._asked(url)
        return self._read(kind, native, raw, recv_ns) if kind else Reply("")

    def guess(self, name: str, raw: str, recv_ns: int) -> Reply:
        """A body of which only a name of its kind is known: what cannot be read is then not the adapter's."""
        kind = next((kind for words, kind in _GUESSES if re.search(words, name.lower())), "")
        if kind in ("", "book"):
            return Reply("")
        found = _NATIVE.search(raw)
        reply = self._read(kind, found[1] if found else "BTCUSDT", raw, recv_ns)
        return Reply("") if reply.error else reply

    def _asked(self, url: str) -> tuple[str, str]:
        """What was asked for, and of which native symbol."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        if path.endswith(self._entry.instruments_path):
            return "instruments", ""
        values = [value for _, value in parse_qsl(parts.query)]
        for native in [*values, *(piece for piece in path.split("/") if piece)]:
            venue = self._venue(native[:40])
            for kind, request in _requests(venue, native) if venue is not None else ():
                named = native in path or any(native == value for _, value in request.params)
                if named and path.endswith(unquote(request.path)):
                    return kind, native
        return "", ""

    def _venue(self, native: str) -> Venue | None:
        """The venue as if it were configured for that symbol; None when it cannot be."""
        if native not in self._venues:
            if len(self._venues) > 1000:
                self._venues.clear()
            try:
                self._venues[native] = self._entry.venue(FeedConfig(symbols=(native,)))
            except (TickdeskError, ValueError):
                return None
        return self._venues[native]

    def _native(self, venue: Venue | None, asked: str) -> str:
        """As the socket calls what REST was asked for: else its trades would seem to be another symbol's."""
        if venue is None or self._entry.read_names is None:
            return asked
        try:
            return self._natives.get(asked) or resolve(venue.name, asked, {})
        except SymbolError:
            return asked

    def _read(self, kind: str, native: str, raw: str, recv_ns: int) -> Reply:
        body = raw.encode()
        try:
            if kind == "instruments":
                self._entry.read_instruments(raw)
                if self._entry.read_names is not None:
                    self._natives |= {told: native for native, told in self._entry.read_names(raw).items()}
                return Reply(kind)
            venue = self._venue(native)
            native = self._native(venue, native)
            if kind == "book" or venue is None:
                msgspec.json.decode(body)  # the decoder reads it
                return Reply(kind, native)
            return Reply(kind, native, _PARSE[kind](venue, native, body, recv_ns))
        except UnreachableError:
            return Reply("")  # the venue said to ask later
        except (msgspec.MsgspecError, TickdeskError, ValueError, ArithmeticError, LookupError) as error:
            return Reply(kind, native, (), str(error) or type(error).__name__)


_PARSE: dict[str, Callable[[Venue, str, bytes, int], Sequence[MarketEvent]]] = {
    "trades": lambda venue, native, body, recv_ns: venue.parse_trades(native, body, recv_ns),
    "candles": lambda venue, native, body, recv_ns: venue.parse_candles(native, 60, body, recv_ns),
    "quote": lambda venue, native, body, recv_ns: [venue.parse_quote(native, body, recv_ns)],
}


def _requests(venue: Venue, native: str) -> list[tuple[str, Request]]:
    asked = (
        ("book", venue.book_request(native)),
        ("trades", venue.recent_request(native)),
        ("candles", venue.candles_request(native, 60, 0, 60 * NS)),
        ("quote", venue.quote_request(native)),
    )
    return [(kind, request) for kind, request in asked if request is not None]
