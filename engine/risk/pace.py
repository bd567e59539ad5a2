"""The pace of orders: rate, identical orders, strategies that repeat themselves. What is sent counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from engine.events import NS, OrderRequest, OrderType, Purpose, Side
from engine.risk.limits import Limits

_Content = tuple[str, Side, OrderType, Decimal, Purpose]


class Pace:
    """What was sent, as far as the checks of pace need it. Times that step back count as no time passed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._burst = float(limits.burst)
        self._tokens = self._burst
        self._refilled_ns = 0
        self.ids: set[str] = set()
        """Of all orders ever sent."""
        self._recent: deque[tuple[int, _Content]] = deque()
        self._repeats: dict[tuple[str, str, Side], deque[int]] = {}
        self.disabled: dict[str, str] = {}
        """Strategy -> why; until a person enables it again."""

    def remember(self, client_order_ids: Iterable[str]) -> None:
        """Ids that were used before a restart."""
        self.ids.update(client_order_ids)

    def sent(self, request: OrderRequest, ns: int) -> None:
        """Count an order that leaves for the venue."""
        self._tokens = max(0.0, self.tokens(ns) - 1.0)
        self._refilled_ns = max(self._refilled_ns, ns)
        self.ids.add(request.client_order_id)
        self._recent.append((ns, _content(request)))
        while ns - self._recent[0][0] > self._limits.duplicate_ns:
            self._recent.popleft()
        if request.purpose is Purpose.ENTRY:
            for source in request.sources:
                self._repeat(source, request, ns)

    def _repeat(self, source: str, request: OrderRequest, ns: int) -> None:
        times = self._repeats.setdefault((source, request.symbol, request.side), deque())
        times.append(ns)
        while ns - times[0] > self._limits.repeat_ns:
            times.popleft()
        if len(times) >= self._limits.repeats:
            seconds = self._limits.repeat_ns / NS
            self.disabled.setdefault(
                source, f"{len(times)} {request.side.value} orders of {request.symbol} in {seconds:g} s"
            )

    def enable(self, source: str) -> bool:
        """Let a disabled strategy trade again, its count starting anew; False when it was not disabled."""
        if self.disabled.pop(source, None) is None:
            return False
        for key in [key for key in self._repeats if key[0] == source]:
            del self._repeats[key]
        return True

    def tokens(self, ns: int) -> float:
        """Orders that may leave at ``ns``: a bucket of ``order_burst``, refilled at ``max_orders_per_s``."""
        passed = ns - self._refilled_ns
        if passed <= 0:
            return self._tokens
        tokens = self._tokens + passed * self._limits.orders_per_s / NS
        return tokens if tokens < self._burst else self._burst

    def identical_ns(self, request: OrderRequest, ns: int) -> int | None:
        """How long ago an identical order was sent; None when none was within the window."""
        content = None
        for sent_ns, other in reversed(self._recent):
            if ns - sent_ns > self._limits.duplicate_ns:
                return None
            content = content or _content(request)
            if other == content:
                return ns - sent_ns
        return None


def _content(request: OrderRequest) -> _Content:
    return request.symbol, request.side, request.type, request.quantity, request.purpose
