"""Alpaca as a gateway, without a socket: requests to be sent come out, answers and updates go in.

An order is sent at most once. Its id is durable before (SUBMITTED is committed before ``submit``), so
whatever happens to the request, the venue can be asked by it:

- an answer that refuses it (4xx) is a rejection; 429 is none, the order waits its turn;
- no answer, a 5xx, or an answer that cannot be read leaves it *unresolved*: the venue is asked by client
  order id until it answers. What it knows is folded in. That it never arrived is certain only when the venue
  said so three times or more, the last time ``settle_ns`` (three time-outs) or longer after the order left:
  then it is REJECTED;
- "this id was used before" (422, code 40010001) is a success that was not heard: it is looked up.

An order that arrives even later, after it was given up, is canceled at the venue and shows as drift.
Cancels may be sent again and again, and go before everything else.

Fees are not told with an execution. A fill's fee is 0 here; what activities tell later is taken into account
when the books are compared. Of bought crypto Alpaca keeps its fee in kind, so there is less to sell than was
bought: an exit that is refused for it sells what is there, and the rest is booked as what it is, a sale whose
proceeds are the fee.
"""

from __future__ import annotations

import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine.errors import OrderError
from engine.events import NS, Amendment, OrderEvent, OrderRequest, OrderState, Pending
from engine.execution.alpaca.answers import Answers
from engine.execution.alpaca.calls import Answer, Call, Kind
from engine.execution.alpaca.job import Job, Phase
from engine.execution.alpaca.jobs import Jobs
from engine.execution.alpaca.order_form import amend_form, in_order, legs_of, list_form, order_form
from engine.execution.alpaca.outbox import Outbox
from engine.execution.alpaca.rate import RateLimit
from engine.execution.alpaca.tracked import Tracked
from engine.execution.alpaca.wire import Execution, Frame, OrderRow, Update, decode, stamp_ns
from engine.execution.gateway import Report
from engine.execution.order import WORKING, Order
from engine.text import clean

log = logging.getLogger("engine.alpaca")

NAME = "alpaca"
_EVENTS = 20_000
"""Ids of updates kept to recognise a repetition."""
_TELLING = frozenset(
    {
        "new",
        "accepted",
        "pending_new",
        "canceled",
        "expired",
        "done_for_day",
        "replaced",
        "rejected",
        "pending_cancel",
        "pending_replace",
        "suspended",
        "calculated",
        "stopped",
        "held",
    }
)
"""Updates whose order row says all there is to say."""


class AlpacaGateway:
    """Implements ``Gateway``.

    ``symbols``: the desk's symbols and Alpaca's names of them. ``woken`` is called when there may be
    something to send. ``dry_run``: what would be sent is logged, nothing is, and every order is REJECTED:
    left open, the desk would wait for fills that cannot come.
    """

    name = NAME
    clamps = False
    """Alpaca knows no reduce-only orders."""

    def __init__(
        self,
        symbols: Mapping[str, str],
        *,
        requests_per_min: int,
        settle_ns: int,
        dry_run: bool = False,
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        self._symbols = symbols
        self._dry_run = dry_run
        self._woken = woken
        self.rate = RateLimit(requests_per_min)
        self.jobs = Jobs()
        self._outbox = Outbox(self.jobs, self.rate)
        self.taken_in_kind: Callable[[str], Decimal] = lambda symbol: Decimal(0)
        """Most that fees in kind may have taken out of a symbol's position."""
        self._answers = Answers(self.jobs, settle_ns, lambda symbol: self.taken_in_kind(symbol))
        self.connected = False
        """Updates arrive. Without them no entry is sent: nobody would hear of its fills."""
        self._events: OrderedDict[str, None] = OrderedDict()

    # --- Gateway

    def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
        if request.client_order_id in self.jobs:
            return []
        try:
            name = self.name_of(request.symbol)
            form = order_form(request, name)
            self._refuse_unheard([request])
        except OrderError as error:
            return [_refusal(request, str(error), now_ns)]
        if self._dry_run:
            return _say_only([request], form, now_ns)
        self.jobs.queue(request, name, now_ns).form = form
        self._woken()
        return []

    def submit_list(self, requests: Sequence[OrderRequest], now_ns: int) -> list[Report]:
        """A bracket or one-cancels-other leaves as one request; the venue releases and links its legs."""
        ordered = in_order([request for request in requests if request.client_order_id not in self.jobs])
        if len(ordered) < 2:
            return [report for request in ordered for report in self.submit(request, now_ns)]
        try:
            name = self.name_of(ordered[0].symbol)
            form = list_form(ordered, name)
            self._refuse_unheard(ordered)
        except OrderError as error:
            return [_refusal(request, str(error), now_ns) for request in ordered]
        if self._dry_run:
            return _say_only(ordered, form, now_ns)
        first, *rest = (self.jobs.queue(request, name, now_ns) for request in ordered)
        first.form, first.legs = form, legs_of(ordered)
        for leg in rest:
            leg.phase, leg.parent = Phase.LEG, first.tracked.client_order_id
        self._woken()
        return []

    def amend(self, client_order_id: str, amendment: Amendment, now_ns: int) -> list[Report]:
        """Alpaca replaces the order by another: our client order id stays, the venue's is a new one."""
        job = self.jobs.get_active(client_order_id)
        if job is None:
            return []
        tracked = job.tracked
        tracked.ask_update(amendment, now_ns)
        why = self._no_amendment(job)
        if not why:
            job.amendments += 1
            replacement = f"{client_order_id[:40]}~{now_ns // NS % 100_000}{job.amendments}"
            try:
                job.patch = amend_form(tracked.order.request, amendment, tracked.name, replacement)
            except OrderError as error:
                why = str(error)
        if why:
            tracked.refuse_update(why, now_ns)
        self._woken()
        return self.jobs.settle(job, now_ns)

    def _no_amendment(self, job: Job) -> str:
        if self._dry_run:
            return "dry run: nothing is sent"
        if job.phase is not Phase.LIVE:
            return f"it cannot be amended now: {job.phase.value}"
        if job.tracked.order.filled or job.tracked.short:
            # Whether a replacement's quantity counts what is filled is not documented: no guess with money.
            return "it is partly filled: cancel it, and send what is left anew"
        return ""

    def cancel(self, client_order_id: str, now_ns: int) -> list[Report]:
        job = self.jobs.get_active(client_order_id)
        if job is None or job.tracked.order.state.terminal:
            return []
        tracked = job.tracked
        if tracked.order.state in WORKING:
            tracked.ask_cancel(now_ns)
        if self._dry_run:
            tracked.refuse_cancel("dry run: nothing is sent", now_ns)
            return self.jobs.settle(job, now_ns)
        leader = self.jobs.leader(job)
        if leader.placeable:
            return self.jobs.drop(leader, OrderState.CANCELED, "canceled before it was sent", now_ns)
        job.cancel_ns = now_ns
        self._woken()
        return []

    def waiting(self) -> dict[str, str]:
        return {identity: job.why() for identity, job in self.jobs.active() if not job.tracked.done}

    def trailing(self) -> dict[str, Decimal]:
        """None: Alpaca moves them, and is not asked how far."""
        return {}

    def unresolved(self) -> frozenset[str]:
        """Orders of which it is not known how they stand: there is nothing to compare yet."""
        return frozenset(
            identity
            for identity, job in self.jobs.active()
            if job.phase is not Phase.LIVE or job.tracked.short or job.cancel_ns or job.patch
        )

    # --- start and connection

    def restore(self, orders: Iterable[Order], now_ns: int) -> None:
        """Take up orders of an earlier run: the open ones, and what else is in their lists.

        What happened while nobody listened is unknown: the venue is asked about each.
        """
        lists: dict[str, list[OrderRequest]] = {}
        for order in orders:
            request = order.request
            name = self._symbols.get(request.symbol)
            if name is None:
                log.error("order %s: %s is not configured any more", request.client_order_id, request.symbol)
                continue
            if request.client_order_id in self.jobs:
                continue
            job = self.jobs.enter(Job(Tracked(copy.copy(order), name), Phase.UNRESOLVED, now_ns))
            job.ask_at(now_ns)
            if order.pending is Pending.CANCEL:
                job.cancel_ns = now_ns
            if request.list_id:
                lists.setdefault(request.list_id, []).append(request)
        for requests in lists.values():
            self._restore_list(in_order(requests))

    def _restore_list(self, ordered: list[OrderRequest]) -> None:
        first = self.jobs[ordered[0].client_order_id]
        first.legs = legs_of(ordered)
        for request in ordered[1:]:
            leg = self.jobs[request.client_order_id]
            leg.parent = ordered[0].client_order_id
            if not leg.tracked.venue_id:
                # The venue knows it by an id of its own only, which its parent tells.
                leg.phase, leg.ask_ns = Phase.LEG, 0

    def line(self, up: bool, now_ns: int) -> None:
        """The stream came up, or went down. What was missed meanwhile is asked for."""
        self.connected = up
        if up:
            for _, job in self.jobs.active():
                if job.phase is Phase.LIVE:
                    job.ask_at(now_ns)
            self.jobs.fetch(now_ns)
            self._woken()

    # --- out

    def next_call(self, now_ns: int) -> Call | None:
        """The most urgent request that may leave now. Its answer goes to ``answered``, in any case."""
        return None if self._dry_run else self._outbox.next_call(now_ns)

    def due_ns(self, now_ns: int) -> int | None:
        """When ``next_call`` or ``give_up`` has work again; None when only news can change that."""
        return None if self._dry_run else self._outbox.due_ns(now_ns)

    def give_up(self, now_ns: int) -> list[Report]:
        """Reject what could not leave in time."""
        return self._outbox.give_up(now_ns)

    def since_ns(self, now_ns: int) -> int:
        """Executions before it are of no open order."""
        return self._outbox.since_ns(now_ns)

    # --- in

    def answered(self, call: Call, answer: Answer, now_ns: int) -> list[Report]:
        """Fold the answer to ``call``, or its absence, in."""
        if answer.status == 429:
            self.rate.close(now_ns + int(max(answer.retry_after_s, 1.0) * NS))
        self._woken()
        if call.kind is Kind.EXECUTIONS:
            return self._fetched(answer, now_ns)
        job = self.jobs[call.client_order_id]
        if call.kind is Kind.ASK:
            job.asking = False
            return self._answers.told(job, answer, now_ns)
        if call.kind is Kind.HELD:
            return self._answers.held(job, answer, now_ns)
        job.busy = False
        if call.kind is Kind.PLACE:
            return self._answers.placed(job, call, answer, now_ns)
        if call.kind is Kind.CANCEL:
            return self._answers.canceled(job, answer, now_ns)
        return self._answers.amended(job, call, answer, now_ns)

    def unheard(self, call: Call, now_ns: int) -> None:
        """A bug of ours kept an answer from being folded in: what it was about is asked for again."""
        if call.kind is Kind.EXECUTIONS:
            self._outbox.fetched("", -1, now_ns)
            return
        job = self.jobs.get_active(call.client_order_id)
        if job is not None:
            if job.phase is Phase.SENT:
                job.phase, job.since_ns, job.misses = Phase.UNRESOLVED, now_ns, 0
            job.ask_later(now_ns)

    def _fetched(self, answer: Answer, now_ns: int) -> list[Report]:
        rows: list[Execution] | None = None
        if answer.ok:
            try:
                rows = decode(answer.body, list[Execution])
            except OrderError as error:
                log.warning("executions are %s", error)
        reports = self.jobs.executions(rows or (), now_ns)
        self._outbox.fetched(rows[-1].id if rows else "", -1 if rows is None else len(rows), now_ns)
        return reports

    def update(self, frame: bytes, now_ns: int) -> list[Report]:
        """A frame of the stream, binary or text. Raises OrderError when it cannot be read."""
        told = decode(frame, Frame)
        return self.update_data(bytes(told.data), now_ns) if told.stream == "trade_updates" else []

    def update_data(self, data: bytes, now_ns: int) -> list[Report]:
        """The ``data`` of an update, from the stream or a webhook; one that is repeated changes nothing.

        Raises OrderError when it cannot be read.
        """
        update = decode(data, Update)
        if not self._is_new(update):
            return []
        self._woken()
        job = self.jobs.find(update.order)
        if job is None:
            self.jobs.ask_parents(now_ns)
            return []
        if job.phase in (Phase.UNRESOLVED, Phase.LEG):
            job.phase = Phase.LIVE
        return self._updated(job, update, now_ns)

    def _is_new(self, update: Update) -> bool:
        if not update.event_id:
            return True  # what it tells is recognised by itself
        if update.event_id in self._events:
            return False
        self._events[update.event_id] = None
        if len(self._events) > _EVENTS:
            self._events.popitem(last=False)
        return True

    def _updated(self, job: Job, update: Update, now_ns: int) -> list[Report]:
        tracked, event, row = job.tracked, update.event, update.order
        if event in ("fill", "partial_fill"):
            tracked.bind(row)
            if update.execution_id and update.qty is not None and update.price is not None:
                ns = stamp_ns(update.timestamp, now_ns)
                tracked.execute(update.execution_id, row.id, update.qty, update.price, row.filled, ns, now_ns)
        elif event == "order_replace_rejected":
            tracked.refuse_update("the venue did not replace it", now_ns)
            job.ask_at(now_ns)
            return self.jobs.settle(job, now_ns)
        elif event == "order_cancel_rejected":
            job.refusal = "the venue did not cancel it"
            job.ask_at(now_ns)
            return self.jobs.settle(job, now_ns)
        elif event not in _TELLING:
            log.warning("order %s: unknown update %r: asking", tracked.client_order_id, clean(event, 40))
            job.ask_at(now_ns)
            self.jobs.fetch(now_ns)
            return []
        return self.jobs.fold(job, row, now_ns)

    def rows(self, rows: Iterable[OrderRow], now_ns: int) -> list[Report]:
        """Orders, as a list of them that was asked for tells."""
        reports: list[Report] = []
        for row in rows:
            job = self.jobs.find(row)
            if job is not None:
                reports += self.jobs.found(job, row, now_ns)
        return reports

    # --- refusals of our own

    def name_of(self, symbol: str) -> str:
        """Alpaca's of the desk's. Raises OrderError."""
        name = self._symbols.get(symbol)
        if name is None:
            raise OrderError(f"{clean(symbol, 60)} is not among brokers.alpaca.symbols")
        return name

    def _refuse_unheard(self, requests: Sequence[OrderRequest]) -> None:
        entry = not all(request.reduce_only for request in requests)
        if entry and not self.connected and not self._dry_run:
            raise OrderError("no updates from Alpaca: no entry is sent whose fills nobody would hear of")


def _say_only(requests: Sequence[OrderRequest], form: dict[str, Any], now_ns: int) -> list[Report]:
    log.info("dry run: would send POST /v2/orders %s", msgspec.json.encode(form).decode())
    return [_refusal(request, "dry run: nothing was sent", now_ns) for request in requests]


def _refusal(request: OrderRequest, why: str, now_ns: int) -> OrderEvent:
    # A held child was never submitted, so it cannot be rejected.
    state = OrderState.CANCELED if request.parent_id else OrderState.REJECTED
    return OrderEvent(request.client_order_id, request.symbol, state, why, now_ns)
