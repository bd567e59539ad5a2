"""What makes a symbol stale: its data is too old by its kind, wrong, or no price that can be traded on.

Two limits hold, and either is enough. ``risk.stale_data_s``: nothing of the symbol was heard for so long.
``quality.quote_age_s``: it has had quotes, and the newest is older than that, however many trades come. A
symbol without a quote to be believed is priced by its trades: ``trade_age_s`` is their limit. Beside fresh
quotes an old trade is only marked: most pairs go without one for minutes, and where the channel of trades is
silent the connection's watchdog says so. A kind that the symbol never had is not missed. A book that is wrong
makes the quotes that are its top stale at once, whatever their age. A symbol that only bars tell of has no
quote to be traded at. All of these deny entries; marked, too, is a book without news for ``book_age_s``,
since no order's price rests on it. And what a venue tells late is stale to who looks at it, however lately it
was heard: risk denies its entries by the clocks' difference.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import NS, BookStatus, Depth
from engine.text import clean

NO_QUOTE = "polled bars only, no quote to trade at"


class LastSeen(Protocol):
    """Knows when each symbol's last live tick was received (ns; 0: never): what was consumed up to the desk's
    clock, whatever the batches."""

    def last_recv_ns(self, index: int) -> int: ...

    def last_times(self, index: int) -> tuple[int, int, int]:
        """When the last tick, quote and trade were."""

    def recv_times(self) -> npt.NDArray[Any]: ...

    def quote_ns(self, index: int) -> int: ...

    def quote_times(self) -> npt.NDArray[Any]: ...

    def trade_ns(self, index: int) -> int: ...

    def trade_times(self) -> npt.NDArray[Any]: ...


class Late(Protocol):
    """Knows which symbols' data comes too late to be of the moment."""

    def late_ns(self, index: int) -> int:
        """0: it does not."""

    def late(self) -> list[int]:
        """All of them."""


class AgeLimits(msgspec.Struct, frozen=True):
    """Seconds, by kind of data; exactly the limit is fresh."""

    trade_s: float = 60.0
    quote_s: float = 10.0
    book_s: float = 10.0
    candle_s: float = 180.0


class Freshness:
    """Ages of the symbols' data, by index. A symbol that never ticked has no age and is stale."""

    def __init__(
        self, seen: LastSeen, limits: AgeLimits | None = None, *, lateness: Late | None = None
    ) -> None:
        """``lateness``: None where nothing is judged to be late, as on a tape."""
        limits = limits or AgeLimits()
        self._seen = seen
        self._lateness = lateness
        self._trade_ns = round(limits.trade_s * NS)
        self._quote_ns = round(limits.quote_s * NS)
        self._book_ns = round(limits.book_s * NS)
        self._candle_ns = round(limits.candle_s * NS)
        self._wrong: dict[int, str] = {}
        """Books that are wrong: why."""
        self._faults: dict[int, str] = {}
        """What no tick cures."""
        self._depth_ns: dict[int, int] = {}
        self._candles: dict[int, int] = {}

    # --- what is heard beside ticks --------------------------------------------------------------

    def note_book(self, index: int, status: BookStatus) -> None:
        """A symbol's book became wrong, or right again."""
        self._faults.pop(index, None)
        if status.live:
            self._wrong.pop(index, None)
            return
        self._depth_ns.pop(index, None)
        why = self._wrong[index] = f"book {clean(status.reason, 80) or 'is wrong'}"
        if status.quotes:
            self._faults[index] = why

    def note_depth(self, index: int, depth: Depth) -> None:
        self._depth_ns[index] = depth.recv_ns

    def note_candle(self, index: int, recv_ns: int) -> None:
        """A bar of a symbol that nothing else tells of."""
        self._candles[index] = max(recv_ns, self._candles.get(index, 0))
        self._faults[index] = NO_QUOTE

    # --- ages ------------------------------------------------------------------------------------

    def age_ns(self, index: int, now_ns: int) -> int | None:
        """Nanoseconds since the last tick, at least 0; None before the first."""
        return _age(self._seen.last_recv_ns(index), now_ns)

    def trade_age_ns(self, index: int, now_ns: int) -> int | None:
        return _age(self._seen.trade_ns(index), now_ns)

    def quote_age_ns(self, index: int, now_ns: int) -> int | None:
        """None while there is no quote to be believed, too."""
        return _age(self._seen.quote_ns(index), now_ns)

    def book_age_ns(self, index: int, now_ns: int) -> int | None:
        """None while the book is wrong, too."""
        return _age(self._depth_ns.get(index, 0), now_ns)

    def candle_age_ns(self, index: int, now_ns: int) -> int | None:
        return _age(self._candles.get(index, 0), now_ns)

    def book_fault(self, index: int) -> str:
        """Why the symbol's book is wrong; "" when it is right, or there is none."""
        return self._wrong.get(index, "")

    def book_is_old(self, index: int, now_ns: int) -> bool:
        age = self.book_age_ns(index, now_ns)
        return age is not None and age > self._book_ns

    def trade_is_old(self, index: int, now_ns: int) -> bool:
        age = self.trade_age_ns(index, now_ns)
        return age is not None and age > self._trade_ns

    # --- stale -----------------------------------------------------------------------------------

    def fault(self, index: int, now_ns: int) -> str:
        """Why the symbol must not be entered, beside silence; "" when nothing speaks against it."""
        return self.look(index, now_ns)[1]

    def look(self, index: int, now_ns: int) -> tuple[int | None, str]:
        """(``age_ns``, ``fault``) at once, for an order that waits."""
        recv_ns, quote_ns, trade_ns = self._seen.last_times(index)
        age_ns = (now_ns - recv_ns if now_ns > recv_ns else 0) if recv_ns else None
        if self._faults and index in self._faults:
            return age_ns, self._faults[index]
        if quote_ns:
            if now_ns - quote_ns > self._quote_ns:
                return age_ns, _old("quote", now_ns - quote_ns)
        elif trade_ns and now_ns - trade_ns > self._trade_ns:
            return age_ns, _old("trade", now_ns - trade_ns)
        return age_ns, ""

    def reason(self, index: int, now_ns: int, limit_ns: int) -> str:
        """Why the symbol is stale, for who looks at it; "" when it is not. ``limit_ns``: of silence."""
        silence = self.silence(index, now_ns, limit_ns)
        if silence or self._lateness is None or index in self._candles:
            return silence
        late_ns = self._lateness.late_ns(index)
        return f"{late_ns / NS:.1f} s late, or clocks differ" if late_ns else ""

    def silence(self, index: int, now_ns: int, limit_ns: int) -> str:
        """The same, but what is told late counts as told: for who makes a position smaller."""
        if index in self._candles:
            age = self.candle_age_ns(index, now_ns)
            return _old("bar", age) if age is not None and age > self._candle_ns else ""
        age = self.age_ns(index, now_ns)
        if age is None:
            return "no data yet"
        return self.fault(index, now_ns) or (_old("data", age) if age > limit_ns else "")

    def stale_count(self, now_ns: int, limit_ns: int) -> int:
        """How many symbols are stale by ``reason``."""
        recv, quotes, trades = self._seen.recv_times(), self._seen.quote_times(), self._seen.trade_times()
        stale = (recv == 0) | (now_ns - recv > limit_ns)
        stale |= (quotes > 0) & (now_ns - quotes > self._quote_ns)
        stale |= (quotes == 0) & (trades > 0) & (now_ns - trades > self._trade_ns)
        for index in self._faults:
            stale[index] = bool(self.reason(index, now_ns, limit_ns))
        if self._lateness is not None:
            stale[self._lateness.late()] = True
        return int(np.count_nonzero(stale))


def _age(seen_ns: int, now_ns: int) -> int | None:
    return max(0, now_ns - seen_ns) if seen_ns else None


def _old(what: str, age_ns: int) -> str:
    return f"{what} {age_ns // NS} s old"
