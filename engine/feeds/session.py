"""One connection to a venue, from its subscription to its end: read, kept alive, watched.

The socket is decoded and delivered in the reader itself: nothing queues behind it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from engine.events import NS, BookStatus, Candle, Depth, MarketEvent, Quote, Trade
from engine.feeds.base import FeedStats
from engine.feeds.pace import Pace
from engine.feeds.rest import Rest
from engine.feeds.snapshots import Snapshots
from engine.feeds.transport import Transport, TransportError
from engine.feeds.venue import Venue
from engine.feeds.watchdog import Health, Patience, Verdict, Watchdog
from engine.task_group import TaskGroup

_FLUSH_S = 0.1
_UNTOLD_S = 5.0
"""A venue that has not acknowledged the subscription by then does not do so."""
_CHANNEL = {Trade: "trade", Quote: "quote", Depth: "book", Candle: "candle", BookStatus: "book"}


class Session:
    """``deliver`` takes each read's events and whether they came by the socket, ``watched`` each verdict that
    is not good."""

    def __init__(
        self,
        venue: Venue,
        transport: Transport,
        rest: Rest,
        book_pace: Pace,
        patience: Patience,
        rng: random.Random,
        *,
        clock: Callable[[], int],
        stats: FeedStats,
        deliver: Callable[[Session, list[MarketEvent], bool], None],
        watched: Callable[[Session, Verdict], None],
        strangers: Callable[[], None],
    ) -> None:
        """``strangers`` is called once, when something comes that was never subscribed."""
        self.decoder = venue.decoder()
        self.opened_s = asyncio.get_running_loop().time()
        self.subscribed_s: float | None = None
        """Loop time of the first message at which it was subscribed."""
        self.live_s: tuple[float, float] | None = None
        """Loop times of the first and the last live data."""
        self.why = ""
        """Why it ends, or should be replaced."""
        self.ended = asyncio.Event()
        self.doubted = asyncio.Event()
        """Another connection should take over."""
        self._venue = venue
        self._transport = transport
        self._clock = clock
        self._stats = stats
        self._silence_s = patience.silence_ns / NS
        self._deliver = deliver
        self._watched = watched
        self._strangers = strangers
        self._watchdog = Watchdog(patience, int(self.opened_s * NS))
        self._snapshots = Snapshots(
            venue, self.decoder, rest, book_pace, rng, clock=clock, deliver=self._answered
        )
        self._waiting: list[MarketEvent] = []
        """What REST told of books before anything live came: no sign yet that the connection keeps them."""
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._frames = venue.subscribe()
        self._unsent = len(self._frames)
        self._acks = venue.acknowledgements()
        self._sent_s = self.opened_s
        self._beats = self._unsubscribed = 0

    @property
    def subscribed(self) -> bool:
        """Whatever happens from now on comes by this connection."""
        if self._unsent > 0:
            return False
        late = asyncio.get_running_loop().time() - self._sent_s > _UNTOLD_S
        return self.decoder.acks >= self._acks or late

    @property
    def is_live(self) -> bool:
        """Live data has come, and is not stale."""
        silent_ns = self._watchdog.silent_ns(int(asyncio.get_running_loop().time() * NS))
        return self.live_s is not None and silent_ns <= self._silence_s * NS

    async def run(self) -> None:
        """Until the connection ends. What ``deliver`` raises comes in an ExceptionGroup."""
        try:
            async with TaskGroup() as tasks:
                for frame in self._frames:
                    self._outgoing.put_nowait(frame)
                work = (self._send(), self._guard(), self._flush(), self._snapshots.run())
                helpers = [tasks.create_task(one) for one in work]
                try:
                    await self._read()
                except TransportError as error:
                    self.why = self.why or f"the connection ended: {error}"
                finally:
                    for helper in helpers:
                        helper.cancel()
        finally:
            self.ended.set()
            await self._transport.close()

    async def close(self, why: str) -> None:
        """End it; returns when it has."""
        self.why = self.why or why
        await self._transport.close()
        await self.ended.wait()

    def believe(self) -> None:
        """Nothing better was found: doubt it no more, but for what its decoder says."""
        if not self.decoder.reconnect:
            self.why = ""
            self.doubted.clear()

    async def _read(self) -> None:
        decode, receive, clock = self.decoder.decode, self._transport.receive, self._clock
        while True:
            events: list[MarketEvent] = []
            messages = await receive()
            for raw in messages:
                decode(raw, clock(), events)
            self._stats.messages += len(messages)
            self._count()
            self._received(events)

    def _count(self) -> None:
        decoder = self.decoder
        if self.subscribed_s is None and self.subscribed:
            self.subscribed_s = asyncio.get_running_loop().time()
        if decoder.heartbeats != self._beats:
            self._beats = decoder.heartbeats
            self._watchdog.heartbeat(int(asyncio.get_running_loop().time() * NS))
        if decoder.unsubscribed != self._unsubscribed:
            if not self._unsubscribed:
                self._strangers()
            self._stats.unsubscribed += decoder.unsubscribed - self._unsubscribed
            self._unsubscribed = decoder.unsubscribed

    def _received(self, events: list[MarketEvent]) -> None:
        """What came by the socket."""
        if events:
            self._note(events)
            if self._waiting:
                self._let_go(events)
            self._deliver(self, events, True)
        self._serve()

    def _answered(self, events: list[MarketEvent]) -> None:
        """A book's snapshot by REST, which says nothing of the socket."""
        if self.live_s is None:
            self._waiting += events
        elif events:
            self._deliver(self, events, False)
        self._serve()

    def _let_go(self, events: Sequence[MarketEvent]) -> None:
        """With the first live data, or with what speaks of the same books."""
        if self.live_s is not None or any(isinstance(event, BookStatus) for event in events):
            waiting, self._waiting = self._waiting, []
            self._deliver(self, waiting, False)

    def _serve(self) -> None:
        """Do what the decoder asks for."""
        decoder = self.decoder
        if decoder.outbox:
            frames, decoder.outbox = decoder.outbox, []
            for frame in frames:
                self._outgoing.put_nowait(frame)
        if decoder.wanted:
            wanted, decoder.wanted = decoder.wanted, []
            self._snapshots.want(wanted)
        if decoder.reconnect and not self.doubted.is_set():
            self._doubt(decoder.reconnect)

    def _note(self, events: Sequence[MarketEvent]) -> None:
        """Live data proves the connection. What a venue repeats of the past does not, nor a wrong book."""
        now_s, now_ns = 0.0, 0
        for event in events:
            channel = _CHANNEL.get(type(event))
            if channel is None:
                continue
            if type(event) is Trade:
                live = not event.backfilled
            else:
                live = type(event) is not BookStatus or event.live
            if live:
                if not now_s:
                    now_s = asyncio.get_running_loop().time()
                    now_ns = int(now_s * NS)
                self._watchdog.data(channel, now_ns)
        if now_s:
            self.live_s = (self.live_s[0] if self.live_s else now_s), now_s

    def _doubt(self, why: str) -> None:
        self.why = why
        self.doubted.set()

    async def _send(self) -> None:
        """Beside the reader, which must not wait for it, within the rate that the venue allows."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._transport.send(await self._outgoing.get())
                self._unsent -= 1
                self._sent_s = loop.time()
                await asyncio.sleep(1 / self._venue.subscribe_per_s)
        except TransportError:
            return  # the reader meets the same end, and tells it

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            events: list[MarketEvent] = []
            self.decoder.flush(self._clock(), events)
            self._received(events)

    async def _guard(self) -> None:
        """Keep it alive and watch it: tell when it goes stale, cut it when it is dead."""
        loop = asyncio.get_running_loop()
        look_s = min(self._silence_s / 4, 1.0)
        pinged_s, pongs = loop.time(), 0
        try:
            while True:
                await asyncio.sleep(look_s)
                now_s = loop.time()
                now_ns = int(now_s * NS)
                if self._transport.pongs != pongs:
                    pongs = self._transport.pongs
                    if not self._venue.heartbeats:
                        # No heartbeat frames, and a quiet market: a pong proves as much.
                        self._watchdog.heartbeat(now_ns)
                quiet = self._watchdog.silent_ns(now_ns) > self._silence_s * NS / 2
                if now_s - pinged_s >= self._venue.ping_s or (quiet and not self._venue.heartbeats):
                    await self._ping(now_s - pinged_s >= self._venue.ping_s)
                    pinged_s = now_s if now_s - pinged_s >= self._venue.ping_s else pinged_s
                verdict = self._watchdog.check(now_ns)
                if verdict.health is not Health.LIVE:
                    self._watched(self, verdict)
                if verdict.health is Health.DOUBTFUL and not self.doubted.is_set():
                    self._doubt(verdict.reason)
                if verdict.health is Health.DEAD:
                    self.why = verdict.reason
                    self._transport.abort()  # a closing handshake would wait for a peer that is not there
                    return
        except TransportError:
            return  # the reader meets the same end, and tells it

    async def _ping(self, due: bool) -> None:
        if due and self._venue.ping_frame:
            await self._transport.send(self._venue.ping_frame)
        else:
            await self._transport.ping()
