"""A capture of connections that overlapped, played as they were followed live: the first one's quotes, books
and bars count until it ends, trades of all go out, each once.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.events import NS, MarketEvent, Trade
from engine.feeds.decoder import VenueDecoder
from engine.feeds.relay import Relay

_OPEN = 16
"""Connections that are open side by side, at most."""
_TOLD = 4096
"""Trades remembered: more than two connections overlap by."""
_GONE_NS = 10 * NS
"""A connection that brings nothing for so long while another does is over: a crash leaves no word of it."""


class SideBySide:
    """``new`` makes the decoder of a connection."""

    def __init__(self, new: Callable[[], VenueDecoder]) -> None:
        self._new = new
        self._decoders: dict[int, VenueDecoder] = {}
        """The first one counts."""
        self._heard_ns: dict[int, int] = {}
        self._relay = Relay()
        self._told: dict[tuple[str, int], int] = {}
        """Of which connection a trade is, by symbol and id."""
        self._malformed = 0

    def take_malformed(self) -> int:
        """Frames that could not be decoded since the last call."""
        found, self._malformed = self._malformed, 0
        for decoder in self._decoders.values():
            found += decoder.malformed
            decoder.malformed = 0
        return found

    def frame(self, number: int, raw: str, ns: int, out: list[MarketEvent]) -> None:
        decoders = self._decoders
        if number not in decoders:
            while len(decoders) >= _OPEN:
                self.ended(next(iter(decoders)), ns, out)
            decoders[number] = self._new()
        self._heard_ns[number] = ns
        first = next(iter(decoders))
        if number != first and ns - self._heard_ns[first] > _GONE_NS:
            self.ended(first, ns, out)
            first = next(iter(decoders))
        events: list[MarketEvent] = []
        decoders[number].decode(raw, ns, events)
        self._pass_on(number, first, events, out)

    def snapshot(self, native: str, body: bytes, ns: int, out: list[MarketEvent]) -> None:
        """REST's snapshot of a book, for whoever waits for it."""
        for number, decoder in list(self._decoders.items()):
            if native in decoder.wanted:
                decoder.wanted = [one for one in decoder.wanted if one != native]
                events: list[MarketEvent] = []
                decoder.book_snapshot(native, body, ns, events)
                self._pass_on(number, next(iter(self._decoders)), events, out)

    def ended(self, number: int, ns: int, out: list[MarketEvent]) -> None:
        """A connection is over; the oldest of the others counts from now on."""
        was_first = next(iter(self._decoders), None) == number
        decoder = self._decoders.pop(number, None)
        if decoder is None:
            return
        self._heard_ns.pop(number, None)
        self._malformed += decoder.malformed
        if not was_first:
            return
        heir = next(iter(self._decoders.values()), None)
        if heir is not None:
            self._relay.hand_over(heir.books.quotes, out)
        kept = heir.books.symbols if heir is not None else ()
        self._relay.lost(kept, "the connection ended", decoder.books.quotes, ns, out)

    def _pass_on(self, number: int, first: int, events: list[MarketEvent], out: list[MarketEvent]) -> None:
        passed: list[MarketEvent] = []
        if number == first:
            self._relay.first(events, self._decoders[number].books.quotes, passed)
        else:
            self._relay.second(events, True, passed)
        out += [event for event in passed if not isinstance(event, Trade) or self._is_new(event, number)]

    def _is_new(self, trade: Trade, number: int) -> bool:
        """No other connection has brought it."""
        if trade.trade_id < 0:
            return True
        of = self._told.setdefault((trade.symbol, trade.trade_id), number)
        if len(self._told) > _TOLD:
            del self._told[next(iter(self._told))]
        return of == number
