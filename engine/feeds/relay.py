"""What goes out of several connections to one venue, so that who listens sees one.

The first connection's quotes, books and bars win until the second takes over; trades of both go out, to be
deduplicated. Books are told wrong when no connection keeps them any more, and right again with the first
that is published of them: a new connection's decoder does not know what was told before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.events import BookStatus, Candle, Depth, Malformed, MarketEvent, Quote, Trade

_State = Quote | Depth | Candle


class Relay:
    """Sans-IO."""

    def __init__(self) -> None:
        self._live: dict[str, bool] = {}
        """Symbols whose book was told of: whether it is right."""
        self._why: dict[str, str] = {}
        """Of those that are wrong: what was told of it."""
        self._lost: dict[str, bool] = {}
        """Those that are wrong because a connection ended: whether quotes are their tops."""
        self._told_ns: dict[tuple[type, str], int] = {}
        """Event time of the last state told."""
        self._held: dict[tuple[type, str], _State] = {}
        """The newest that the second connection told."""

    def first(self, events: Iterable[MarketEvent], book_quotes: bool, out: list[MarketEvent]) -> None:
        """Append what of the first connection's events goes out; ``book_quotes``: quotes are its books'."""
        live, told_ns = self._live, self._told_ns
        for event in events:
            kind = type(event)
            # Each message comes through here: the type is compared, which costs a tenth of isinstance.
            if type(event) is Quote or type(event) is Depth:
                symbol = event.symbol
                if (kind is Depth or book_quotes) and live.get(symbol) is not True:
                    if symbol in live:
                        out.append(BookStatus(symbol, True, "", book_quotes, event.recv_ns))
                    live[symbol] = True
                    self._right(symbol)
                told_ns[kind, symbol] = event.event_ns
            elif type(event) is BookStatus:
                symbol = event.symbol
                told = live.get(symbol) is event.live
                if told and (event.live or self._why.get(symbol) == event.reason):
                    continue
                live[symbol] = event.live
                self._right(symbol)
                if not event.live:
                    self._why[symbol] = event.reason
            elif type(event) is Candle:
                told_ns[kind, event.symbol] = event.event_ns
            out.append(event)

    def second(self, events: Iterable[MarketEvent], waits: bool, out: list[MarketEvent]) -> None:
        """Of another connection's events trades go out, and what could not be read; the rest is kept for when
        it takes over, if it ``waits`` for that."""
        for event in events:
            if isinstance(event, Trade | Malformed):
                out.append(event)
            elif waits and isinstance(event, Quote | Depth | Candle):
                self._held[type(event), event.symbol] = event

    def dismiss(self) -> None:
        """The second connection has ended without taking over."""
        self._held.clear()

    def hand_over(self, book_quotes: bool, out: list[MarketEvent]) -> None:
        """The second connection is the first now: append what it knows better."""
        newer = [event for key, event in self._held.items() if event.event_ns > self._told_ns.get(key, 0)]
        self._held.clear()
        self.first(newer, book_quotes, out)

    def lost(
        self, kept: Collection[str], reason: str, book_quotes: bool, now_ns: int, out: list[MarketEvent]
    ) -> None:
        """The first connection has ended: no book is right but those ``kept`` by another one."""
        for symbol, live in self._live.items():
            if live and symbol not in kept:
                self._live[symbol] = False
                self._why[symbol], self._lost[symbol] = reason, book_quotes
                out.append(BookStatus(symbol, False, reason, book_quotes, now_ns))

    def back(self, reason: str, now_ns: int, out: list[MarketEvent]) -> None:
        """A connection is there again: ``reason`` is why the books that were lost are still wrong."""
        for symbol, book_quotes in self._lost.items():
            self._why[symbol] = reason
            out.append(BookStatus(symbol, False, reason, book_quotes, now_ns))
        self._lost.clear()

    def _right(self, symbol: str) -> None:
        """Or wrong for another reason than that it was lost."""
        self._why.pop(symbol, None)
        self._lost.pop(symbol, None)
