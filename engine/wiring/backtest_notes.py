"""What a run tells while it goes on: fills and round trips, whose they were, and prices by time on tapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.config import Config
from engine.events import NS, Fill, OrderRequest
from engine.execution.gateway import Report
from engine.execution.order import Order
from engine.portfolio.credit import parts
from engine.portfolio.round_trips import RoundTrip
from engine.store.rows import Record
from engine.wiring.desk import Desk


class Notes:
    """Listens to one desk."""

    def __init__(self, config: Config) -> None:
        self.step_ns = round(config.performance.every_s * NS)
        self.fills: list[tuple[Fill, OrderRequest | None]] = []
        self.trips: list[RoundTrip] = []
        self._parts: dict[str, tuple[tuple[str, float], ...]] = {}
        """By opportunity, whose it was."""
        self.times: list[int] = []
        self.mids: list[npt.NDArray[np.float64]] = []
        """Of all symbols, at ``times``."""
        self.strategies: tuple[str, ...] = ()
        self.due_ns = 0
        """From when on prices are told again."""
        self._desk: Desk | None = None

    def watch(self, desk: Desk, *, prices: bool) -> None:
        """``prices``: at its sweeps, too; else they are known from bars."""
        self._desk = desk
        desk.history = self if prices else None
        self.strategies = tuple(one.name for one in desk.signals.strategies.states() if one.enabled)
        desk.trading.booking.on_booked = self._booked

    def whose(self, trip: RoundTrip) -> tuple[tuple[str, float], ...]:
        """Sources and their shares of the decision, which add up to 1; none: no blend's."""
        return self._parts.get(trip.opportunity_id, ())

    def points(self, now_ns: int) -> Sequence[Record]:
        """A sweep of a desk on a tape: what everything is worth then, no more often than is shown."""
        desk = self._desk
        if desk is not None and now_ns >= self.due_ns and desk.trading.ledger.equity() is not None:
            self._look(now_ns)
        return ()

    def finish(self) -> None:
        """The tape is over: what everything is worth at its end."""
        if self._desk is not None and (not self.times or self._desk.now_ns > self.times[-1]):
            self._look(self._desk.now_ns)

    def _look(self, ns: int) -> None:
        if self._desk is not None:
            self.due_ns = ns + self.step_ns
            self.times.append(ns)
            features = self._desk.features
            self.mids.append(features.live_mids(np.arange(len(features))))

    def _booked(self, event: Report, order: Order | None) -> None:
        if not isinstance(event, Fill) or self._desk is None:
            return
        request = None if order is None else order.request
        self.fills.append((event, request))
        if request is not None and request.opportunity_id and request.opportunity_id not in self._parts:
            opportunity = self._desk.signals.aggregator.get(request.opportunity_id)
            if opportunity is not None:
                self._parts[request.opportunity_id] = parts(opportunity.blend.inputs, opportunity.side)
        round_trips = self._desk.trading.books.round_trips
        if round_trips.ended > len(self.trips):
            self.trips += round_trips.recent(1)
