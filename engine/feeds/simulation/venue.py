"""The simulated venue: the markets of all its symbols as one stream in time order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from operator import attrgetter
from random import Random
from types import MappingProxyType

from engine.events import MarketEvent
from engine.feeds.base import InstrumentSpec
from engine.feeds.simulation.listings import listing
from engine.feeds.simulation.market import SimulatedMarket, Tick
from engine.feeds.simulation.schedule import BurstSchedule
from engine.symbols import quote_currency

VENUE = "sim"

_by_time = attrgetter("event_ns")


class SimulatedVenue:
    """Limit-order-book markets for ``symbols`` (native names: ``BTC-USD``; events carry ``sim:BTC-USD``).

    ``prices`` (native name -> price) says where markets stood that should go on from an earlier run: they
    start there, and are there again at ``live_ns``.

    The stream is a function of these arguments alone: not of how ``advance`` is called,
    nor of the process it runs in. ``live_ns`` (default: ``start_ns``) is when somebody starts to look: the
    first burst, an upward one, starts 2 to 4 s after it, and then there is one every 20 to 40 s. From
    then on, too, each market publishes ``depth_levels`` levels of its book, at most four times a second;
    trades and quotes are the same with and without.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        seed: int,
        start_ns: int,
        live_ns: int | None = None,
        prices: Mapping[str, float] = MappingProxyType({}),
        depth_levels: int = 0,
    ) -> None:
        live_ns = start_ns if live_ns is None else live_ns
        self._listings = [listing(name) for name in symbols]
        schedule = (
            # Markets that go on from an earlier run do not burst before somebody looks: stops held from that
            # run would be jumped over.
            BurstSchedule(len(symbols), seed=seed, start_ns=live_ns if prices else start_ns, live_ns=live_ns)
            if symbols
            else None
        )
        self._markets = [
            SimulatedMarket(
                f"{VENUE}:{entry.name}",
                entry,
                Random(f"market:{seed}:{entry.name}"),
                start_ns,
                partial(schedule.next_for, index),
                prices.get(entry.name),
                depth_levels,
                live_ns,
            )
            for index, entry in enumerate(self._listings)
            if schedule is not None
        ]

    def advance(self, until_ns: int) -> list[MarketEvent]:
        """The events after the last call's time up to and including ``until_ns``, in time order.

        At the same nanosecond, symbols come in the order they were given in, a trade before the quote it
        causes, a snapshot after the quote it agrees with. A time that is not later than the last one gives
        nothing.
        """
        events: list[Tick] = []
        for market in self._markets:
            market.advance(until_ns, events)
        events.sort(key=_by_time)
        return list(events)

    def instruments(self) -> list[InstrumentSpec]:
        """The grids of the symbols, in their order."""
        return [
            InstrumentSpec(
                symbol=f"{VENUE}:{entry.name}",
                tick_size=entry.tick_size,
                lot_size=entry.lot_size,
                min_notional=Decimal(1),
                quote_currency=quote_currency(entry.name) or "USD",
            )
            for entry in self._listings
        ]
