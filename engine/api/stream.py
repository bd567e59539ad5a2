"""The WebSocket of the link: events without a gap, state and the watched market at the frame rate, slow
clients dropped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from engine.api.arrival import Arrival
from engine.api.conflator import Conflator, Frames
from engine.api.desk_port import DeskPort
from engine.api.farewell import Farewell
from engine.api.guard import Guard
from engine.api.hub import Hub, encode
from engine.api.market_conflator import MarketConflator
from engine.api.market_protocol import Watch
from engine.api.protocol import EventFrame, Resync
from engine.api.topics import EVENTS, MARKET, parse
from engine.errors import StoreError
from engine.slices import REST_S, Work, in_slices
from engine.text import clean

log = logging.getLogger("engine.api")

MAX_RESUME = 10_000
"""Events that a client which comes back is sent at once; it is told to resync for more."""
SEND_TIMEOUT_S = 10.0
"""A client that takes nothing for this long is dropped; nothing is kept for it meanwhile."""
ARRIVAL_S = 30.0
"""As long as what it was sent may be under way, on a slow line; it is sent no other state meanwhile."""
CLOSE_S = 1.0
"""How long a client may take to hear that the engine stops."""
MARKET_S = 0.05
"""Another symbol is shown at once, but not more often than this."""
MOST_SYMBOL = 100
"""Characters."""
_T = TypeVar("_T")
_watch_of = msgspec.json.Decoder(Watch).decode


class _Told:
    """The last event that a client was sent."""

    __slots__ = ("seq",)

    def __init__(self, seq: int) -> None:
        self.seq = seq


class Streams:
    """Every open stream of one desk. ``frames_per_s`` is the rate of conflated state to each client."""

    def __init__(self, desk: DeskPort, hub: Hub, guard: Guard, *, frames_per_s: float) -> None:
        self._desk = desk
        self._hub = hub
        self._guard = guard
        self._interval = 1.0 / frames_per_s
        self._turn = asyncio.Lock()
        self._frames = Frames()
        self.open: dict[web.WebSocketResponse, asyncio.Transport | None] = {}
        self._dropping: set[asyncio.Task[None]] = set()

    async def close(self, *, restarts: bool = False) -> None:
        code = WSCloseCode.SERVICE_RESTART if restarts else WSCloseCode.OK
        message = b"the desk begins anew" if restarts else b"engine stops"
        await asyncio.gather(*(_end(*each, code, message) for each in list(self.open.items())))

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """``WS /v1/stream``."""
        since = _since(request.query.get("since"), self._hub.last_seq)
        topics = _topics(request.query.get("topics", ""))
        stream = web.WebSocketResponse(heartbeat=10.0, autoping=False, max_msg_size=4096, compress=False)
        console, farewell = self._guard.attach(request), Farewell(stream)
        try:
            await stream.prepare(request)
            await self._serve(stream, farewell, since, topics, request)
        finally:
            # Whoever leaves says so; of others the line was cut.
            self._guard.detach(console, left=farewell.left)
        return stream

    async def _serve(
        self,
        stream: web.WebSocketResponse,
        farewell: Farewell,
        since: int,
        topics: frozenset[str],
        request: web.Request,
    ) -> None:
        self.open[stream] = request.transport
        market, wake = MarketConflator(self._desk.market), asyncio.Event()
        arrival = Arrival(stream, wake.set)
        sender = asyncio.create_task(
            self._send(stream, since, topics, request.transport, market, wake, arrival)
        )
        try:
            # Reading answers pings and sees the end, too.
            async for message in farewell.messages():
                if message.type is WSMsgType.ERROR:
                    break
                if await arrival.hear(message):
                    continue
                watch = _watch(message) if MARKET in topics else f"the topic {MARKET} was not asked for"
                if isinstance(watch, str):
                    log.warning("a client is cut off: %s", watch)
                    await stream.close(code=WSCloseCode.POLICY_VIOLATION, message=watch.encode())
                    break
                await self._desk.market.recall(watch.symbol)
                market.watch(watch)
                wake.set()
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            del self.open[stream]

    async def _send(
        self,
        stream: web.WebSocketResponse,
        since: int,
        topics: frozenset[str],
        transport: asyncio.Transport | None,
        market: MarketConflator,
        wake: asyncio.Event,
        arrival: Arrival,
    ) -> None:
        """State at the frame rate, events at once, until the client goes or stops taking them."""
        news = asyncio.Event()
        unsubscribe = self._hub.subscribe(news.set)
        told, events = _Told(since), None
        try:
            if EVENTS in topics:
                told.seq = await self._send_events(stream, since)
                # By themselves: a frame of many symbols is made in many steps, and a halt waits for none.
                events = asyncio.create_task(self._send_news(stream, told, news))
                events.add_done_callback(lambda _: wake.set())
            conflator = Conflator(topics, self._frames)
            await self._send_states(stream, conflator, told, market, events, wake, arrival)
        except TimeoutError:
            waited_s = arrival.late_s() or SEND_TIMEOUT_S
            log.warning("client took nothing for %.0f s: dropped", waited_s)
            said = f"took nothing for {waited_s:.0f} s: come back with since={since}"
            dropping = asyncio.create_task(_drop(stream, transport, said))
            self._dropping.add(dropping)
            dropping.add_done_callback(self._dropping.discard)
        except (ConnectionError, RuntimeError) as error:
            log.debug("client gone: %s", error)
        except Exception:
            # A client that is told no more must not take what it shows for the present.
            log.exception("a stream failed: its client is cut off, and may come back")
            if transport is not None:
                transport.abort()
        finally:
            unsubscribe()
            if events is not None:
                events.cancel()
                await asyncio.gather(events, return_exceptions=True)

    async def _send_states(
        self,
        stream: web.WebSocketResponse,
        conflator: Conflator,
        told: _Told,
        market: MarketConflator,
        events: asyncio.Task[None] | None,
        wake: asyncio.Event,
        arrival: Arrival,
    ) -> None:
        """At the frame rate, and the market with them; another market than before at once. Nothing while what
        came before is under way: on a slow line what is sent next is of then, not of when it was made."""
        loop = asyncio.get_running_loop()
        next_frame = next_market = loop.time()
        while not stream.closed:
            wake.clear()
            if events is not None and events.done():
                events.result()  # it failed: so does all of the stream
                break
            late_s = arrival.late_s()
            if late_s is not None and late_s >= ARRIVAL_S:
                raise TimeoutError
            framed, sent = late_s is None and loop.time() >= next_frame, False
            if framed:
                await self._desk.prepare()
                seq = self._hub.last_seq if events is None else told.seq
                frame = await self._in_turn(conflator.making(self._desk.state(), seq))
                if frame:
                    await self._tell(stream, frame)
                    sent = True
                next_frame = self._after(loop.time())
            if framed or (late_s is None and market.anew and loop.time() >= next_market):
                sent = await self._send_market(stream, market) or sent
                next_market = loop.time() + MARKET_S
            if sent:
                await arrival.ask()
            late_s = arrival.late_s()
            if late_s is not None:
                due = loop.time() + ARRIVAL_S - late_s
            else:
                due = min(next_frame, next_market) if market.anew else next_frame
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await wake.wait()

    async def _send_news(self, stream: web.WebSocketResponse, told: _Told, news: asyncio.Event) -> None:
        """Events as they come, whatever else is under way for this client."""
        while not stream.closed:
            news.clear()
            told.seq = await self._send_events(stream, told.seq)
            if told.seq >= self._hub.last_seq:
                await news.wait()

    def _after(self, now: float) -> float:
        """When the next frame is due, by the loop's clock: all clients' at once, so that the desk makes one
        for all of them, and not when a second begins: then bars close, and most is decided."""
        ahead = time.time() - now
        due = (math.floor((now + ahead) / self._interval - 0.5) + 1.5) * self._interval - ahead
        return due if due - now >= self._interval / 2 else due + self._interval

    async def _send_market(self, stream: web.WebSocketResponse, market: MarketConflator) -> bool:
        """Whether there was something to send."""
        spent: list[int] = []
        frame = await self._in_turn(market.encoding(), spent.append)
        if frame:
            self._desk.market.framed(sum(spent))
            await self._tell(stream, frame)
        return bool(frame)

    async def _in_turn(self, work: Work[_T], spent: Callable[[int], None] | None = None) -> _T:
        """One client's frame after the other's: what each of them costs is short, what all of them cost is
        not."""
        async with self._turn:
            return await in_slices(work, spent)

    async def _tell(self, stream: web.WebSocketResponse, frame: bytes) -> None:
        began = time.perf_counter_ns()
        await _say(stream, frame)
        self._desk.market.sent(time.perf_counter_ns() - began)

    async def _send_events(self, stream: web.WebSocketResponse, since: int) -> int:
        if since != self._hub.last_seq:
            await asyncio.sleep(REST_S)  # what was journaled took its time: ticks that wait go first
        events = self._hub.since(since)
        if isinstance(events, Resync) and since < self._hub.last_seq:
            # Older than this engine's run holds: the journal has it, unless it is too much to send at once.
            last = self._hub.last_seq
            try:
                kept = await asyncio.to_thread(self._desk.journal, since, MAX_RESUME)
            except StoreError as error:  # what is now can be shown all the same
                log.warning("a client that comes back is not told what it missed: %s", error)
                kept = []
            older = [(seq, encode(EventFrame(seq=seq, event=event))) for seq, event in kept if seq <= last]
            events = older if older and older[-1][0] == last else events
        if isinstance(events, Resync):
            await _say(stream, encode(events))
            return self._hub.last_seq
        for seq, frame in events:
            await _say(stream, frame)
            since = seq
        return since


async def _end(
    stream: web.WebSocketResponse, transport: asyncio.Transport | None, code: WSCloseCode, message: bytes
) -> None:
    """A client that takes nothing keeps neither the engine from its end nor the others from hearing of it."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await stream.close(code=code, message=message)
    except (TimeoutError, ConnectionError, RuntimeError) as error:
        log.debug("client cut off at the end: %s", error)
        if transport is not None:
            transport.abort()


async def _drop(stream: web.WebSocketResponse, transport: asyncio.Transport | None, said: str) -> None:
    """Tell a client that takes nothing why it is cut off, for the case that it takes something yet."""
    try:
        # By itself: it may wait for what the client does not take, or end by what ended our last such wait.
        telling = asyncio.create_task(
            stream.close(code=WSCloseCode.TRY_AGAIN_LATER, message=said.encode(), drain=False)
        )
        await asyncio.wait([telling], timeout=CLOSE_S)
        if telling.done() and not telling.cancelled() and telling.exception() is not None:
            log.debug("client cut off: %s", telling.exception())
        telling.cancel()
        if transport is not None and transport.get_write_buffer_size():
            await asyncio.sleep(CLOSE_S)
    finally:
        if transport is not None:
            transport.abort()


async def _say(stream: web.WebSocketResponse, frame: bytes) -> None:
    """Raises TimeoutError for a client that does not take it."""
    async with asyncio.timeout(SEND_TIMEOUT_S):  # wait_for may swallow a cancellation
        await stream.send_bytes(frame)


def _watch(message: WSMessage) -> Watch | str:
    """What a client says that it watches, or one line about what is wrong with it."""
    if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        return "not understood: a Watch is text or bytes"
    try:
        watch = _watch_of(message.data)
    except (msgspec.MsgspecError, UnicodeError) as error:
        return f"not understood: {clean(error, 60)}"
    if len(watch.symbol) > MOST_SYMBOL:
        return f"not understood: a symbol has at most {MOST_SYMBOL} characters"
    return watch


def _topics(text: str) -> frozenset[str]:
    try:
        return parse(text)
    except ValueError as error:
        raise web.HTTPBadRequest(reason=clean(f"topics: {error}")) from None


def _since(text: str | None, newest: int) -> int:
    if text is None:
        return newest
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise web.HTTPBadRequest(reason="since: a sequence number, 0 or above")
    return int(text)
