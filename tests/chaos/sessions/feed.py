"""The simulated venue behind a feed that fails: it drops, repeats, disorders, falls silent, lies."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import cast

import msgspec

from engine.events import NS, Depth, Gap, MarketEvent, Quote, Trade
from engine.feeds.simulation.venue import SimulatedVenue

_FAULTS = (
    *("drop", "drop", "repeat", "repeat", "disorder", "disorder", "silence", "halt", "halt"),
    *("cross", "nonsense", "nonsense", "price_gap", "price_gap", "late", "old_clock"),
)
_DAMAGING = ("drop", "repeat", "disorder", "cross", "nonsense", "late")
"""They last for some moments, and change what is delivered."""

Tick = Trade | Quote | Depth


class Delivered(msgspec.Struct):
    """One event as it arrives."""

    event: MarketEvent
    late_ns: int = 0
    """So much older its time of receipt is than the clock."""


class FaultyFeed:
    """Delivers what the venue has to tell; ``rate`` faults a second."""

    def __init__(self, rng: Random, venue: SimulatedVenue, rate: float) -> None:
        self.rng = rng
        self.rate = rate
        self.count: Counter[str] = Counter()
        self.clock_ns = 0
        """The venue's own clock is ahead of the market's time by so much."""
        self._set_right_ns = 0
        self._venue = venue
        self._ticks = {spec.symbol: spec.tick_size for spec in venue.instruments()}
        self._shift = dict.fromkeys(self._ticks, Decimal(0))
        self._quiet_ns = dict.fromkeys(self._ticks, 0)
        self._active = ""
        self._until_ns = 0
        self._seen: list[Tick] = []

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._ticks)

    def heal(self) -> None:
        """From now on nothing fails, and every symbol trades."""
        self.rate, self._active, self.clock_ns = 0.0, "", 0
        self._quiet_ns = dict.fromkeys(self._ticks, 0)

    def history(self, until_ns: int) -> list[MarketEvent]:
        """What was before; nothing fails in it."""
        return self._venue.advance(until_ns)

    def advance(self, until_ns: int, step_s: float) -> list[Delivered]:
        """What arrives up to then, in order of arrival; ``step_s`` after the last call."""
        if until_ns >= self._set_right_ns:
            self.clock_ns = 0
        if self.rng.random() < self.rate * step_s:
            self._fail(until_ns)
        events = [self._moved(event) for event in cast("list[Tick]", self._venue.advance(until_ns))]
        events = [event for event in events if event.event_ns >= self._quiet_ns[event.symbol]]
        if self._active and until_ns < self._until_ns:
            return self._damaged(events)
        self._seen = events[-20:] or self._seen
        return [Delivered(event) for event in events]

    def _fail(self, now_ns: int) -> None:
        rng, fault = self.rng, self.rng.choice(_FAULTS)
        self.count[fault] += 1
        symbol = rng.choice(self.symbols)
        if fault == "silence":
            self._quiet_ns = dict.fromkeys(self._ticks, now_ns + rng.choice((1, 4, 12)) * NS)
        elif fault == "halt":
            self._quiet_ns[symbol] = now_ns + rng.choice((2, 5, 30)) * NS
        elif fault == "price_gap":
            self._jump(symbol)
        elif fault == "old_clock":
            self.clock_ns = rng.choice((3600, -3600, 2)) * NS
            self._set_right_ns = now_ns + rng.choice((1, 6)) * NS
        else:
            assert fault in _DAMAGING
            self._active, self._until_ns = fault, now_ns + int(rng.uniform(0.05, 1.5) * NS)

    def _jump(self, symbol: str) -> None:
        """The market opens elsewhere, 5 to 20 % away; never further than 40 % from where it began."""
        rng, tick = self.rng, self._ticks[symbol]
        price = next(
            (e.bid for e in reversed(self._seen) if isinstance(e, Quote) and e.symbol == symbol), 0.0
        )
        if not price:
            return
        most = Decimal(repr(price)) * Decimal("0.4")
        shift = Decimal(repr(price)) * Decimal(rng.choice((-1, 1)) * rng.randint(5, 20)) / 100
        wanted = self._shift[symbol] + shift
        if abs(wanted) <= most:
            self._shift[symbol] = wanted // tick * tick

    def _moved(self, event: Tick) -> Tick:
        shift = self._shift[event.symbol]
        ns = event.event_ns + self.clock_ns if isinstance(event, Trade) else event.event_ns
        if not shift:
            return msgspec.structs.replace(event, event_ns=ns) if self.clock_ns else event

        def at(price: float) -> float:
            return float(Decimal(repr(price)) + shift)

        if isinstance(event, Trade):
            return msgspec.structs.replace(event, price=at(event.price), event_ns=ns)
        if isinstance(event, Quote):
            return msgspec.structs.replace(event, bid=at(event.bid), ask=at(event.ask))
        bids, asks = (tuple((at(p), size) for p, size in side) for side in (event.bids, event.asks))
        return msgspec.structs.replace(event, bids=bids, asks=asks)

    def _damaged(self, events: Sequence[Tick]) -> list[Delivered]:
        rng, fault = self.rng, self._active
        if fault == "drop":
            kept = [event for event in events if rng.random() < 0.5]
            if len(kept) == len(events):
                return [Delivered(event) for event in events]
            lost = events[0]
            gap = Gap(lost.symbol, -1, -1, "buffer overflow", lost.recv_ns)
            return [Delivered(gap), *(Delivered(event) for event in kept)]
        if fault == "repeat":
            again = [event for event in self._seen if rng.random() < 0.3]
            return [Delivered(event) for event in (*again, *events, *events[-3:])]
        if fault == "disorder":
            shuffled = list(events)
            rng.shuffle(shuffled)
            return [Delivered(event) for event in shuffled]
        if fault == "late":
            late = (3600 * NS, NS, 50_000_000)
            return [Delivered(event, rng.choice(late) if rng.random() < 0.5 else 0) for event in events]
        return [Delivered(self._spoilt(event, fault)) for event in events]

    def _spoilt(self, event: Tick, fault: str) -> Tick:
        rng, replace = self.rng, msgspec.structs.replace
        if rng.random() < 0.5 or isinstance(event, Depth):
            return event
        if isinstance(event, Quote):
            if fault == "cross":
                return replace(event, bid=event.ask, ask=event.bid)
            name = rng.choice(("bid", "ask", "bid_size", "ask_size"))
        else:
            name = rng.choice(("price", "size"))
        return replace(event, **{name: rng.choice((math.nan, 0.0, -1.0, math.inf))})
