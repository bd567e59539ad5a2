"""The embedded venue as a feed: the simulation, paced by a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import cast

from msgspec.structs import replace

from engine.config import SimulatedConfig
from engine.errors import FeedError
from engine.events import NS, FeedState, FeedStatus, MarketEvent
from engine.feeds.base import FeedStats, InstrumentSpec, Sink
from engine.feeds.simulation.market import Tick
from engine.feeds.simulation.venue import VENUE, SimulatedVenue
from engine.text import clean

PACE_S = 0.05
"""The venue is advanced this often."""
_SLICE_NS = NS
"""History, and what a suspended machine has missed, come in slices of this much: nobody waits long."""
MOST_MISSED_S = 300
"""What is missed beyond that was never traded: to catch up on a night took minutes without a price of now."""


class SimulatedFeed:
    """A ``SimulatedVenue`` under the Feed protocol. ``clock`` gives ns UTC; ``prices`` is as the venue's.

    Raises FeedError for symbols that cannot be listed.
    """

    venue = VENUE

    def __init__(
        self,
        config: SimulatedConfig,
        *,
        clock: Callable[[], int],
        prices: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        _check(config.symbols)
        self.stats = FeedStats()
        self._config = config
        self._clock = clock
        self._prices = prices
        self._simulation: SimulatedVenue | None = None
        self._reached_ns = 0
        """By the venue's own time."""
        self._stood_ns = 0
        """How far that is behind the clock: so long the market stood still."""

    async def instruments(self) -> list[InstrumentSpec]:
        """The grids of the configured symbols."""
        return SimulatedVenue(self._config.symbols, seed=self._config.seed, start_ns=0).instruments()

    def history(self, until_ns: int) -> Iterator[list[MarketEvent]]:
        """The ``history_s`` seconds before ``until_ns``, a second at a time, as fast as they are taken.

        ``run`` goes on where this was left, and ``until_ns`` is when the venue goes live: the first burst
        follows within seconds.
        """
        simulation = self._open(until_ns)
        while self._reached_ns < until_ns:
            yield self._advance(simulation, until_ns)

    async def run(self, sink: Sink) -> None:
        """Deliver the venue's events as the clock goes, until cancelled."""
        now_ns = self._clock()
        simulation = self._simulation or self._open(now_ns, history_s=0)
        self.stats.state, self.stats.detail = FeedState.UP, f"simulated, seed {self._config.seed}"
        sink([FeedStatus(VENUE, FeedState.UP, self.stats.detail, now_ns)])
        try:
            while True:
                now_ns = self._clock()
                missed_ns = now_ns - self._stood_ns - self._reached_ns
                if missed_ns > MOST_MISSED_S * NS:
                    self._stood_ns += missed_ns
                    stood = f"stood still for {missed_ns // (60 * NS)} min that this machine was away"
                    self.stats.detail = f"simulated, seed {self._config.seed}; {stood}"
                    sink([FeedStatus(VENUE, FeedState.UP, self.stats.detail, now_ns)])
                while self._reached_ns < now_ns - self._stood_ns:
                    events = self._advance(simulation, now_ns - self._stood_ns)
                    if events:
                        # What is delivered arrives now: the desk's timer may have passed the venue's time.
                        arrived_ns = self._clock()
                        self.stats.last_data_ns = arrived_ns
                        sink(self._arrived(events, arrived_ns))
                    await asyncio.sleep(0)
                await asyncio.sleep(PACE_S)
        finally:
            self.stats.state, self.stats.detail = FeedState.DOWN, "stopped"

    def _arrived(self, events: list[MarketEvent], recv_ns: int) -> list[MarketEvent]:
        ticks = cast(list[Tick], events)
        return [replace(tick, event_ns=tick.event_ns + self._stood_ns, recv_ns=recv_ns) for tick in ticks]

    def _open(self, live_ns: int, *, history_s: int | None = None) -> SimulatedVenue:
        history_s = self._config.history_s if history_s is None else history_s
        self._reached_ns = live_ns - history_s * NS
        self._simulation = SimulatedVenue(
            self._config.symbols,
            seed=self._config.seed,
            start_ns=self._reached_ns,
            live_ns=live_ns,
            prices=self._prices,
            depth_levels=self._config.depth_levels,
        )
        return self._simulation

    def _advance(self, simulation: SimulatedVenue, until_ns: int) -> list[MarketEvent]:
        """The next slice of events, not beyond ``until_ns``."""
        self._reached_ns = min(self._reached_ns + _SLICE_NS, until_ns)
        events = simulation.advance(self._reached_ns)
        self.stats.messages += len(events)
        if events:
            self.stats.last_data_ns = self._reached_ns
        return events


def _check(symbols: tuple[str, ...]) -> None:
    for name in symbols:
        if not name or name != clean(name, 32) or ":" in name or " " in name:
            raise FeedError(f"simulated.symbols: {clean(name, 32)!r} is no symbol; write it like BTC-USD")
    if len(set(symbols)) != len(symbols):
        raise FeedError("simulated.symbols: a symbol is given twice; name each once")
