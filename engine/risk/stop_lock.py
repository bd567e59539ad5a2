"""Symbols that are locked after several stop-losses, as a fold over fills."""

from __future__ import annotations

from collections import deque

from engine.config import ExitsConfig
from engine.events import NS, OrderRequest, Purpose


class StopLocks:
    """``stop_lock_count`` stop-losses of a symbol within ``stop_lock_window_bars`` lock it for
    ``stop_lock_bars`` bars from the last of them.

    An order counts once, however many fills it has. What a trailing stop closes may be a gain: only
    stop-losses count. Told of the same fills in the same order, after a restart it holds what it held.
    """

    def __init__(self, config: ExitsConfig, bar_s: float) -> None:
        """``bar_s``: length of a bar."""
        bar_ns = int(bar_s * NS)
        self._count = config.stop_lock_count
        self._window_ns = config.stop_lock_window_bars * bar_ns
        self._lock_ns = config.stop_lock_bars * bar_ns
        self._stops: dict[str, deque[tuple[int, str]]] = {}
        self._until: dict[str, int] = {}
        """By symbol that was locked; also when that is over."""

    @property
    def any(self) -> bool:
        """Whether a symbol was ever locked."""
        return bool(self._until)

    @property
    def limit(self) -> int:
        """How many stop-losses lock a symbol; 0: never."""
        return self._count

    def on_fill(self, request: OrderRequest, ns: int) -> int:
        """A fill of the order was booked. Returns until when (ns) it locks its symbol; 0: it does not."""
        if not self._count or request.purpose is not Purpose.STOP_LOSS:
            return 0
        symbol, order_id = request.symbol, request.client_order_id
        stops = self._stops.get(symbol)
        if stops is None:
            stops = self._stops[symbol] = deque(maxlen=self._count)
        for _, known in stops:
            if known == order_id:
                return 0
        stops.append((ns, order_id))
        if len(stops) < self._count or ns - stops[0][0] > self._window_ns:
            return 0
        until = self._until[symbol] = ns + self._lock_ns
        return until

    def not_after(self, ns: int) -> None:
        """What was locked later than that was locked by a clock that was ahead."""
        for symbol, until_ns in self._until.items():
            self._until[symbol] = min(until_ns, ns + self._lock_ns)

    def until_ns(self, symbol: str, now_ns: int) -> int:
        """Until when the symbol is locked; 0 when it is not."""
        until = self._until.get(symbol, 0)
        return until if now_ns < until else 0
