"""Which request leaves next: cancels before everything, then exits, then other orders and amendments, then
questions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.events import NS, OrderState
from engine.execution.alpaca.calls import Call, Kind
from engine.execution.alpaca.job import FIRST_ASK_NS, MAX_ASK_NS, Job, Phase
from engine.execution.alpaca.jobs import Jobs
from engine.execution.alpaca.rate import RateLimit
from engine.execution.alpaca.wire import plain
from engine.execution.gateway import Report

QUEUE_NS = 60 * NS
"""An order that could not leave for this long (rate limit) is rejected: its price was decided on long ago."""
LOOK_BACK_NS = 300 * NS
"""Executions are asked for from this long before the oldest open order."""
PAGE = 100


class Outbox:
    def __init__(self, jobs: Jobs, rate: RateLimit) -> None:
        self._jobs = jobs
        self._rate = rate
        self._page = ""
        self._fetching = False
        self._pause_ns = FIRST_ASK_NS

    def next_call(self, now_ns: int) -> Call | None:
        """The most urgent request that may leave now; None when there is none, or the rate limit forbids."""
        jobs = [job for _, job in self._jobs.active()]
        for job in jobs:
            if job.cancelable and job.cancel_ns <= now_ns:
                path = f"/{job.tracked.venue_id}"
                return self._take(job, _call(Kind.CANCEL, "DELETE", path, job), now_ns, spare=True)
        # An exit stands behind no entries that the rate limit holds back.
        for job in sorted(jobs, key=_opens):
            if job.placeable:
                return self._take(job, _call(Kind.PLACE, "POST", "", job, job.form), now_ns)
            if job.refused is not None and not job.asked_held:
                return self._take(job, _held_call(job), now_ns)
            if job.amendable:
                path = f"/{job.tracked.venue_id}"
                return self._take(job, _call(Kind.AMEND, "PATCH", path, job, job.patch), now_ns)
        for job in jobs:
            if job.ask_ns and job.ask_ns <= now_ns and not job.asking:
                return self._take(job, _ask_call(job), now_ns)
        fetch_ns = self._jobs.fetch_ns
        if fetch_ns and fetch_ns <= now_ns and not self._fetching and self._rate.take(now_ns):
            self._fetching = True
            return executions_call(self.since_ns(now_ns), self._page)
        return None

    def _take(self, job: Job, call: Call, now_ns: int, *, spare: bool = False) -> Call | None:
        if not self._rate.take(now_ns, spare=spare):
            return None
        if call.kind is Kind.ASK:
            job.asking, job.ask_ns = True, 0
            return call
        if call.kind is Kind.HELD:
            job.asked_held = True
            return call
        job.busy = True
        if call.kind is Kind.PLACE:
            job.phase, job.since_ns, job.form = Phase.SENT, now_ns, None
        elif call.kind is Kind.CANCEL:
            job.cancel_ns = 0
        else:
            job.since_ns, job.patch = now_ns, None
        return call

    def due_ns(self, now_ns: int) -> int | None:
        """When there is something to do again; None when only news can change that."""
        spare, usual = self._rate.next_ns(now_ns, spare=True), self._rate.next_ns(now_ns)
        due: list[int] = []
        for _, job in self._jobs.active():
            if job.cancelable:
                due.append(max(job.cancel_ns, spare))
            if job.placeable:
                due.append(min(usual, job.queued_ns + QUEUE_NS + 1))
            if job.amendable or (job.refused is not None and not job.asked_held):
                due.append(usual)
            if job.ask_ns and not job.asking:
                due.append(max(job.ask_ns, usual))
        if self._jobs.fetch_ns and not self._fetching:
            due.append(max(self._jobs.fetch_ns, usual))
        return min(due, default=None)

    def give_up(self, now_ns: int) -> list[Report]:
        """Reject what could not leave in time."""
        late = [job for _, job in self._jobs.active() if job.placeable and now_ns - job.queued_ns > QUEUE_NS]
        why = f"not sent within {QUEUE_NS // NS} s: rate limit"
        reports: list[Report] = []
        for job in late:
            reports += self._jobs.drop(job, OrderState.REJECTED, why, now_ns)
        return reports

    def since_ns(self, now_ns: int) -> int:
        """Executions before it are of no open order."""
        oldest = min((job.tracked.order.created_ns for _, job in self._jobs.active()), default=now_ns)
        return max(oldest - LOOK_BACK_NS, 0)

    def fetched(self, last_id: str, count: int, now_ns: int) -> None:
        """A page of executions came (``count`` < 0: it did not): ask for the next, or again, or no more."""
        self._fetching = False
        if count < 0 or (count < PAGE and self._jobs.missing()):
            self._page = ""
            self._jobs.fetch_ns = now_ns + self._pause_ns
            self._pause_ns = min(self._pause_ns * 2, MAX_ASK_NS)
            return
        self._pause_ns = FIRST_ASK_NS
        self._page, self._jobs.fetch_ns = (last_id, now_ns) if count >= PAGE else ("", 0)


def executions_call(since_ns: int, page: str) -> Call:
    """A page of the executions since then, oldest first."""
    after = datetime.fromtimestamp(since_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"after": after, "direction": "asc", "page_size": str(PAGE)}
    if page:
        query["page_token"] = page
    return Call(Kind.EXECUTIONS, "GET", "/v2/account/activities/FILL", query)


def _opens(job: Job) -> bool:
    return not job.tracked.order.request.reduce_only


def _call(kind: Kind, method: str, path: str, job: Job, form: dict[str, Any] | None = None) -> Call:
    identity = job.tracked.client_order_id
    return Call(kind, method, f"/v2/orders{path}", form=form, client_order_id=identity)


def _held_call(job: Job) -> Call:
    identity, symbol = job.tracked.client_order_id, plain(job.tracked.name)
    return Call(Kind.HELD, "GET", f"/v2/positions/{symbol}", client_order_id=identity)


def _ask_call(job: Job) -> Call:
    """By the venue's id, where it is known: by ours a replaced order is found in place of its replacement."""
    identity, venue_id = job.tracked.client_order_id, job.tracked.venue_id
    if venue_id:
        path, query = f"/v2/orders/{venue_id}", {"nested": "true"}
    else:
        path, query = "/v2/orders:by_client_order_id", {"client_order_id": identity}
    return Call(Kind.ASK, "GET", path, query, client_order_id=identity)
