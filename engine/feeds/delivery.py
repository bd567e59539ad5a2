"""From what connections and REST bring to what goes out: in order, once, counted, holes filled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from engine.events import NS, Candle, Depth, FeedStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.backfill import backfill
from engine.feeds.base import FeedStats, Sink
from engine.feeds.books import Books
from engine.feeds.continuity import Continuity, Missing, Order
from engine.feeds.identity import Identity
from engine.feeds.relay import Relay
from engine.feeds.rest import Rest
from engine.feeds.venue import Venue

_TWICE_NS = 2 * NS
"""For so long after a hand-over trades may come that the connection before has brought."""


class Delivery:
    """Outlives the connections. ``open`` it first."""

    def __init__(self, venue: Venue, rest: Rest, stats: FeedStats, clock: Callable[[], int]) -> None:
        self._venue = venue
        self._rest = rest
        self._stats = stats
        self._clock = clock
        self._order: Order
        if venue.consecutive_ids:
            self._order = Continuity()
        else:
            self._order = Identity(self._expected())
        self._relay = Relay()
        self._fetches: dict[Missing, asyncio.Task[None]] = {}
        self._connected = False
        self._resyncs = 0
        """Of the connections that have ended."""
        self._twice = False
        """Two connections bring trades."""
        self._twice_until_ns = 0
        self._sink: Sink
        self._tasks: asyncio.TaskGroup

    def _expected(self) -> list[str]:
        """Where another connection brings the trades, nothing of them is missed with this one."""
        natives = self._venue.natives if "trade" in self._venue.channels else ()
        return [f"{self._venue.name}:{native}" for native in natives]

    def expect(self) -> None:
        """The venue's symbols are others from the next connection on."""
        if isinstance(self._order, Identity):
            self._order.expect(self._expected())

    def open(self, sink: Sink, tasks: asyncio.TaskGroup) -> None:
        self._sink, self._tasks = sink, tasks
        if self._fetches:  # those that ended with the tasks before
            self._order.wanted[:0] = self._fetches
            self._fetches.clear()
            self._ask()

    def first(self, events: Sequence[MarketEvent], book_quotes: bool, *, live: bool = True) -> None:
        """Events of the connection that counts; ``live``: its socket brought them."""
        last_ns = self._stats.last_data_ns
        passed: list[MarketEvent] = []
        self._relay.first(events, book_quotes, passed)
        self._push(passed)
        if not live:
            self._stats.last_data_ns = last_ns

    def second(self, events: Sequence[MarketEvent], *, waits: bool) -> None:
        """Events of another one, which ``waits`` to take over or has been replaced."""
        self._twice = waits
        passed: list[MarketEvent] = []
        self._relay.second(events, waits, passed)
        out: list[MarketEvent] = []
        self._order.push(passed, out, repeats=True)
        self._pass_on(out)

    def page(self, events: Sequence[MarketEvent]) -> None:
        """A symbol's answer of REST, while no connection delivers."""
        out: list[MarketEvent] = []
        self._order.page(events, out)
        self._pass_on(out)

    def connected(self) -> None:
        """The first connection is subscribed, and nothing speaks against it."""
        if not self._connected:
            self._connected = True
            self._order.connected(self._clock())
            out: list[MarketEvent] = []
            self._relay.back("is begun anew on a new connection", self._clock(), out)
            self._pass_on(out)

    def hand_over(self, why: str, old: Books, new: Books, *, whole: bool) -> None:
        """The second connection is the first now; ``whole``: it has been bringing all trades."""
        out: list[MarketEvent] = []
        self._relay.hand_over(new.quotes, out)
        self._push(out)
        self._twice, self._twice_until_ns = False, self._clock() + _TWICE_NS
        self._end(why, old, new)
        if not whole:
            self.cut()

    def dismiss(self) -> None:
        """The second connection has ended without taking over."""
        self._twice = False
        self._relay.dismiss()

    def lost(self, why: str, old: Books) -> None:
        """The last connection has ended."""
        self._end(why, old, None)
        self.cut()

    def cut(self) -> None:
        """The first connection may be losing trades: until the next ``connected`` none is known to follow on
        those before."""
        self._connected = False
        self._order.cut()

    def _end(self, why: str, old: Books, new: Books | None) -> None:
        self._resyncs += old.resyncs
        out: list[MarketEvent] = []
        kept = new.symbols if new is not None else ()
        self._relay.lost(kept, why, old.quotes, self._clock(), out)
        self._pass_on(out)

    def tick(self, books: Books | None) -> None:
        """A few times a second; ``books`` are those of the connection that counts."""
        out: list[MarketEvent] = []
        self._order.expire(self._clock(), out)
        self._pass_on(out)
        stats, order = self._stats, self._order
        stats.duplicates, stats.reordered = order.duplicates, order.reordered
        stats.books = len(books) if books is not None else 0
        stats.books_broken = len(books.broken) if books is not None else 0
        stats.resyncs = self._resyncs + (books.resyncs if books is not None else 0)

    def _push(self, events: Sequence[MarketEvent]) -> None:
        out: list[MarketEvent] = []
        repeats = self._twice or (self._twice_until_ns > 0 and self._twice_still())
        self._order.push(events, out, repeats=repeats)
        self._pass_on(out)

    def _twice_still(self) -> bool:
        if self._clock() >= self._twice_until_ns:
            self._twice_until_ns = 0
        return self._twice_until_ns > 0

    def _pass_on(self, out: list[MarketEvent]) -> None:
        stats = self._stats
        for at, event in enumerate(out):
            if type(event) is Quote or type(event) is Depth or type(event) is Candle:
                stats.last_data_ns = event.recv_ns
            elif type(event) is Trade:
                if event.backfilled:
                    stats.backfilled += 1
                else:
                    stats.last_data_ns = event.recv_ns
            elif type(event) is Gap:
                stats.gaps += 1
            elif type(event) is Malformed:
                stats.malformed += 1
            elif type(event) is FeedStatus:  # from a decoder, which knows of one connection only
                out[at] = msgspec.structs.replace(event, reconnects=stats.reconnects)
        if out:
            self._sink(out)
        if self._order.wanted or self._order.given_up:
            self._ask()

    def _ask(self) -> None:
        order = self._order
        if order.wanted:
            wanted, order.wanted = order.wanted, []
            for missing in wanted:
                name = f"backfill-{missing.symbol}"
                self._fetches[missing] = self._tasks.create_task(self._backfill(missing), name=name)
        if order.given_up:
            given_up, order.given_up = order.given_up, []
            for missing in given_up:
                fetch = self._fetches.pop(missing, None)
                if fetch is not None:
                    fetch.cancel()

    async def _backfill(self, missing: Missing) -> None:
        reason = await backfill(self._venue, self._rest, missing, self._clock, self._order.joined)
        self._fetches.pop(missing, None)
        out: list[MarketEvent] = []
        self._order.fill(missing, reason, out)
        self._pass_on(out)
