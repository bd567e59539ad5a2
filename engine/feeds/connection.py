"""A venue's live feed: one socket, watched, replaced when it fails, backed by REST while it is away."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.events import NS, FeedState, FeedStatus, Gap, Malformed, MarketEvent, Quote, Trade
from engine.feeds.address import check_url, place
from engine.feeds.backfill import backfill
from engine.feeds.backoff import Backoff
from engine.feeds.base import FeedStats, InstrumentSpec, Sink, UnreachableError, Venue, VenueDecoder
from engine.feeds.continuity import Continuity, Missing
from engine.feeds.polling import Poller
from engine.feeds.rest import RefusedError, Rest, retry_after_s
from engine.feeds.watchdog import Health, Watchdog
from engine.text import clean

_MAX_FRAME = 10 << 20
_FIRST_BACKOFF_S = 0.5
_OPEN_S = 10.0
_CLOSE_S = 0.25
_TROUBLES = 3
"""Of a venue's symbols at most so many are told in the feed's detail."""
STEADY_S = 30.0
"""A connection is good when live data came on it for this long: only then the back-off starts over."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class SocketFeed:
    """Feed of one venue. The socket is decoded and delivered in the reader itself: nothing queues behind
    it."""

    def __init__(
        self, venue: Venue, config: FeedConfig, *, clock: Callable[[], int], rng: random.Random
    ) -> None:
        self.venue = venue.name
        self.stats = FeedStats()
        self._venue = venue
        self._clock = clock
        self._rest_url = config.rest_url or venue.rest_url
        base = config.ws_url or venue.ws_url
        check_url(f"feeds.{venue.name}.ws_url", base, ("ws", "wss"))
        check_url(f"feeds.{venue.name}.rest_url", self._rest_url, ("http", "https"))
        self._url = venue.connect_url(base)
        self._host = place(self._url)
        self._silence_s = config.silence_s
        self._look_s = min(config.silence_s / 4, 1.0)
        self._backoff = Backoff(_FIRST_BACKOFF_S, config.backoff_max_s, rng)
        self._watchdog = Watchdog(int(config.silence_s * NS))
        self._continuity = Continuity()
        self._fetches: dict[Missing, asyncio.Task[None]] = {}
        self._rest = Rest(venue.name, self._rest_url, venue.rest_per_s)
        self._poller = Poller(
            venue,
            self._rest,
            config.poll_interval_s,
            Backoff(config.poll_interval_s, config.backoff_max_s, rng),
            clock=clock,
            deliver=self._polled,
            failed=self._poll_failed,
        )
        self._poll_s = config.poll_interval_s
        self._polling = False
        """REST delivers in the socket's place."""
        self._why = ""
        """Why this connection ends, or cannot be made."""
        self._away = ""
        """Why the last one did, or could not."""
        self._live_s: tuple[float, float] | None = None
        """Loop times of the first and the last live data of this connection."""
        self._troubles: dict[str, str] = {}
        """What the decoder of this connection finds wrong, as told by it."""
        self._told = FeedState.DOWN, self.stats.detail
        """State and detail without the troubles."""
        self._socket_state = FeedState.DOWN
        self._log = logging.getLogger(f"engine.feeds.{venue.name}")
        self._sending = asyncio.Lock()
        self._sink: Sink
        self._tasks: asyncio.TaskGroup

    async def instruments(self) -> list[InstrumentSpec]:
        """Raises FeedError for a symbol the venue does not know, UnreachableError when it cannot be asked."""
        rest = Rest(self.venue, self._rest_url, self._venue.rest_per_s)
        try:
            for request in self._venue.before_instruments():
                self._venue.learn(await rest.get(request))
            return self._venue.parse_instruments(await self._ask_instruments(rest))
        except RefusedError as error:
            where = f"feeds.{self.venue}"
            raise FeedError(f"{error}: check {where}.rest_url and {where}.symbols") from None
        except (msgspec.MsgspecError, ValueError) as error:
            raise UnreachableError(
                f"{self.venue} sent no instruments ({clean(error, 80)}): check feeds.{self.venue}.rest_url"
            ) from None
        finally:
            await rest.close()

    async def _ask_instruments(self, rest: Rest) -> bytes:
        try:
            return await rest.get(self._venue.instruments_request())
        except RefusedError:
            everything = self._venue.all_instruments_request()
            if everything is None:
                raise
            return await rest.get(everything)

    async def run(self, sink: Sink) -> None:
        """Connect, read, and start over, until cancelled. What ``sink`` raises comes in an ExceptionGroup."""
        self._sink = sink
        self._polling = False
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._expire(), name=f"expire-{self.venue}")
                while True:
                    at_least_s = await self._session()
                    self._judge()
                    self._poller.start(self._tasks)
                    wait_s = self._backoff.next(at_least_s)
                    self._tell(FeedState.DOWN, f"{self._why}; next attempt in {wait_s:.1f} s")
                    await asyncio.sleep(wait_s)
                    self.stats.reconnects += 1
        finally:
            self._poller.stop()
            await self._rest.close()

    def _judge(self) -> None:
        """Decide at a connection's end whether it was good: one that ends soon after each start is not."""
        if self._live_s is not None and self._live_s[1] - self._live_s[0] >= STEADY_S:
            self._backoff.reset()
        self._away, self._troubles = self._why, {}

    async def _session(self) -> float:
        """One connection from handshake to end; returns the least number of seconds to wait after it."""
        self._tell(FeedState.CONNECTING, f"connecting to {self._host}")
        self._why, self._live_s = "", None
        try:
            socket = await connect(
                self._url,
                max_size=_MAX_FRAME,
                open_timeout=_OPEN_S,
                close_timeout=_CLOSE_S,
                proxy=None if urlsplit(self._url).hostname in _LOOPBACK else True,
            )
        except InvalidStatus as error:
            response = error.response
            self._why = f"{self._host} refused the connection with HTTP {response.status_code}"
            return retry_after_s(response.headers.get("Retry-After"))
        except Exception as error:  # also what a proxy or a name that is none makes the libraries raise
            self._why = f"cannot connect to {self._host}: {clean(error, 100) or type(error).__name__}"
            return 0.0
        decoder = self._venue.decoder()
        self._troubles = decoder.troubles
        self._watchdog.connected(int(asyncio.get_running_loop().time() * NS))
        guard = self._tasks.create_task(self._guard(socket), name=f"guard-{self.venue}")
        try:
            await self._read(socket, decoder)
        except WebSocketException as error:
            self._why = self._why or f"the connection ended: {clean(error, 100)}"
        finally:
            guard.cancel()
            await socket.close()
        self._why = decoder.reconnect or self._why
        return decoder.reconnect_delay_s

    async def _read(self, socket: ClientConnection, decoder: VenueDecoder) -> None:
        loop = asyncio.get_running_loop()
        self._send(socket, self._venue.subscribe())
        beats = unsubscribed = 0
        while not decoder.reconnect:
            raw = await socket.recv(decode=False)
            events: list[MarketEvent] = []
            decoder.decode(raw, self._clock(), events)
            self.stats.messages += 1
            if decoder.heartbeats != beats:
                beats = decoder.heartbeats
                self._watchdog.heartbeat(int(loop.time() * NS))
            if decoder.unsubscribed != unsubscribed:
                if not unsubscribed:
                    self._log.warning("what comes for symbols that were never subscribed is dropped")
                self.stats.unsubscribed += decoder.unsubscribed - unsubscribed
                unsubscribed = decoder.unsubscribed
            if events:
                self._received(events, int(loop.time() * NS))
            if decoder.outbox:
                frames, decoder.outbox = decoder.outbox, []
                self._send(socket, frames)

    def _send(self, socket: ClientConnection, frames: list[str]) -> None:
        """Beside the reader, which must not wait for it."""
        if frames:
            self._tasks.create_task(self._send_paced(socket, frames), name=f"send-{self.venue}")

    async def _send_paced(self, socket: ClientConnection, frames: list[str]) -> None:
        """Within the rate that the venue allows its clients."""
        try:
            async with self._sending:
                for frame in frames:
                    await socket.send(frame)
                    await asyncio.sleep(1 / self._venue.subscribe_per_s)
        except WebSocketException:
            return  # the reader meets the same end, and tells it

    async def _guard(self, socket: ClientConnection) -> None:
        """Watch the socket: tell when it goes stale, cut it when it is dead."""
        loop = asyncio.get_running_loop()
        pong: asyncio.Future[float] | None = None
        while True:
            await asyncio.sleep(self._look_s)
            now_ns = int(loop.time() * NS)
            if not self._venue.heartbeats and self._watchdog.silent_ns(now_ns) > self._silence_s * NS / 2:
                # No heartbeat frames, and a quiet market: a pong proves as much.
                try:
                    if pong is not None and pong.done() and not pong.cancelled():
                        self._watchdog.heartbeat(now_ns)
                    if pong is None or pong.done():
                        pong = asyncio.ensure_future(await socket.ping())
                except WebSocketException:
                    return  # the reader meets the same end, and tells it
            health, reason = self._watchdog.check(now_ns)
            if health is not Health.LIVE:
                self._tell(FeedState.STALE, reason)
            if health is Health.DEAD:
                self._why = reason
                socket.transport.abort()  # a closing handshake would wait for a peer that is not there
                return

    def _received(self, events: list[MarketEvent], now_ns: int) -> None:
        """Events of one frame of the socket. History that a venue repeats is no proof of live data."""
        live = False
        for event in events:
            if type(event) is Quote:
                self._watchdog.data("quote", now_ns)
                live = True
            elif type(event) is Trade:
                if not event.backfilled:
                    self._watchdog.data("trade", now_ns)
                    live = True
            elif type(event) is FeedStatus:
                level = logging.INFO if event.state is FeedState.UP else logging.WARNING
                self._log.log(level, "%s", event.detail)
                self._show()
        if live:
            now_s = now_ns / NS
            self._live_s = (self._live_s[0] if self._live_s else now_s), now_s
            if self.stats.state is not FeedState.UP:
                self._poller.stop()
                self._polling = False
                self._tell(FeedState.UP, f"streaming from {self._host}")
        self._deliver(events)

    def _polled(self, events: list[MarketEvent]) -> None:
        self._polling = True
        refused = "; ".join(list(self._poller.refused.values())[:_TROUBLES])
        polling = f"polling {place(self._rest_url)} every {self._poll_s:g} s"
        self._tell(FeedState.POLLING, f"{polling}; {refused}" if refused else f"{polling}: {self._away}")
        self._deliver(events)

    def _poll_failed(self, why: str) -> None:
        if self._polling:
            self._polling = False
            self._tell(FeedState.DOWN, why)

    async def _expire(self) -> None:
        """Whatever state the socket is in."""
        while True:
            await asyncio.sleep(self._look_s)
            out: list[MarketEvent] = []
            self._continuity.expire(self._clock(), out)
            self._hand_over(out)

    def _deliver(self, events: list[MarketEvent]) -> None:
        out: list[MarketEvent] = []
        self._continuity.push(events, out)
        self._hand_over(out)

    def _hand_over(self, out: list[MarketEvent]) -> None:
        for at, event in enumerate(out):
            kind = type(event)
            if kind is Quote:
                self.stats.last_data_ns = event.recv_ns
            elif isinstance(event, Trade):
                self.stats.last_data_ns = event.recv_ns
                self.stats.backfilled += event.backfilled
            elif kind is Gap:
                self.stats.gaps += 1
            elif kind is Malformed:
                self.stats.malformed += 1
            elif isinstance(event, FeedStatus):  # from a decoder, which knows of one connection only
                out[at] = msgspec.structs.replace(event, reconnects=self.stats.reconnects)
        if out:
            self._sink(out)
        wanted, self._continuity.wanted = self._continuity.wanted, []
        for missing in wanted:
            name = f"backfill-{missing.symbol}"
            self._fetches[missing] = self._tasks.create_task(self._backfill(missing), name=name)
        given_up, self._continuity.given_up = self._continuity.given_up, []
        for missing in given_up:
            fetch = self._fetches.pop(missing, None)
            if fetch is not None:
                fetch.cancel()

    async def _backfill(self, missing: Missing) -> None:
        reason = await backfill(self._venue, self._rest, missing, self._clock)
        self._fetches.pop(missing, None)
        out: list[MarketEvent] = []
        self._continuity.fill(missing, reason, out)
        self._hand_over(out)

    def _tell(self, state: FeedState, detail: str) -> None:
        """Note the state; log a change and tell the sink of it. While REST delivers, trouble with the
        socket is only logged."""
        if state is not FeedState.POLLING:
            if state is not self._socket_state:
                self._log_state(state, detail)
            self._socket_state = state
            if self._polling:
                return
        changed = state is not self.stats.state
        self.stats.state = state
        self._told = state, detail
        self._show()
        if changed:
            if state is FeedState.POLLING:
                self._log_state(state, detail)
            self._sink([FeedStatus(self.venue, state, detail, self._clock(), self.stats.reconnects)])

    def _log_state(self, state: FeedState, detail: str) -> None:
        bad = state in (FeedState.STALE, FeedState.DOWN)
        self._log.log(
            logging.WARNING if bad else logging.INFO,
            "%s",
            detail,
            extra={"fields": {"state": state.value, "reconnects": self.stats.reconnects}},
        )

    def _show(self) -> None:
        """The detail of the state, and behind it what the decoder finds wrong."""
        state, detail = self._told
        troubles = list(self._troubles.values()) if state is not FeedState.DOWN else []
        more = [f"and {len(troubles) - _TROUBLES} more"] if len(troubles) > _TROUBLES else []
        self.stats.detail = "; ".join([detail, *troubles[:_TROUBLES], *more])
