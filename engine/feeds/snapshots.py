"""Snapshots of books that a decoder wants and only REST has: one connection's, one after another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

from engine.errors import FeedError
from engine.events import MarketEvent
from engine.feeds.backoff import Backoff
from engine.feeds.base import UnreachableError
from engine.feeds.decoder import VenueDecoder
from engine.feeds.pace import Pace
from engine.feeds.rest import RefusedError, Rest, ShutOutError
from engine.feeds.venue import Venue
from engine.text import clean

_FIRST_S = 0.5
_MAX_S = 60.0


class Snapshots:
    """``pace`` is shared by all connections to the venue. ``deliver`` takes the events of each answer.

    A book that is wanted again at once gets its next snapshot later and later, and so does one whose request
    fails; nobody but the end of the connection gives it up.
    """

    def __init__(
        self,
        venue: Venue,
        decoder: VenueDecoder,
        rest: Rest,
        pace: Pace,
        rng: random.Random,
        *,
        clock: Callable[[], int],
        deliver: Callable[[list[MarketEvent]], None],
    ) -> None:
        self._venue = venue
        self._decoder = decoder
        self._rest = rest
        self._pace = pace
        self._rng = rng
        self._clock = clock
        self._deliver = deliver
        self._due_s: dict[str, float] = {}
        """Native symbol -> loop time of its next request."""
        self._waits: dict[str, Backoff] = {}
        """Of those whose last snapshot was no use."""
        self._more = asyncio.Event()

    def want(self, natives: Iterable[str]) -> None:
        now_s = asyncio.get_running_loop().time()
        for native in natives:
            if native not in self._due_s:
                wait = self._waits.get(native)
                self._due_s[native] = now_s + (wait.next() if wait else 0.0)
        self._more.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            native = min(self._due_s, key=self._due_s.__getitem__, default="")
            wait_s = self._due_s[native] - loop.time() if native else None
            if wait_s is None or wait_s > 0:
                self._more.clear()
                try:
                    await asyncio.wait_for(self._more.wait(), wait_s)
                except TimeoutError:
                    pass
                continue
            await self._pace.turn()
            await self._fetch(native)

    async def _fetch(self, native: str) -> None:
        request = self._venue.book_request(native)
        del self._due_s[native]
        self._waits.setdefault(native, Backoff(_FIRST_S, _MAX_S, self._rng))
        if request is None:
            return
        troubles = self._decoder.troubles
        try:
            body = await self._rest.get(request)
        except FeedError as error:
            at_least_s = error.retry_after_s if isinstance(error, UnreachableError) else 0.0
            wait_s = self._waits[native].next(at_least_s)
            troubles[native] = f"{clean(native, 40)} book: {clean(error, 120)}"
            if isinstance(error, RefusedError) and not isinstance(error, ShutOutError):  # delisted, it may be
                self._decoder.refused.add(native)
            self._due_s[native] = asyncio.get_running_loop().time() + wait_s
            return
        self._decoder.refused.discard(native)
        out: list[MarketEvent] = []
        self._decoder.book_snapshot(native, body, self._clock(), out)
        if native not in self._decoder.wanted:
            self._waits.pop(native, None)
            troubles.pop(native, None)
        self._deliver(out)
