"""A venue's live feed: a socket that is replaced when it fails, or before the venue cuts it, backed by REST
while it is away."""

from __future__ import annotations

import asyncio
import copy
import logging
import random
from collections.abc import Callable, Collection

import msgspec

from engine.config import FeedConfig
from engine.events import NS, BookStatus, FeedState, FeedStatus, MarketEvent
from engine.feeds.address import check_url, place
from engine.feeds.backoff import Backoff
from engine.feeds.base import InstrumentSpec, Sink, UnreachableError
from engine.feeds.delivery import Delivery
from engine.feeds.pace import Pace
from engine.feeds.polling import Poller
from engine.feeds.rest import RefusedError, Rest
from engine.feeds.session import Session
from engine.feeds.status import TROUBLES, Status
from engine.feeds.tap import Tap
from engine.feeds.transport import HandshakeError, Transport, TransportError, transport
from engine.feeds.venue import Venue
from engine.feeds.watchdog import CHANNELS, Patience, Verdict
from engine.task_group import TaskGroup
from engine.text import clean

_FIRST_BACKOFF_S = 0.5
STEADY_S = 30.0
"""A connection is good when live data came on it for this long: only then the back-off starts over."""
OVERLAP_S = 30.0
"""For so long a second connection may take to be as good as the first, beside what its books take."""
_TICK_S = 0.1
_STEP_S = 0.05
_UNDERWAY_S = 0.2
"""What comes by a connection may be so old."""


class SocketFeed:
    """Feed of one venue."""

    def __init__(
        self,
        venue: Venue,
        config: FeedConfig,
        *,
        clock: Callable[[], int],
        rng: random.Random,
        tap: Tap | None = None,
        connects: Pace | None = None,
        requests: Pace | None = None,
    ) -> None:
        """``tap`` takes all frames and replies, for a recorder. ``connects`` and ``requests`` are given where
        other feeds of the venue share its limits."""
        self.venue = venue.name
        self._tap = tap
        self._venue = venue
        self._all = venue.natives
        self._clock = clock
        self._rng = rng
        self._rest_url = config.rest_url or venue.rest_url
        base = config.ws_url or venue.ws_url
        check_url(f"feeds.{venue.name}.ws_url", base, ("ws", "wss"))
        check_url(f"feeds.{venue.name}.rest_url", self._rest_url, ("http", "https"))
        self._open = transport(config.transport, f"feeds.{venue.name}.transport")
        self._ws_url = base
        self._host = place(venue.connect_url(base))
        self._backoff = Backoff(_FIRST_BACKOFF_S, config.backoff_max_s, rng)
        subscribed = (True, True, config.book_levels > 0, config.candles)
        carried = zip(CHANNELS, subscribed, strict=True)
        channels = tuple(name for name, used in carried if used and name in venue.channels)
        self._patience = Patience(int(config.silence_s * NS), channels)
        self._rest = self._new_rest(requests)
        self._connects = connects or Pace(venue.connect_gap_s)
        self._books = Pace(venue.book_gap_s)
        self._poller = Poller(
            venue,
            self._rest,
            config.poll_interval_s,
            Backoff(config.poll_interval_s, config.backoff_max_s, rng),
            clock=clock,
            deliver=self._polled,
            failed=lambda why: self._status.poll_failed(why),
        )
        self._poll_s = config.poll_interval_s
        self._book_levels = config.book_levels
        self._status = Status(venue.name, clock, lambda status: self._sink([status]))
        self.stats = self._status.stats
        self._delivery = Delivery(venue, self._rest, self.stats, clock)
        self._why = ""
        """Why the last connection ended, or could not be made."""
        self._first: Session | None = None
        """The connection whose data goes out."""
        self._second: Session | None = None
        """The one that is to replace it."""
        self._sink: Sink
        self._tasks: asyncio.TaskGroup

    async def instruments(self) -> list[InstrumentSpec]:
        """Raises UnknownSymbolsError for symbols the venue does not know, RefusedError when it refuses to
        tell, UnreachableError when it cannot be asked."""
        rest, venue = self._new_rest(), self._asking()
        try:
            for request in venue.before_instruments():
                venue.learn(await rest.get(request))
            page = await self._ask_instruments(venue, rest)
            while (more := venue.more_instruments(page)) is not None:
                venue.learn(page)
                page = await rest.get(more)
            return venue.parse_instruments(page)
        except RefusedError as error:
            where = f"feeds.{self.venue}"
            raise RefusedError(f"{error}: check {where}.rest_url and {where}.symbols") from None
        except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
            raise UnreachableError(
                f"{self.venue} sent no instruments ({clean(error, 80)}): check feeds.{self.venue}.rest_url"
            ) from None
        finally:
            await rest.close()

    def _asking(self) -> Venue:
        """The venue as if nothing were left out."""
        if not self.left_out:
            return self._venue
        asking = copy.copy(self._venue)
        asking.natives = self._all
        return asking

    @property
    def left_out(self) -> Collection[str]:
        """See LeavesOut."""
        return [one for one in self._all if one not in self._venue.natives]

    def leave_out(self, natives: Collection[str]) -> None:
        """See LeavesOut."""
        self._bring(tuple(one for one in self._venue.natives if one not in natives))

    def take_back(self) -> None:
        """See LeavesOut."""
        self._bring(self._all)

    def _bring(self, natives: tuple[str, ...]) -> None:
        self._venue.natives = natives
        self._delivery.expect()
        left_out = clean(", ".join(self.left_out), 60)
        self._status.left_out = f"without {left_out}, which it does not know" if left_out else ""

    def _new_rest(self, pace: Pace | None = None) -> Rest:
        tap = self._tap.reply if self._tap is not None else None
        return Rest(self.venue, self._rest_url, self._venue.rest_per_s, tap=tap, pace=pace)

    async def _ask_instruments(self, venue: Venue, rest: Rest) -> bytes:
        try:
            return await rest.get(venue.instruments_request())
        except RefusedError:
            everything = venue.all_instruments_request()
            if everything is None:
                raise
            return await rest.get(everything)

    async def run(self, sink: Sink) -> None:
        """Connect, read, and start over, until cancelled. What ``sink`` raises comes in an ExceptionGroup."""
        self._sink = sink
        self._status.polling = False
        try:
            async with TaskGroup() as self._tasks:
                self._delivery.open(sink, self._tasks)
                if self._first is not None:  # the run before was ended in the midst of it
                    self._lost(self._first)
                    self._second = None
                    self._delivery.dismiss()
                self._tasks.create_task(self._tick(), name=f"tick-{self.venue}")
                while True:
                    again = f"{self._why}; " if self._why else ""
                    self._status.tell(FeedState.CONNECTING, f"{again}connecting to {self._host}")
                    session, at_least_s = await self._connect()
                    if session is not None:
                        at_least_s = await self._keep(session)
                    self._poller.start(self._tasks)
                    wait_s = self._backoff.next(at_least_s)
                    self._status.tell(FeedState.DOWN, f"{self._why}; next attempt in {wait_s:.1f} s")
                    await asyncio.sleep(wait_s)
                    self.stats.reconnects += 1
        finally:
            self._poller.stop()
            await self._rest.close()

    async def _connect(self) -> tuple[Session | None, float]:
        """A new connection, or the least number of seconds to wait before the next attempt."""
        await self._connects.turn()
        url = self._venue.connect_url(self._ws_url)  # which may name what it brings
        try:
            opened = await self._open(url)
        except HandshakeError as error:
            self._why = f"{self._host} {error}"
            self._connects.pause(error.retry_after_s)
            return None, error.retry_after_s
        except TransportError as error:
            self._why = f"cannot connect to {self._host}: {error}"
            return None, 0.0
        if self._tap is not None:
            opened = self._tap.connection(opened, url)
        return self._start(opened), 0.0

    def _start(self, opened: Transport) -> Session:
        session = Session(
            self._venue,
            opened,
            self._rest,
            self._books,
            self._patience,
            self._rng,
            clock=self._clock,
            stats=self.stats,
            deliver=self._received,
            watched=self._watched,
            strangers=self._strangers,
        )
        if self._first is None:
            self._lead(session)
        else:
            self._second = session
        self._tasks.create_task(session.run(), name=f"session-{self.venue}")
        return session

    def _lead(self, session: Session) -> None:
        self._first, self._second = session, None
        self._status.watch(session.decoder.troubles)

    async def _keep(self, session: Session) -> float:
        """Until the last connection ends; returns the least number of seconds to wait after it."""
        while not session.ended.is_set():
            await self._until_due(session)
            delay_s = session.decoder.reconnect_delay_s
            if session.ended.is_set():
                break
            if session.doubted.is_set():
                self._delivery.cut()
            if self._venue.single_connection or (session.decoder.reconnect and delay_s > 0):
                await session.close("its time is over")
            else:
                session = await self._overlap(session)
        if self._first is session:
            self._lost(session)
        return session.decoder.reconnect_delay_s

    def _lost(self, session: Session) -> None:
        """No connection delivers any more."""
        self._why = session.why
        self._judge(session)
        self._first = None
        self._delivery.lost("the connection is away", session.decoder.books)

    async def _until_due(self, session: Session) -> None:
        """It has ended, or another should take over."""
        left_s = None
        if self._venue.lifetime_s > 0:
            left_s = session.opened_s + self._venue.lifetime_s - asyncio.get_running_loop().time()
        await _any(left_s, session.ended, session.doubted)

    async def _overlap(self, old: Session) -> Session:
        """Open a second connection while the first still delivers; returns the one that goes on."""
        connecting = self._tasks.create_task(self._connect(), name=f"connect-{self.venue}")
        ended = self._tasks.create_task(old.ended.wait())
        await asyncio.wait((connecting, ended), return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not connecting.done():
            self._lost(old)
            self._poller.start(self._tasks)
            self._status.tell(FeedState.CONNECTING, f"{old.why}; connecting to {self._host}")
        new, at_least_s = await connecting
        if new is not None and self._first is new:
            self.stats.reconnects += 1
            return new
        if new is not None:
            deadline_s = new.opened_s + OVERLAP_S + self._books_s()
            while not (old.ended.is_set() or new.ended.is_set() or _as_good(new, old)):
                if asyncio.get_running_loop().time() >= deadline_s:
                    break
                await _any(_STEP_S, old.ended, new.ended)
            if not new.ended.is_set() and (old.ended.is_set() or _as_good(new, old, late=True)):
                await self._hand_over(old, new)
                return new
            await new.close("the first connection is no worse")
            self._second = None
            self._delivery.dismiss()
        if not old.ended.is_set():
            old.believe()
            await _any(self._backoff.next(at_least_s), old.ended)
        return old

    def _books_s(self) -> float:
        """In so many seconds REST tells the books of a new connection, one by one, beside other work."""
        venue = self._venue
        if not (self._book_levels and venue.natives and venue.book_request(venue.natives[0])):
            return 0.0
        return 1.5 * len(venue.natives) * max(venue.book_gap_s, 1 / venue.rest_per_s)

    async def _hand_over(self, old: Session, new: Session) -> None:
        cut = old.ended.is_set()
        self.stats.reconnects += cut
        self.stats.handovers += not cut
        self._lead(new)
        self._judge(old)
        self._delivery.hand_over(old.why, old.decoder.books, new.decoder.books, whole=_whole(new, old))
        if new.live_s is None and cut:
            self._status.tell(FeedState.CONNECTING, f"{old.why}; connected to {self._host}")
        elif self.stats.state is not FeedState.UP and new.is_live:
            self._live()
        await old.close("another connection took over")

    def _judge(self, session: Session) -> None:
        """Decide at a connection's end whether it was good: one that ends soon after each start is not."""
        if session.live_s is not None and session.live_s[1] - session.live_s[0] >= STEADY_S:
            self._backoff.reset()

    def _strangers(self) -> None:
        self._status.log.warning("what comes for symbols that were never subscribed is dropped")

    def _watched(self, session: Session, verdict: Verdict) -> None:
        if session is self._first and verdict.silent:
            self._status.tell(FeedState.STALE, verdict.reason)

    def _received(self, session: Session, events: list[MarketEvent], live: bool) -> None:
        if session is not self._first:
            self._delivery.second(events, waits=session is self._second)
            return
        for event in events:
            if type(event) is FeedStatus:
                level = logging.INFO if event.state is FeedState.UP else logging.WARNING
                self._status.log.log(level, "%s", event.detail)
                self._status.show()
            elif type(event) is BookStatus:
                name = event.symbol.partition(":")[2]
                if event.live:
                    self._status.log.info("%s book is right again", name)
                else:
                    self._status.log.warning("%s book %s", name, event.reason)
                self._status.show()
        if self.stats.state is not FeedState.UP and session.is_live:
            self._live()
        self._delivery.first(events, session.decoder.books.quotes, live=live)

    def _live(self) -> None:
        self._poller.stop()
        self._status.streaming(self._host)

    def _polled(self, events: list[MarketEvent]) -> None:
        refused = "; ".join(list(self._poller.refused.values())[:TROUBLES])
        polling = f"polling {place(self._rest_url)} every {self._poll_s:g} s"
        self._status.polled(f"{polling}; {refused}" if refused else f"{polling}: {self._why}")
        self._delivery.page(events)

    async def _tick(self) -> None:
        """Whatever state the socket is in."""
        while True:
            await asyncio.sleep(_TICK_S)
            first = self._first
            if first is not None and first.subscribed and not first.doubted.is_set():
                self._delivery.connected()
            self._delivery.tick(first.decoder.books if first is not None else None)
            self._status.show()  # what was wrong may be right without an event


def _as_good(new: Session, old: Session, *, late: bool = False) -> bool:
    """``new`` brings all that ``old`` does; ``late``: nothing has come by either is as good."""
    quiet = late and (old.live_s is None or old.live_s[1] <= new.opened_s)
    books, lacking = new.decoder.books.symbols, old.decoder.books.symbols - new.decoder.books.symbols
    # A delisted one still stands in the old connection, and comes by no other.
    covers = not lacking or (len(books) > 0 and lacking <= new.decoder.refused_symbols)
    return new.subscribed and covers and (new.live_s is not None or quiet)


def _whole(new: Session, old: Session) -> bool:
    """Each trade came by one of both: ``old`` still brought them when ``new`` was subscribed. That a socket
    is open does not show it; what comes by it does."""
    if new.subscribed_s is None or old.live_s is None:
        return False
    return old.live_s[1] >= new.subscribed_s + (_UNDERWAY_S if old.ended.is_set() else 0.0)


async def _any(within_s: float | None, *events: asyncio.Event) -> None:
    """Until one of ``events``, or the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
