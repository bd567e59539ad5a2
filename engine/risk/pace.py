"""The pace of orders: rate, identical orders, strategies that repeat themselves. What is sent counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from engine.events import NS, OrderRequest, OrderType, Purpose, Side
from engine.risk.limits import Limits, scopes_of

_Content = tuple[str, Side, OrderType, Decimal, Purpose, Decimal | None, Decimal | None, Decimal | None]


class Bucket:
    """Tokens: one an order, ``size`` at most. Times that step back count as no time passed."""

    __slots__ = ("_left", "_refilled_ns")

    def __init__(self, size: float) -> None:
        self._left = size
        self._refilled_ns = 0

    def tokens(self, ns: int, per_s: float, size: float) -> float:
        """How many orders may leave at ``ns``."""
        passed = ns - self._refilled_ns
        left = self._left + passed * per_s / NS if passed > 0 else self._left
        return left if left < size else size

    def take(self, ns: int, per_s: float, size: float) -> None:
        self._left = max(0.0, self.tokens(ns, per_s, size) - 1.0)
        self._refilled_ns = max(self._refilled_ns, ns)


class Pace:
    """What was sent, as far as the checks of pace need it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.bucket = Bucket(limits.burst)
        """Of ``order_burst`` tokens, refilled at ``max_orders_per_s``."""
        self._own: dict[str, Bucket] = {}
        """Of strategies and symbols with a rate of their own."""
        self.ids: set[str] = set()
        """Of all orders ever sent."""
        self._recent: deque[tuple[int, _Content, str]] = deque()
        self.newest_ns: int | None = None
        """When something was sent last."""
        self._repeats: dict[tuple[str, str, Side], deque[int]] = {}
        self.disabled: dict[str, str] = {}
        """Strategy -> why; until a person enables it again."""

    def remember(self, client_order_ids: Iterable[str]) -> None:
        """Ids that were used before a restart."""
        self.ids.update(client_order_ids)

    def sent(self, request: OrderRequest, ns: int) -> None:
        """Count an order that leaves for the venue."""
        self.ids.add(request.client_order_id)
        self.amended(request, ns)
        if request.purpose is Purpose.ENTRY:
            for source in request.sources:
                self._repeat(source, request, ns)

    def amended(self, request: OrderRequest, ns: int) -> None:
        """Count a message that makes an order what ``request`` says."""
        limits = self._limits
        self.bucket.take(ns, limits.orders_per_s, limits.burst)
        if limits.own:
            self._take_own(request, ns)
        self._recent.append((ns, _content(request), request.client_order_id))
        self.newest_ns = ns
        while ns - self._recent[0][0] > limits.duplicate_ns:
            self._recent.popleft()

    def _take_own(self, request: OrderRequest, ns: int) -> None:
        for scope in scopes_of(request.symbol, request.sources):
            own = self._limits.own.get(scope)
            if own is not None and own.orders_per_s is not None:
                size = _size(own.orders_per_s)
                self._own.setdefault(scope, Bucket(size)).take(ns, own.orders_per_s, size)

    def _repeat(self, source: str, request: OrderRequest, ns: int) -> None:
        key = source, request.symbol, request.side
        times = self._repeats.get(key)
        if times is None:
            times = self._repeats[key] = deque()
        times.append(ns)
        while ns - times[0] > self._limits.repeat_ns:
            times.popleft()
        if len(times) >= self._limits.repeats:
            seconds = self._limits.repeat_ns / NS
            self.disabled.setdefault(
                source, f"{len(times)} {request.side.value} orders of {request.symbol} in {seconds:g} s"
            )

    def disable(self, source: str, why: str) -> None:
        """As it was when the engine ended."""
        self.disabled.setdefault(source, why)

    def enable(self, source: str) -> bool:
        """Let a disabled strategy trade again, its count starting anew; False when it was not disabled."""
        if self.disabled.pop(source, None) is None:
            return False
        for key in [key for key in self._repeats if key[0] == source]:
            del self._repeats[key]
        return True

    def own_tokens(self, scope: str, per_s: float, ns: int) -> float:
        """Orders of a strategy or a symbol that may leave: a bucket of a second's orders, at least one."""
        bucket = self._own.get(scope)
        size = _size(per_s)
        return size if bucket is None else bucket.tokens(ns, per_s, size)

    def identical_ns(self, request: OrderRequest, ns: int) -> int | None:
        """How long ago an identical order, under another id, was sent; None: not within the window."""
        content = None
        for sent_ns, other, order_id in reversed(self._recent):
            if ns - sent_ns > self._limits.duplicate_ns:
                return None
            content = content or _content(request)
            if other == content and order_id != request.client_order_id:
                return ns - sent_ns
        return None


def _size(per_s: float) -> float:
    return max(1.0, per_s)


def _content(request: OrderRequest) -> _Content:
    return (
        request.symbol,
        request.side,
        request.type,
        request.quantity,
        request.purpose,
        request.price,
        request.stop_price,
        request.trail,
    )
