"""When a bar is final, for venues that do not say so themselves.

A bar that is still growing looks like a finished one. Only the beginning of its successor, or a good while
after its end, makes it final.
"""

from __future__ import annotations

import msgspec

from engine.events import NS, Candle, MarketEvent

SETTLED_NS = 10 * NS
"""So long after its end, by our clock, a bar is final without a successor: the venue's may be behind."""


class RunningCandles:
    """The last bar of each symbol, held until its successor begins. Push bars that are not closed."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], Candle] = {}

    def push(self, candle: Candle, out: list[MarketEvent]) -> None:
        """Append ``candle``, and before it, closed, the bar that it succeeds. What is older is dropped: its
        closed form went out already. One of the future succeeds none: who judges bars will set it aside.
        """
        if of_future(candle):
            out.append(candle)
            return
        key = (candle.symbol, candle.interval_s)
        last = self._last.get(key)
        if last is not None and candle.open_ns < last.open_ns:
            return
        if last is not None and candle.open_ns > last.open_ns:
            out.append(
                msgspec.structs.replace(last, closed=True, event_ns=candle.event_ns, recv_ns=candle.recv_ns)
            )
        self._last[key] = candle
        out.append(candle)

    def clear(self) -> None:
        """Messages were missed: what is held may be half a bar, and is never closed."""
        self._last.clear()


def of_future(candle: Candle) -> bool:
    """It is dated wrong: clocks differ by less than the bars that venues tell last, a minute at least."""
    return candle.open_ns > candle.recv_ns + candle.interval_s * NS


def settled(open_ns: int, interval_s: int, newest_ns: int, recv_ns: int) -> bool:
    """Whether a bar that REST told at ``recv_ns`` is final; its newest one begins at ``newest_ns``."""
    return open_ns < newest_ns or open_ns + interval_s * NS + SETTLED_NS <= recv_ns
