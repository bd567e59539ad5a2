"""Trade ids per symbol: duplicates go, and what was missed is fetched or told.

Trades that come after a hole are held back, bounded in number and time, while the missing ids are fetched;
so every trade leaves once and in order of id: the fetched ones first, marked as backfilled, and a Gap where
one could not be had. Quotes are never held: they are state, not history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from engine.events import NS, Gap, MarketEvent, Trade

MAX_HELD = 20_000
MAX_HOLD_NS = 15 * NS
MAX_MISSING = 20_000
"""Trades of one hole that are worth fetching; a longer one is told as a gap at once."""
_RESTART_NS = 60 * NS


class Missing(msgspec.Struct, frozen=True, eq=False):
    """A hole: trades ``first_id..last_id`` (inclusive) of ``symbol``, all younger than ``since_ns``."""

    symbol: str
    first_id: int
    last_id: int
    since_ns: int
    noticed_ns: int
    found: list[Trade] = []
    """What was fetched so far, in any order; who fetches adds to it."""


class _Track:
    __slots__ = ("held", "last_id", "last_ns", "missing")

    def __init__(self, trade: Trade) -> None:
        self.last_id = trade.trade_id
        self.last_ns = trade.event_ns
        self.held: deque[Trade] = deque()
        self.missing: Missing | None = None


class Continuity:
    """Sans-IO. The owner fetches what it finds in ``wanted`` and answers each with ``fill``, or stops when it
    finds it in ``given_up``; it empties both."""

    def __init__(
        self, *, max_held: int = MAX_HELD, max_hold_ns: int = MAX_HOLD_NS, max_missing: int = MAX_MISSING
    ) -> None:
        self.wanted: list[Missing] = []
        self.given_up: list[Missing] = []
        self._max_held = max_held
        self._max_hold_ns = max_hold_ns
        self._max_missing = max_missing
        self._tracks: dict[str, _Track] = {}

    def push(self, events: Sequence[MarketEvent], out: list[MarketEvent]) -> None:
        """Append to ``out`` what may pass now."""
        for event in events:
            if type(event) is not Trade or event.trade_id < 0:
                out.append(event)
                continue
            track = self._tracks.get(event.symbol)
            if track is None:
                self._tracks[event.symbol] = _Track(event)
                out.append(event)
            elif track.missing is not None:
                track.held.append(event)
                if len(track.held) > self._max_held:
                    self._give_up(track, f"more than {self._max_held} trades came while it was fetched", out)
            else:
                self._pass(track, event, out)

    def fill(self, missing: Missing, reason: str, out: list[MarketEvent]) -> None:
        """A hole's fetch has ended: what it found goes out, and a Gap, for ``reason``, for what it did not.

        An answer that comes after the hole was given up is dropped.
        """
        track = self._tracks.get(missing.symbol)
        if track is None or track.missing is not missing:
            return
        track.missing = None
        expected = missing.first_id
        found = {
            one.trade_id: one for one in missing.found if missing.first_id <= one.trade_id <= missing.last_id
        }
        for trade_id in sorted(found):
            if trade_id > expected:
                out.append(Gap(missing.symbol, expected, trade_id - 1, reason, missing.noticed_ns))
            out.append(msgspec.structs.replace(found[trade_id], backfilled=True))
            track.last_ns = found[trade_id].event_ns
            expected = trade_id + 1
        if expected <= missing.last_id:
            out.append(Gap(missing.symbol, expected, missing.last_id, reason, missing.noticed_ns))
        track.last_id = missing.last_id
        self._release(track, out)

    def expire(self, now_ns: int, out: list[MarketEvent]) -> None:
        """Give up holes that have been open for too long, but for what was found of them by now."""
        for track in self._tracks.values():
            if track.missing is not None and now_ns - track.missing.noticed_ns > self._max_hold_ns:
                self._give_up(track, f"not fetched within {self._max_hold_ns / NS:g} s", out)

    def _give_up(self, track: _Track, reason: str, out: list[MarketEvent]) -> None:
        if track.missing is not None:
            self.given_up.append(track.missing)
            self.fill(track.missing, reason, out)

    def _release(self, track: _Track, out: list[MarketEvent]) -> None:
        while track.held and track.missing is None:
            self._pass(track, track.held.popleft(), out)

    def _pass(self, track: _Track, trade: Trade, out: list[MarketEvent]) -> None:
        hole = trade.trade_id - track.last_id - 1
        if hole < 0:
            if trade.event_ns <= track.last_ns + _RESTART_NS:
                return
            out.append(Gap(trade.symbol, -1, -1, "the venue's trade ids started over", trade.recv_ns))
        elif hole > 0:
            first, last = track.last_id + 1, trade.trade_id - 1
            if hole <= self._max_missing:
                track.missing = Missing(trade.symbol, first, last, track.last_ns, trade.recv_ns)
                track.held.appendleft(trade)
                self.wanted.append(track.missing)
                return
            reason = f"{hole} trades were missed: too many to fetch"
            out.append(Gap(trade.symbol, first, last, reason, trade.recv_ns))
        track.last_id = trade.trade_id
        track.last_ns = trade.event_ns
        out.append(trade)
