"""Paper trading against a backtest of the same time: trade by trade, each difference with its cause.

A cause is named only where something that was written down speaks for it: a denial, a person's name on an
order, a change of a setting, data that is not there. What nothing speaks for is ``unexplained``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.events import NS

Cause = Literal[
    "same", "by_hand", "risk", "settings", "start", "data", "rounding", "latency", "follows", "unexplained"
]
CAUSES: Mapping[Cause, str] = {
    "same": "no difference",
    "by_hand": "a person's order",
    "risk": "risk state, limits and denials",
    "settings": "settings were others",
    "start": "warm-up: what came before the data",
    "data": "missed data",
    "rounding": "rounding to the grid",
    "latency": "latency",
    "follows": "follows from an earlier difference",
    "unexplained": "unexplained",
}
Status = Literal["same", "differs", "only_live", "only_backtest"]
LEAST_WARM = 3
"""Bars: fewer are those that were just being made."""
TRAIL_BARS = 240
"""The longest memory of an indicator, in bars: so long after the data begins, what came before counts."""


class Order(msgspec.Struct, frozen=True):
    """What is behind the beginning or the end of a trade."""

    decision_ns: int
    decision_price: float
    purpose: str
    who: str
    """"" when the desk decided."""
    strategies: tuple[str, ...] = ()


class Trip(msgspec.Struct, frozen=True):
    """A trade; while it is open, ``closed_ns`` is 0, and ``net`` what it has earned so far, realized."""

    symbol: str
    side: str
    quantity: float
    entry_price: float
    exit_price: float
    opened_ns: int
    closed_ns: int
    fees: float
    net: float
    currency: str = ""
    entry: Order | None = None
    """None for a fill without a known order."""
    exit: Order | None = None

    @property
    def decided_ns(self) -> int:
        return self.opened_ns if self.entry is None else self.entry.decision_ns

    @property
    def by_hand(self) -> str:
        """Who had a hand in it; "" the desk alone."""
        for order in (self.entry, self.exit):
            if order is not None and order.who:
                return order.who
            if order is not None and order.purpose == "flatten":
                return "flatten"
        return ""


class Denial(msgspec.Struct, frozen=True):
    ns: int
    symbol: str
    side: str
    code: str
    detail: str = ""


class Changed(msgspec.Struct, frozen=True):
    """A setting or the trading state was changed while the desk ran."""

    ns: int
    kind: Literal["state", "limit", "command"]
    told: str
    scope: str = ""
    """A strategy's name or a symbol; "" the whole desk."""
    blocks: bool = False
    """Of a state: from then on entries are not let through."""
    lasts: bool = False
    """The backtest has what came of it, too: what was before it differs, and nothing after."""


class Hole(msgspec.Struct, frozen=True):
    """A time in which one side has no data."""

    symbol: str
    """"" all of them."""
    begin_ns: int
    end_ns: int
    told: str
    desk_down: bool = False
    """The desk did not run then; else ticks are missing that it may have had."""


class Heard(msgspec.Struct, frozen=True):
    """A time in which a source counted that rests on no tick: no tape and no bar has what it says."""

    symbol: str
    source: str
    begin_ns: int
    end_ns: int


class Side(msgspec.Struct, frozen=True):
    """What one of the two did, as its journal has it."""

    trips: tuple[Trip, ...]
    denials: tuple[Denial, ...] = ()
    changes: tuple[Changed, ...] = ()
    holes: tuple[Hole, ...] = ()
    strategies: tuple[str, ...] | None = None
    """That were on; None: not known."""
    heard: tuple[Heard, ...] = ()


class Grounds(msgspec.Struct, frozen=True):
    """What else the causes rest on."""

    bar_ns: int
    begins: Mapping[str, int]
    """By symbol: where the backtest's data begins."""
    ticks: Mapping[str, float]
    lots: Mapping[str, float]
    warm: Mapping[str, int] = {}
    """By symbol: so many bars the desk knew before that data begins."""
    bars_only: bool = False
    """The backtest ran over bars, the desk over ticks."""
    desk_bar_ns: int = 0
    """Of the desk's own bars; 0: not known."""
    equity: float = 0.0
    """Where both began; 0: not known."""
    anew: Mapping[str, tuple[int, ...]] = {}
    """By symbol: when the desk's bars began anew, as they do where it is started again."""

    @property
    def coarse(self) -> str:
        """Why the backtest cannot decide when the desk did; "" where it can."""
        if not (self.bars_only and 0 < self.desk_bar_ns < self.bar_ns):
            return ""
        desk_s, backtest_s = self.desk_bar_ns / NS, self.bar_ns / NS
        return f"the desk decides at closes of {desk_s:g} s bars, the backtest at those of {backtest_s:g} s"

    def started(self, symbol: str, ns: int) -> str:
        """What one of them knew then that the other did not; "" nothing."""
        bar_ns = max(1, self.desk_bar_ns or self.bar_ns)
        anew_ns = max((begun for begun in self.anew.get(symbol, ()) if begun <= ns), default=0)
        if anew_ns and ns - anew_ns < TRAIL_BARS * bar_ns:
            bars = (ns - anew_ns) // bar_ns
            return f"the desk was started again, {bars:,} bars before: it knew no others, the backtest did"
        before = self.warm.get(symbol, 0)
        since = (ns - self.begins.get(symbol, ns)) // max(1, self.bar_ns)
        if before < LEAST_WARM or since >= TRAIL_BARS:
            return ""
        return f"the desk knew {before:,} bars from before, the backtest {since:,}: indicators differ"

    @property
    def near_ns(self) -> int:
        """So far apart, two decisions are taken for the same one."""
        return max(5 * NS, 2 * self.bar_ns)


class Row(msgspec.Struct, frozen=True):
    status: Status
    cause: Cause
    told: str
    """One line: what speaks for the cause."""
    live: Trip | None
    backtest: Trip | None
    net: float
    """Live less backtest."""
    differs: tuple[str, ...] = ()
    """What of it, one line each."""

    @property
    def ns(self) -> int:
        trip = self.live or self.backtest
        assert trip is not None
        return trip.opened_ns


class Share(msgspec.Struct, frozen=True):
    """What one cause makes."""

    cause: Cause
    told: str
    trades: int
    net: float


class Parity(msgspec.Struct, frozen=True):
    since_ns: int
    until_ns: int
    data: str
    """What the backtest ran over, one line."""
    currency: str
    rows: tuple[Row, ...]
    shares: tuple[Share, ...]
    live_net: float
    backtest_net: float
    denied_live: Mapping[str, int]
    denied_backtest: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def matched(self) -> int:
        return sum(row.status in ("same", "differs") for row in self.rows)
