"""What the venue answers: on its way back to the desk, or there at once."""

from __future__ import annotations

from engine.events import Funding
from engine.execution.paper.account import Account
from engine.execution.paper.latency import Latency
from engine.execution.paper.outbox import Outbox, Report


class Answers:
    """Keeps the account's books of what has reached the desk."""

    def __init__(self, latency: Latency, account: Account) -> None:
        self._latency = latency
        self._account = account
        self.outbox = Outbox()
        self.now_ns = 0
        """When something was answered last."""

    def answer(self, symbol: str, out: list[Report], now_ns: int) -> list[Report]:
        """Send what happened on its way back; what has arrived by now."""
        at_once = self._latency.back_at_once and not (out and out[0].ns > now_ns)
        if not at_once or self.outbox.any(symbol):
            self.send(symbol, out)
            return self.receive(symbol, now_ns)
        return self.deliver(out, now_ns)

    def send(self, symbol: str, reports: list[Report]) -> None:
        """On their way back, together."""
        if reports:
            first = reports[0]
            assert not isinstance(first, Funding)  # those travel by themselves
            due_ns = first.ns + self._latency.outward_ns(first.client_order_id, first.ns)
            self.outbox.put(symbol, reports, due_ns)

    def receive(self, symbol: str, now_ns: int) -> list[Report]:
        """Of a symbol, what has arrived by now."""
        return self.deliver(self.outbox.take(symbol, now_ns), now_ns)

    def deliver(self, reports: list[Report], now_ns: int) -> list[Report]:
        """The desk has these now."""
        self.now_ns = max(self.now_ns, now_ns)
        for report in reports:
            self._account.tell(report)
        return reports
