"""What is set aside is kept with its reason, as much of it as helps: a flood is counted, not copied."""

from __future__ import annotations

from collections.abc import Callable

from engine.events import NS, Candle, Malformed, Quarantined
from engine.market.screen import REJECTS
from engine.text import clean
from engine.ticks import TRADE

PER_MINUTE = 1_000
"""Rows of one symbol and reason a minute; the rest is counted in the next row."""
REPEATS_PER_MINUTE = 10
"""The same of what only came twice or late: an overlap of two connections repeats thousands."""
REPEATED = ("DUPLICATE", "OUT_OF_ORDER")
MOST_PER_MINUTE = 20_000
"""The same of all symbols and reasons together."""
MALFORMED = "MALFORMED"
_MINUTE = 60 * NS
_MOST_PAIRS = 4_096
"""Symbols x reasons that are told apart."""
_LONGEST = 300

Tick = tuple[int, int, int, int, int, int, int, int, float, float, float, float]
"""A packed tick's fields, as ``ticks.TICK`` has them."""


class _Pair:
    __slots__ = ("kept", "minute", "unkept")

    def __init__(self) -> None:
        self.minute = self.kept = self.unkept = 0


class Quarantine:
    """Describes what is not believed, and hands it to ``keep``."""

    def __init__(self, keep: Callable[[Quarantined], None]) -> None:
        self._keep = keep
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._all = _Pair()

    def tick(self, symbol: str, tick: Tick) -> None:
        """A trade or quote that the screen rejected."""
        recv_ns, event_ns, trade_id, _, kind, code, aggressor, _, a, b, c, d = tick
        reason = REJECTS[code]
        pair = self._room(recv_ns, symbol, reason)
        if pair is None:
            return
        if kind == TRADE:
            identity = "" if trade_id == -1 else f" id {trade_id}"
            side = {1: " bought", -1: " sold"}.get(aggressor, "")
            told = f"price {a!r} size {b!r}{side}{identity} at {event_ns}"
        else:
            told = f"bid {a!r} x {c!r} ask {b!r} x {d!r} at {event_ns}"
        self._put(pair, recv_ns, symbol, reason, "trade" if kind == TRADE else "quote", told)

    def candle(self, candle: Candle, reason: str) -> None:
        pair = self._room(candle.recv_ns, candle.symbol, reason)
        if pair is not None:
            source = f" by {candle.source}" if candle.source else ""
            told = (
                f"{candle.interval_s} s from {candle.open_ns}{source}: open {candle.open!r} "
                f"high {candle.high!r} low {candle.low!r} close {candle.close!r} volume {candle.volume!r}"
            )
            self._put(pair, candle.recv_ns, candle.symbol, reason, "bar", told)

    def frame(self, event: Malformed) -> None:
        """A frame that could not be decoded, by what is left of it. Its symbol is its venue's: ``venue:``."""
        symbol = f"{event.venue}:"
        pair = self._room(event.recv_ns, symbol, MALFORMED)
        if pair is not None:
            told = f"{event.error}: {event.excerpt}"
            self._put(pair, event.recv_ns, symbol, MALFORMED, "frame", told)

    def _room(self, ns: int, symbol: str, reason: str) -> _Pair | None:
        """Where it is counted, when there is room for it this minute; else it is counted only."""
        pair = self._pairs.get((symbol, reason))
        if pair is None:
            if len(self._pairs) >= _MOST_PAIRS:
                self._pairs.pop(next(iter(self._pairs)))
            pair = self._pairs[symbol, reason] = _Pair()
        minute = ns // _MINUTE
        for one in (pair, self._all):
            if minute != one.minute:
                one.minute, one.kept = minute, 0
        most = REPEATS_PER_MINUTE if reason in REPEATED else PER_MINUTE
        if pair.kept < most and self._all.kept < MOST_PER_MINUTE:
            return pair
        pair.unkept += 1
        return None

    def _put(self, pair: _Pair, ns: int, symbol: str, reason: str, kind: str, content: str) -> None:
        pair.kept += 1
        self._all.kept += 1
        unkept, pair.unkept = pair.unkept, 0
        self._keep(Quarantined(ns, symbol, reason, kind, clean(content, _LONGEST), unkept))
