"""All orders of the gateway, found by our ids and the venue's, and the folding of rows and executions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from decimal import Decimal

from engine.events import OrderEvent, OrderRequest, OrderState
from engine.execution.alpaca.job import FIRST_ASK_NS, MAX_ASK_NS, Job, Phase
from engine.execution.alpaca.tracked import Tracked
from engine.execution.alpaca.wire import Execution, OrderRow, same_symbol, stamp_ns
from engine.execution.gateway import Report
from engine.execution.order import Order

log = logging.getLogger("engine.alpaca")

_ZERO = Decimal(0)


class Jobs:
    """Every method that folds returns the reports that follow, in order."""

    def __init__(self) -> None:
        self._all: dict[str, Job] = {}
        self._active: dict[str, Job] = {}
        self._by_venue_id: dict[str, Job] = {}
        self._past: dict[str, str] = {}
        """Of orders that had filled when the engine started: the venue's id, and each trade id -> our id."""
        self.fetch_ns = 0
        """When to ask for executions; 0: none are missing."""

    def __contains__(self, client_order_id: str) -> bool:
        return client_order_id in self._all

    def __getitem__(self, client_order_id: str) -> Job:
        return self._all[client_order_id]

    def active(self) -> Iterator[tuple[str, Job]]:
        """Those that are not done, oldest first."""
        return iter(self._active.items())

    def get_active(self, client_order_id: str) -> Job | None:
        return self._active.get(client_order_id)

    def leader(self, job: Job) -> Job:
        """The order that a leg was sent with; a single order leads itself."""
        return self._all.get(job.parent, job)

    def find(self, row: OrderRow) -> Job | None:
        """Whose row it is; None when it is not ours, or a leg whose id is not known yet."""
        known = self._by_venue_id.get(row.id) or self._by_venue_id.get(row.replaces or "")
        if known is not None:
            return known
        named = self._all.get(row.client_order_id)
        return named if named is not None and _is_of(named, row) else None

    def of_venue_id(self, venue_id: str) -> Order | None:
        """Our order that the venue calls so."""
        job = self._by_venue_id.get(venue_id)
        return None if job is None else job.tracked.order

    def of_execution(self, venue_id: str, trade_id: str) -> str:
        """Our id of the order that an execution is of, also one of before this run; "": none."""
        order = self.of_venue_id(venue_id)
        if order is not None:
            return order.client_order_id
        return self._past.get(trade_id) or self._past.get(venue_id, "")

    # --- in

    def remember(self, order: Order) -> None:
        """An order of before this run: what the venue tells of its executions is known."""
        if order.filled:
            known = filter(None, (order.venue_order_id, *order.trade_ids))
            self._past.update(dict.fromkeys(known, order.client_order_id))

    def queue(self, request: OrderRequest, name: str, now_ns: int) -> Job:
        """An order that is SUBMITTED, or HELD as a bracket's child; ``name``: Alpaca's of its symbol."""
        identity, symbol = request.client_order_id, request.symbol
        order = Order.begin(OrderEvent(identity, symbol, OrderState.INITIALIZED, "", now_ns, request=request))
        state = OrderState.HELD if request.parent_id else OrderState.SUBMITTED
        order.apply(OrderEvent(identity, symbol, state, "", now_ns))
        return self.enter(Job(Tracked(order, name), Phase.QUEUED, now_ns))

    def enter(self, job: Job) -> Job:
        identity = job.tracked.client_order_id
        self._all[identity] = self._active[identity] = job
        self._know(job)
        return job

    def _know(self, job: Job) -> None:
        for venue_id in (*job.tracked.venue_ids, job.tracked.candidate):
            if venue_id:
                self._by_venue_id[venue_id] = job

    # --- folding

    def found(self, job: Job, row: OrderRow, now_ns: int) -> list[Report]:
        """The venue has an order under our id: it is ours, unless its terms are another's."""
        if not _is_of(job, row):
            why = "its id is another order's at the venue"
            log.error("order %s: %s", job.tracked.client_order_id, why)
            return self.drop(job, OrderState.REJECTED, why, now_ns)
        job.phase, job.misses, job.pause_ns = Phase.LIVE, 0, FIRST_ASK_NS
        return self.fold(job, row, now_ns)

    def fold(self, job: Job, row: OrderRow, now_ns: int) -> list[Report]:
        """Take in how an order stands, and with it the legs of its list."""
        job.tracked.fold(row, now_ns)
        reports = self.settle(job, now_ns)
        for leg in row.legs or ():
            reports += self._fold_leg(job, leg, now_ns)
        if row.legs is None and self._unbound(job):
            job.ask_at(now_ns)  # by the venue's own id now, which tells the legs
        return reports

    def _fold_leg(self, parent: Job, row: OrderRow, now_ns: int) -> list[Report]:
        leg = self._by_venue_id.get(row.id)
        if leg is None:
            leg = self._all.get(parent.legs.get("limit" if row.type == "limit" else "stop", ""))
        if leg is None:
            return []
        leg.phase = Phase.LIVE
        return self.fold(leg, row, now_ns)

    def _unbound(self, parent: Job) -> bool:
        """Whether a leg's id at the venue is not known yet."""
        legs = (self._all.get(identity) for identity in parent.legs.values())
        return any(leg is not None and not leg.tracked.venue_id and not leg.tracked.done for leg in legs)

    def ask_parents(self, now_ns: int) -> None:
        """Something unknown was told of: perhaps of a leg whose id is not known yet."""
        for job in self._active.values():
            if job.phase is Phase.LIVE and self._unbound(job):
                job.ask_at(now_ns)

    def executions(self, executions: Iterable[Execution], now_ns: int) -> list[Report]:
        """Those of our orders that we lack are booked: they are facts. Others are left alone."""
        reports: list[Report] = []
        # Those of one millisecond may come in any order: the count so far puts them right.
        for row in sorted(executions, key=lambda e: (stamp_ns(e.transaction_time, 0), e.cum_qty or _ZERO)):
            job = self._by_venue_id.get(row.order_id)
            if job is not None:
                ns = stamp_ns(row.transaction_time, now_ns)
                job.tracked.execute(
                    row.execution_id, row.order_id, row.qty, row.price, row.cum_qty, ns, now_ns
                )
                reports += self.settle(job, now_ns)
        return reports

    def settle(self, job: Job, now_ns: int) -> list[Report]:
        """After anything was folded: what is to be asked, whether it is done, and what is to be told."""
        tracked = job.tracked
        self._know(job)
        if tracked.ask:
            tracked.ask = False
            job.ask_at(now_ns)
        if tracked.ask_later:
            tracked.ask_later = False
            job.ask_at(now_ns + MAX_ASK_NS)
        if tracked.short:
            self.fetch(now_ns)
        identity = tracked.client_order_id
        if tracked.arrived_late:
            tracked.arrived_late = False
            log.error("order %s arrived after it was given up: canceling it", identity)
            self._active[identity] = job
            job.cancel_ns = now_ns
        elif tracked.done and not job.busy and not job.cancel_ns and not self._unbound(job):
            job.ask_ns = 0
            self._active.pop(identity, None)
        elif not tracked.done:
            self._active[identity] = job  # also one that ended, and was filled after all
        return tracked.take()

    def fetch(self, now_ns: int) -> None:
        """Ask for executions."""
        self.fetch_ns = min(self.fetch_ns, now_ns) if self.fetch_ns else now_ns

    def missing(self) -> bool:
        """Whether the venue has filled what no execution told yet."""
        return any(job.tracked.short for job in self._active.values())

    def drop(self, job: Job, state: OrderState, why: str, now_ns: int) -> list[Report]:
        """An order that is not at the venue ends, and with it what was sent with it."""
        job.form = job.patch = None
        job.cancel_ns = job.ask_ns = 0
        job.tracked.end(state, why, now_ns)
        reports: list[Report] = []
        for identity in job.legs.values():
            leg = self._all.get(identity)
            if leg is not None and not leg.tracked.venue_id:
                reports += self.drop(leg, state, why, now_ns)
        return self.settle(job, now_ns) + reports


def _is_of(job: Job, row: OrderRow) -> bool:
    """Whether a row under our id can be our order."""
    request = job.tracked.order.request
    return same_symbol(row.symbol, job.tracked.name) and row.side.partition("_")[0] == request.side.value
