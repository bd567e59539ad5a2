"""A capture of connections that overlapped, played as they were followed live: the first one's quotes, books
and bars count until it ends, trades of all go out, each once. What was traded while none of them was there is
a gap: REST's answers are no part of the stream.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.events import NS, MarketEvent, Trade
from engine.feeds.cuts import Cuts
from engine.feeds.decoder import VenueDecoder
from engine.feeds.relay import Relay

_OPEN = 16
"""Connections that are open side by side, at most."""
_TOLD = 4096
"""Trades remembered: more than two connections overlap by."""
_GONE_NS = 10 * NS
"""A connection that brings nothing for so long while another does is over: a crash leaves no word of it."""


class SideBySide:
    """``new`` makes the decoder of a connection; where ``ids_rise`` by one, they tell what is missing."""

    def __init__(self, new: Callable[[], VenueDecoder], *, ids_rise: bool = False) -> None:
        self._new = new
        self._cuts = Cuts(ids_rise=ids_rise)
        self._decoders: dict[int, VenueDecoder] = {}
        """The first one counts."""
        self._heard_ns: dict[int, int] = {}
        self._relay = Relay()
        self._told: dict[tuple[str, int], int] = {}
        """Of which connection a trade is, by symbol and id."""
        self._malformed = 0
        self.natives: set[str] = set()
        """Symbols of which its connections told, until ``take_malformed`` was called last."""

    def take_malformed(self) -> int:
        """Frames that could not be decoded since the last call."""
        found, self._malformed = self._malformed, 0
        for decoder in self._decoders.values():
            found += decoder.malformed
            decoder.malformed = 0
            self.natives |= decoder.natives
        return found

    def opened(self, number: int, url: str, ns: int, out: list[MarketEvent]) -> None:
        if number in self._cuts:  # a crash left no word of its end
            self.ended(number, ns, out)
        self._cuts.opened(number, url, ns)

    def frame(self, number: int, raw: str, ns: int, out: list[MarketEvent]) -> None:
        decoders = self._decoders
        if number not in decoders:
            while len(decoders) >= _OPEN:
                self.ended(next(iter(decoders)), ns, out)
            decoders[number] = self._new()
            self._cuts.heard(number, ns)
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
        self._cuts.ended(number, self._heard_ns.get(number, ns))
        was_first = next(iter(self._decoders), None) == number
        decoder = self._decoders.pop(number, None)
        if decoder is None:
            return
        self._heard_ns.pop(number, None)
        self._malformed += decoder.malformed
        self.natives |= decoder.natives
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
        for event in passed:
            if isinstance(event, Trade):
                if not self._is_new(event, number):
                    continue
                if (gap := self._cuts.trade(event, number)) is not None:
                    out.append(gap)
            out.append(event)

    def _is_new(self, trade: Trade, number: int) -> bool:
        """No other connection has brought it."""
        if trade.trade_id < 0:
            return True
        of = self._told.setdefault((trade.symbol, trade.trade_id), number)
        if len(self._told) > _TOLD:
            del self._told[next(iter(self._told))]
        return of == number


class Places:
    """As ``SideBySide``, of connections to several places: each brings what no other does, so they do not
    replace each other."""

    def __init__(self, new: Callable[[], VenueDecoder], *, ids_rise: bool = False) -> None:
        self._new = new
        self._ids_rise = ids_rise
        self._places: dict[str, SideBySide] = {}
        self._of: dict[int, str] = {}
        """Where the connections that are open lead to; "" where that was told before the capture began."""

    @property
    def natives(self) -> set[str]:
        return set().union(*(place.natives for place in self._places.values()))

    def take_malformed(self) -> int:
        return sum(place.take_malformed() for place in self._places.values())

    def opened(self, number: int, url: str, ns: int, out: list[MarketEvent]) -> None:
        # It may replace one of those that lead nobody knows where.
        place = "" if "" in self._of.values() else url
        if self._of.get(number, place) != place:  # a crash left no word of its end
            self.ended(number, ns, out)
        self._of[number] = place
        self._at(place).opened(number, url, ns, out)

    def frame(self, number: int, raw: str, ns: int, out: list[MarketEvent]) -> None:
        self._at(self._of.setdefault(number, "")).frame(number, raw, ns, out)

    def snapshot(self, native: str, body: bytes, ns: int, out: list[MarketEvent]) -> None:
        for place in self._places.values():
            place.snapshot(native, body, ns, out)

    def ended(self, number: int, ns: int, out: list[MarketEvent]) -> None:
        self._at(self._of.pop(number, "")).ended(number, ns, out)

    def _at(self, place: str) -> SideBySide:
        found = self._places.get(place)
        if found is None:
            found = self._places[place] = SideBySide(self._new, ids_rise=self._ids_rise)
        return found
