"""What an answer, or its absence, means for the order it is about."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal

from engine.errors import OrderError
from engine.events import NS, OrderState, Pending, Side
from engine.execution.alpaca.calls import Answer, Call
from engine.execution.alpaca.job import Job, Phase
from engine.execution.alpaca.jobs import Jobs
from engine.execution.alpaca.order_form import is_crypto, text
from engine.execution.alpaca.wire import DUPLICATE_ID, OrderRow, PositionRow, decode, refusal
from engine.execution.gateway import Report

log = logging.getLogger("engine.alpaca")

MISSES = 3
"""So many answers "unknown order" at least, before an order is given up."""
MOST_FEES = Decimal("0.01")
"""Of an order to sell crypto, that fees in kind may have taken out of what it sells."""
CONFIRM_NS = 2 * NS
"""After a cancel or an amendment was taken: when to ask, if no update tells."""
_UNTOLD = Decimal(-1)


class Answers:
    """``settle_ns``: how long after it left an order may still arrive. ``taken_in_kind(symbol)``: most that
    fees may have taken out of the symbol's position, whatever was sold of it since."""

    def __init__(self, jobs: Jobs, settle_ns: int, taken_in_kind: Callable[[str], Decimal]) -> None:
        self._jobs = jobs
        self._settle_ns = settle_ns
        self._taken_in_kind = taken_in_kind

    def placed(self, job: Job, call: Call, answer: Answer, now_ns: int) -> list[Report]:
        if answer.status == 429:
            # Not taken, for certain: it waits its turn, unless nobody wants it any more.
            job.phase, job.form = Phase.QUEUED, call.form
            if job.cancel_ns:
                return self._jobs.drop(job, OrderState.CANCELED, "canceled before it was taken", now_ns)
            return []
        if answer.refused and not job.tracked.venue_id:
            told = refusal(answer.body)
            if answer.status == 403 and call.form is not None and _may_lack_fees(job):
                job.phase, job.refused = Phase.QUEUED, (call.form, refused(answer))
                return []
            if answer.status != 422 or told.code != DUPLICATE_ID:
                return self._jobs.drop(job, OrderState.REJECTED, refused(answer), now_ns)
        row = _row(answer)
        if row is None:
            job.phase, job.since_ns, job.misses = Phase.UNRESOLVED, now_ns, 0
            job.ask_at(now_ns)
            return []
        return self._jobs.found(job, row, now_ns)

    def held(self, job: Job, answer: Answer, now_ns: int) -> list[Report]:
        """An exit was refused: what is there is sold, and the rest is taken for fees where it may be that."""
        assert job.refused is not None
        form, why = job.refused
        order = job.tracked.order
        wanted, (held, shared) = order.quantity, _held(answer)
        if job.cancel_ns:
            return self._jobs.drop(job, OrderState.CANCELED, "canceled before it was taken", now_ns)
        most = self._taken_in_kind(order.request.symbol)
        # What another order is to sell, perhaps one that is being canceled, is neither fees nor missing.
        fees = wanted - held <= (most if shared else max(wanted * MOST_FEES, most))
        there = held > 0 and (fees or not shared)
        if not 0 <= held < wanted or not (there or (fees and not shared and job.tracked.be_fees(now_ns))):
            return self._jobs.drop(job, OrderState.REJECTED, why, now_ns)
        told = "the rest are fees" if fees else "the rest is missing"
        log.info("order %s: %s of %s are there, %s", job.tracked.client_order_id, held, wanted, told)
        if not held:
            return self._jobs.settle(job, now_ns)
        if fees:
            job.tracked.taken_in_kind = wanted - held
        job.form = {**form, "qty": text(held)}
        return []

    def canceled(self, job: Job, answer: Answer, now_ns: int) -> list[Report]:
        if answer.ok:
            job.ask_at(now_ns + CONFIRM_NS)
        else:
            if answer.refused:
                # Done already, or not to be canceled: the order itself tells which.
                job.refusal = refused(answer)
            else:
                job.cancel_later(now_ns)
            job.ask_at(now_ns)
        return self._jobs.settle(job, now_ns)

    def amended(self, job: Job, call: Call, answer: Answer, now_ns: int) -> list[Report]:
        if answer.status == 429:
            job.patch = call.form
            return []
        row = _row(answer)
        if row is not None:
            job.ask_at(now_ns + CONFIRM_NS)
            return self._jobs.fold(job, row, now_ns)
        if answer.refused and refusal(answer.body).code != DUPLICATE_ID:
            job.tracked.refuse_update(refused(answer), now_ns)
        job.ask_at(now_ns)
        return self._jobs.settle(job, now_ns)

    def told(self, job: Job, answer: Answer, now_ns: int) -> list[Report]:
        """How an order stands, as it was asked."""
        if answer.status == 404:
            return self._missed(job, now_ns)
        row = _row(answer)
        if row is None:
            job.ask_later(now_ns)
            return []
        pause_ns, known = job.pause_ns, job.tracked.venue_id
        reports = self._jobs.found(job, row, now_ns)
        job.pause_ns = pause_ns
        if 0 < job.ask_ns <= now_ns and job.tracked.venue_id == known:
            job.ask_later(now_ns)  # the answer was no news: at once it would be the same again
        return reports + self._unanswered(job, row, now_ns)

    def _missed(self, job: Job, now_ns: int) -> list[Report]:
        """The venue does not know it, so far."""
        job.misses += 1
        order = job.tracked.order
        if job.misses == 1 and job.phase is Phase.LIVE:
            job.since_ns = now_ns
        if job.misses < MISSES or now_ns - job.since_ns < self._settle_ns:
            job.ask_later(now_ns)
            return []
        if order.state is OrderState.SUBMITTED and not job.tracked.venue_id:
            why = "never arrived at the venue"
            log.warning("order %s %s: asked %d times", order.client_order_id, why, job.misses)
            return self._jobs.drop(job, OrderState.REJECTED, why, now_ns)
        if order.pending is Pending.CANCEL:
            why = "the venue does not know it any more"
            log.warning("order %s is canceled: %s", order.client_order_id, why)
            return self._jobs.drop(job, OrderState.CANCELED, why, now_ns)
        # It had it before: that is for a person to judge. Reconciliation shows it.
        log.error("order %s: the venue does not know it any more", order.client_order_id)
        job.phase = Phase.LIVE
        return self._jobs.settle(job, now_ns)

    def _unanswered(self, job: Job, row: OrderRow, now_ns: int) -> list[Report]:
        """An amendment or a cancel that the venue, asked long after, knows nothing of did not arrive."""
        order = job.tracked.order
        why, job.refusal = job.refusal, ""
        if order.state.terminal or job.busy or job.patch is not None:
            return []
        if row.status in ("pending_cancel", "pending_replace", "replaced") or job.tracked.candidate:
            job.ask_later(now_ns)
        elif why:
            job.tracked.refuse_cancel(why, now_ns)
        elif order.pending is Pending.CANCEL and not job.cancel_ns:
            job.cancel_later(now_ns)
        elif order.pending is Pending.UPDATE and row.id == job.tracked.venue_id:
            if now_ns - job.since_ns < self._settle_ns:
                job.ask_later(now_ns)
            else:
                job.tracked.refuse_update("the amendment never arrived at the venue", now_ns)
        return self._jobs.settle(job, now_ns)


def refused(answer: Answer) -> str:
    """Why the venue did not do it, in its own words, cleaned."""
    if answer.status == 401:
        return "the venue does not take the keys"
    return f"venue: {refusal(answer.body).message or f'HTTP {answer.status}'}"


def _may_lack_fees(job: Job) -> bool:
    request = job.tracked.order.request
    selling = request.side is Side.SELL and request.reduce_only
    return selling and is_crypto(job.tracked.name) and not job.legs and job.refused is None


def _held(answer: Answer) -> tuple[Decimal, bool]:
    """(how much there is to sell, whether other orders are to sell of the position, too); below 0 where that
    is not told."""
    if answer.status == 404:
        return Decimal(0), False
    try:
        row = decode(answer.body, PositionRow) if answer.ok else None
    except OrderError as error:
        log.warning("a position is %s", error)
        row = None
    if row is None:
        return _UNTOLD, False
    return (
        (row.qty, False) if row.qty_available is None else (row.qty_available, row.qty_available != row.qty)
    )


def _row(answer: Answer) -> OrderRow | None:
    """The order that an answer tells; None when it tells none."""
    if not answer.ok:
        return None
    try:
        return decode(answer.body, OrderRow)
    except OrderError as error:
        log.warning("an answer about an order is %s", error)
        return None
