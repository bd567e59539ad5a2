"""Trade ids that rise by one per symbol: duplicates go, swapped ones are put in order, and what was missed is
fetched or told.

Trades that come after a hole are held back, bounded in number and time. Most holes are two messages that
were swapped, so for a moment the missing one is waited for; then it is fetched. So every trade leaves once
and in order of id: the fetched ones marked as backfilled, and a Gap where one could not be had. A symbol's
first trades wait for that moment too: an older one may come behind them. Quotes are never held: they are
state, not history.

A trade that was lost is noticed with the next one of its symbol. For venues whose ids are no row, see
``identity``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from engine.events import NS, Gap, MarketEvent, Trade

MAX_HELD = 20_000
MAX_HOLD_NS = 15 * NS
MAX_MISSING = 20_000
"""Trades of one hole that are worth fetching; a longer one is told as a gap at once."""
SETTLE_NS = NS // 5
"""For so long a missing trade may still come by itself."""
_RESTART_NS = 60 * NS
_BACK = 3
"""So many trades that go on where a jump left off show that an id was wrong."""
_NEAR = 1000
"""Ids that one goes on by at most, there."""


class Dates:
    """When trades of one symbol happened. One that is suddenly dated a minute further ahead of our clock than
    any before it is dated wrong, and is not taken at its word: else all that comes after it would be of the
    past until then."""

    __slots__ = ("ahead_ns",)

    def __init__(self) -> None:
        self.ahead_ns: int | None = None
        """By how much they were dated ahead of our clock at most; None before the first."""

    def believes(self, trade: Trade) -> bool:
        return self.ahead_ns is None or trade.event_ns - trade.recv_ns <= self.ahead_ns + _RESTART_NS

    def of(self, trade: Trade) -> int:
        event_ns, ahead_ns = trade.event_ns, self.ahead_ns
        if trade.backfilled:
            return event_ns
        told_ns = event_ns - trade.recv_ns
        if ahead_ns is None or self.believes(trade):
            self.ahead_ns = told_ns if ahead_ns is None else max(ahead_ns, told_ns)
            return event_ns
        self.ahead_ns = ahead_ns + _RESTART_NS
        return trade.recv_ns + self.ahead_ns


class Missing(msgspec.Struct, frozen=True, eq=False):
    """A hole: trades ``first_id..last_id`` (inclusive) of ``symbol``, all younger than ``since_ns``.

    Without ids (-1) it is whatever came since then.
    """

    symbol: str
    first_id: int
    last_id: int
    since_ns: int
    noticed_ns: int
    found: list[Trade] = []
    """What was fetched so far, in any order; who fetches adds to it."""


class Order(Protocol):
    """What a feed's trades go through. The owner fetches what it finds in ``wanted`` and answers each with
    ``fill``, or stops when it finds it in ``given_up``; it empties both."""

    wanted: list[Missing]
    given_up: list[Missing]
    duplicates: int
    """Trades that came a second time, where none should."""
    reordered: int
    """Trades that came behind a younger one and were put in order."""

    def cut(self) -> None:
        """No connection brings the trades any more."""

    def connected(self, now_ns: int) -> None:
        """One brings them from now on."""

    def push(self, events: Sequence[MarketEvent], out: list[MarketEvent], *, repeats: bool = False) -> None:
        """Append to ``out`` what may pass now. ``repeats``: that a trade comes again is no anomaly."""

    def page(self, events: Sequence[MarketEvent], out: list[MarketEvent]) -> None:
        """The same for a symbol's most recent trades by REST, in order, with whatever came with them."""

    def joined(self, missing: Missing) -> bool:
        """What was found of it leaves no hole."""

    def fill(self, missing: Missing, reason: str, out: list[MarketEvent]) -> None:
        """A hole's fetch has ended: what it found goes out, and a Gap, for ``reason``, for what it did not.

        An answer that comes after the hole was given up is dropped.
        """

    def expire(self, now_ns: int, out: list[MarketEvent]) -> None:
        """Called a few times a second: what waited for long enough waits no longer."""


class _Track:
    __slots__ = ("back", "dates", "held", "last_id", "last_ns", "left_id", "missing", "since_ns", "top")

    def __init__(self, recv_ns: int) -> None:
        self.last_id = -1
        """-1: nothing has gone out yet."""
        self.last_ns = 0
        self.dates = Dates()
        self.top = -1
        """The highest id that has come."""
        self.held: dict[int, Trade] = {}
        self.since_ns = recv_ns
        """When what is held began to wait."""
        self.missing: Missing | None = None
        self.left_id = -1
        """The last one before ids jumped by more than can be fetched, then those that went on from there."""
        self.back = 0
        """How many did."""


def _goes_back(track: _Track, trade: Trade) -> bool:
    """It is one too many of those that go on from before a jump: that was no outage, but an id that is wrong,
    and all that comes would be taken for told."""
    if trade.backfilled or not 0 <= track.left_id < trade.trade_id <= track.left_id + _NEAR:
        return False
    track.left_id = trade.trade_id
    track.back += 1
    return track.back >= _BACK


class Continuity:
    """Order for ids that rise by one. Sans-IO."""

    def __init__(
        self,
        *,
        max_held: int = MAX_HELD,
        max_hold_ns: int = MAX_HOLD_NS,
        max_missing: int = MAX_MISSING,
        settle_ns: int = SETTLE_NS,
    ) -> None:
        self.wanted: list[Missing] = []
        self.given_up: list[Missing] = []
        self.duplicates = 0
        self.reordered = 0
        self._max_held = max_held
        self._max_hold_ns = max_hold_ns
        self._max_missing = max_missing
        self._settle_ns = settle_ns
        self._tracks: dict[str, _Track] = {}
        self._waiting: dict[str, _Track] = {}
        """Those that hold something."""
        self._started_ns = 0
        self._connections = 0

    def cut(self) -> None:
        """What was missed shows by the ids."""

    def connected(self, now_ns: int) -> None:
        self._started_ns = self._started_ns or now_ns
        self._connections += 1

    def page(self, events: Sequence[MarketEvent], out: list[MarketEvent]) -> None:
        self.push(events, out, repeats=True)

    def push(self, events: Sequence[MarketEvent], out: list[MarketEvent], *, repeats: bool = False) -> None:
        for event in events:
            if type(event) is not Trade or event.trade_id < 0:
                out.append(event)
                continue
            track = self._tracks.get(event.symbol)
            if track is None:
                track = self._tracks[event.symbol] = _Track(event.recv_ns)
            elif event.trade_id == track.last_id + 1 and not track.held:
                track.top = track.last_id = event.trade_id
                track.last_ns = track.dates.of(event)
                out.append(event)
                continue
            self._hold(track, event, repeats, out)

    def joined(self, missing: Missing) -> bool:
        found = {one.trade_id for one in missing.found}
        return all(one in found for one in range(missing.first_id, missing.last_id + 1))

    def fill(self, missing: Missing, reason: str, out: list[MarketEvent]) -> None:
        track = self._tracks.get(missing.symbol)
        if track is None or track.missing is not missing:
            return
        track.missing = None
        last_id = missing.last_id
        had = {one.trade_id: msgspec.structs.replace(one, backfilled=True) for one in missing.found}
        had = {one: trade for one, trade in had.items() if track.last_id < one <= last_id}
        for one in [one for one in track.held if one <= last_id]:
            had[one] = track.held.pop(one)
        for trade_id in sorted(had):
            self._skip(track, missing.symbol, trade_id - 1, reason, missing.noticed_ns, out)
            self._pass(track, had[trade_id], out)
        self._skip(track, missing.symbol, last_id, reason, missing.noticed_ns, out)
        self._settle(missing.symbol, track, out)

    def expire(self, now_ns: int, out: list[MarketEvent]) -> None:
        for symbol, track in list(self._waiting.items()):
            if track.missing is not None:
                if now_ns - track.missing.noticed_ns > self._max_hold_ns:
                    self._give_up(track, f"not fetched within {self._max_hold_ns / NS:g} s", out)
            elif now_ns - track.since_ns >= self._settle_ns:
                self._settle(symbol, track, out)

    def _hold(self, track: _Track, trade: Trade, repeats: bool, out: list[MarketEvent]) -> None:
        """One that is not simply the next."""
        symbol, trade_id, held = trade.symbol, trade.trade_id, track.held
        if trade_id <= track.last_id:
            # One that is dated wrong is so again when it is told again.
            later = trade.event_ns > track.last_ns + _RESTART_NS and track.dates.believes(trade)
            if not later and (repeats or not _goes_back(track, trade)):
                self.duplicates += not repeats and not trade.backfilled
                return
            self._start_over(track, trade, out)
        elif trade_id in held:
            self.duplicates += not repeats and not trade.backfilled
            return
        else:
            self.reordered += trade_id < track.top and not repeats and not trade.backfilled
        if not held:
            track.since_ns = trade.recv_ns
            self._waiting[symbol] = track
        track.top = max(track.top, trade_id)
        held[trade_id] = trade
        if track.last_id >= 0 and track.last_id + 1 in held:
            self._release(symbol, track, out)
        elif len(held) > self._max_held:
            if track.missing is None:
                self._settle(symbol, track, out)
            self._give_up(track, f"more than {self._max_held} trades came while it was fetched", out)
        elif track.missing is None and trade.recv_ns - track.since_ns >= self._settle_ns:
            self._settle(symbol, track, out)

    def _start_over(self, track: _Track, trade: Trade, out: list[MarketEvent]) -> None:
        while track.held:
            if track.missing is None:
                self._settle(trade.symbol, track, out)
            self._give_up(track, "the venue's trade ids started over", out)
        out.append(Gap(trade.symbol, -1, -1, "the venue's trade ids started over", trade.recv_ns))
        track.last_id = track.top = trade.trade_id - 1
        track.left_id = -1

    def _settle(self, symbol: str, track: _Track, out: list[MarketEvent]) -> None:
        """What is held has waited for long enough: ask for what is missing before it."""
        if track.held and track.last_id < 0:
            self._begin(symbol, track, out)
        self._release(symbol, track, out)
        while track.held and track.missing is None:
            first, last = track.last_id + 1, min(track.held) - 1
            noticed_ns = track.held[last + 1].recv_ns
            if last - first < self._max_missing:
                track.missing = Missing(symbol, first, last, track.last_ns, noticed_ns)
                self.wanted.append(track.missing)
                return
            track.left_id, track.back = track.last_id, 0
            reason = f"{last - first + 1} trades were missed: too many to fetch"
            self._skip(track, symbol, last, reason, noticed_ns, out)
            self._release(symbol, track, out)

    def _begin(self, symbol: str, track: _Track, out: list[MarketEvent]) -> None:
        first = track.held[min(track.held)]
        if self._connections > 1 and first.event_ns > self._started_ns:
            reason = "nothing is known of what came before the first trade, and the connection was cut"
            out.append(Gap(symbol, -1, -1, reason, first.recv_ns))
        track.last_id, track.last_ns = first.trade_id - 1, track.dates.of(first)

    def _release(self, symbol: str, track: _Track, out: list[MarketEvent]) -> None:
        held = track.held
        while (trade := held.pop(track.last_id + 1, None)) is not None:
            self._pass(track, trade, out)
            track.since_ns = trade.recv_ns
        missing = track.missing
        if missing is not None and track.last_id >= missing.last_id:
            self.given_up.append(missing)
            track.missing = None
        if not held:
            self._waiting.pop(symbol, None)

    def _give_up(self, track: _Track, reason: str, out: list[MarketEvent]) -> None:
        if track.missing is not None:
            self.given_up.append(track.missing)
            self.fill(track.missing, reason, out)

    def _skip(
        self, track: _Track, symbol: str, last_id: int, reason: str, noticed_ns: int, out: list[MarketEvent]
    ) -> None:
        """Nothing can be had up to ``last_id``."""
        if last_id > track.last_id:
            out.append(Gap(symbol, track.last_id + 1, last_id, reason, noticed_ns))
            track.last_id = last_id

    def _pass(self, track: _Track, trade: Trade, out: list[MarketEvent]) -> None:
        track.last_id = trade.trade_id
        track.last_ns = track.dates.of(trade)
        out.append(trade)
