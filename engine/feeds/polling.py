"""REST stands in while the socket is away: recent trades and the top of book, symbol by symbol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from engine.errors import FeedError
from engine.events import MarketEvent
from engine.feeds.backoff import Backoff
from engine.feeds.base import UnreachableError
from engine.feeds.rest import Rest
from engine.feeds.venue import Venue
from engine.text import clean


class Poller:
    """Polls every ``interval_s``, more slowly where the REST budget asks for it.

    ``deliver`` takes the events of each answer, ``failed`` one line on why a round brought nothing. A symbol
    that is refused costs the others nothing; it stays in ``refused`` until it is answered.

    What a symbol's first answer brings happened while nothing was connected, so its trades are marked as
    backfilled; from the second on trades are at most a round old. Trades overlap from round to round:
    ``deliver`` dedupes. A quote that its venue dates is told once: asked for again while the market is
    closed, it is as old as before, and no answer may make it look fresh.
    """

    def __init__(
        self,
        venue: Venue,
        rest: Rest,
        interval_s: float,
        backoff: Backoff,
        *,
        clock: Callable[[], int],
        deliver: Callable[[list[MarketEvent]], None],
        failed: Callable[[str], None],
    ) -> None:
        self._venue = venue
        self._rest = rest
        self._interval_s = interval_s
        self._backoff = backoff
        self._clock = clock
        self._deliver = deliver
        self._failed = failed
        self.refused: dict[str, str] = {}
        """Native symbol -> why its last answer was none."""
        self._quoted_ns: dict[str, int] = {}
        """Native symbol -> the venue's time of the newest quote told."""
        self._answered: set[str] = set()
        """Native symbols that were answered in the last round."""
        self._task: asyncio.Task[None] | None = None

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin, one interval from now, unless it already has."""
        if self._task is None:
            self._task = tasks.create_task(self._run(), name=f"poll-{self._venue.name}")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        self.refused.clear()
        self._answered.clear()
        wait_s = self._interval_s
        while True:
            await asyncio.sleep(wait_s)
            try:
                for native in self._venue.natives:
                    await self._try(native)
            except UnreachableError as error:
                self._answered.clear()
                self._failed(str(error))
                wait_s = self._backoff.next(max(error.retry_after_s, self._interval_s))
                continue
            if self._answered:
                self._backoff.reset()
                wait_s = self._interval_s
            else:
                self._failed(next(iter(self.refused.values()), ""))
                wait_s = self._backoff.next(self._interval_s)

    async def _try(self, native: str) -> None:
        """Poll one symbol. Raises UnreachableError only: then no other would be answered either."""
        try:
            events = await self._poll(native)
        except UnreachableError:
            raise
        except (FeedError, msgspec.MsgspecError, ValueError) as error:
            self.refused[native] = f"{clean(native, 40)}: {clean(error, 120)}"
            self._answered.discard(native)
            return
        self.refused.pop(native, None)
        self._answered.add(native)
        self._deliver(events)

    async def _poll(self, native: str) -> list[MarketEvent]:
        first = native not in self._answered
        events: list[MarketEvent] = []
        recent = self._venue.recent_request(native)
        if recent is not None:
            trades = self._venue.parse_trades(native, await self._rest.get(recent), self._clock())
            events += (msgspec.structs.replace(one, backfilled=True) if first else one for one in trades)
        body = await self._rest.get(self._venue.quote_request(native))
        quote = self._venue.parse_quote(native, body, self._clock())
        if quote.event_ns == quote.recv_ns or quote.event_ns > self._quoted_ns.get(native, 0):
            self._quoted_ns[native] = quote.event_ns
            events.append(quote)
        return events
