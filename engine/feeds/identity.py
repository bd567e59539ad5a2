"""Trade ids that only tell trades apart: duplicates go, and what a cut may have cost is fetched or told.

Such ids do not show that one is missing. So after each cut the venue's most recent trades are asked for by
REST, and joined to what was told before and to what comes now: a page that meets both leaves no hole, else
a Gap without ids says so. What comes meanwhile is held back, bounded in number and time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from engine.events import NS, Gap, MarketEvent, Trade
from engine.feeds.continuity import MAX_HELD, MAX_HOLD_NS, Dates, Missing

MAX_TOLD = 4096
"""Trades remembered per symbol: more than a page of any venue's REST, or what two connections overlap by."""
_BEHIND_NS = NS
"""A trade is told by REST no later than this after the socket would have."""
_Key = int | tuple[int, float, float, int]


class _Track:
    __slots__ = ("cut", "dates", "held", "joints", "last_ns", "missing", "since_ns", "told")

    def __init__(self, since_ns: int) -> None:
        self.dates = Dates()
        self.last_ns = since_ns
        """The youngest trade told, by the venue's clock; before the first: since when one would have been."""
        self.told: dict[_Key, int] = {}
        """Key -> event_ns, in the order told."""
        self.held: list[Trade] = []
        self.joints: list[int] = []
        """Of those, how many had come by each cut since."""
        self.cut = False
        """What comes by the socket has not been joined to what was told yet."""
        self.missing: Missing | None = None
        self.since_ns = 0
        """When it was first asked for, however often connections were cut since; 0: it was not."""

    @property
    def joint(self) -> int:
        """Of what is held, how much earlier connections brought."""
        return self.joints[-1] if self.joints else 0


class Identity:
    """Order for ids that are no row; see continuity.Order. Sans-IO."""

    def __init__(
        self, symbols: Iterable[str], *, max_held: int = MAX_HELD, max_hold_ns: int = MAX_HOLD_NS
    ) -> None:
        self.wanted: list[Missing] = []
        self.given_up: list[Missing] = []
        self.duplicates = 0
        self.reordered = 0
        self._symbols = tuple(symbols)
        self._max_held = max_held
        self._max_hold_ns = max_hold_ns
        self._tracks: dict[str, _Track] = {}

    def cut(self) -> None:
        for track in self._tracks.values():
            track.cut = True
            if len(track.held) > track.joint:
                track.joints.append(len(track.held))
            if track.missing is not None:  # it does not reach what comes next
                self.given_up.append(track.missing)
                track.missing = None

    def expect(self, symbols: Iterable[str]) -> None:
        """These are what connections bring from the next one on."""
        self._symbols = tuple(symbols)

    def leave_out(self, symbols: Collection[str], reason: str, now_ns: int, out: list[MarketEvent]) -> None:
        """The venue has these no more: what waits of them is told, and nothing is asked for again."""
        self._symbols = tuple(symbol for symbol in self._symbols if symbol not in symbols)
        for symbol in symbols:
            track = self._tracks.pop(symbol, None)
            if track is not None:
                self._tell_apart(symbol, track, reason, now_ns, out)

    def connected(self, now_ns: int) -> None:
        for symbol in self._symbols:
            track = self._tracks.get(symbol)
            if track is None:
                self._tracks[symbol] = _Track(now_ns)
            elif track.cut and track.missing is None:
                self._ask(symbol, track, now_ns)

    def _ask(self, symbol: str, track: _Track, now_ns: int) -> None:
        track.missing = Missing(symbol, -1, -1, track.last_ns, now_ns)
        track.since_ns = track.since_ns or now_ns
        self.wanted.append(track.missing)

    def push(self, events: Sequence[MarketEvent], out: list[MarketEvent], *, repeats: bool = False) -> None:
        for event in events:
            if type(event) is not Trade:
                out.append(event)
                continue
            track = self._tracks.get(event.symbol)
            if track is None:
                track = self._tracks[event.symbol] = _Track(event.event_ns)
            if not track.cut:
                self.duplicates += not self._tell(track, event, repeats, out) and not repeats
                continue
            track.held.append(event)
            if len(track.held) > self._max_held:
                if track.missing is None:
                    self._ask(event.symbol, track, event.recv_ns)
                self._give_up(track, f"more than {self._max_held} trades came while it was fetched", out)

    def page(self, events: Sequence[MarketEvent], out: list[MarketEvent]) -> None:
        trades = [event for event in events if type(event) is Trade]
        if trades:
            track = self._tracks.get(trades[0].symbol)
            first = track is None
            if track is None:
                track = self._tracks[trades[0].symbol] = _Track(trades[0].event_ns)
                track.cut = True  # no connection has begun where it ends
            if track.missing is None:
                if not first and not self._meets_told(track, trades):
                    reason = "more trades came between two answers of REST than it tells"
                    out.append(Gap(trades[0].symbol, -1, -1, reason, trades[0].recv_ns))
                self._tell_page(track, trades, out)
        out += [event for event in events if type(event) is not Trade]

    def joined(self, missing: Missing) -> bool:
        track = self._tracks.get(missing.symbol)
        if track is None or not (track.told or track.held or missing.found):
            return True  # a symbol that never traded
        return self._meets_held(track, missing)

    def fill(self, missing: Missing, reason: str, out: list[MarketEvent]) -> None:
        track = self._tracks.get(missing.symbol)
        if track is None or track.missing is not missing:
            return
        track.missing, track.cut, track.since_ns = None, False, 0
        early, late = track.held[: track.joint], track.held[track.joint :]
        track.held, track.joints = [], []
        live = {_key(trade): trade for trade in (*early, *late)}
        page = [
            live.get(_key(one)) or msgspec.structs.replace(one, backfilled=True)
            for one in sorted(missing.found, key=lambda trade: trade.event_ns)
        ]
        quiet = not (page or live or track.told or reason)
        apart = not quiet and not self._meets_told(track, page)
        if apart:
            short = "REST does not tell enough of the past" if page else "REST tells no trades"
            out.append(Gap(missing.symbol, -1, -1, reason or short, missing.noticed_ns))
            if self._tell_page(track, early, out) and page:
                out.append(Gap(missing.symbol, -1, -1, reason or short, missing.noticed_ns))
        between = {_key(trade): trade for trade in (*page, *early)}
        told = self._tell_page(track, sorted(between.values(), key=lambda trade: trade.event_ns), out)
        if reason and (told or early or not apart):
            out.append(Gap(missing.symbol, -1, -1, reason, missing.noticed_ns))
        for trade in late:
            self._tell(track, trade, True, out)

    def expire(self, now_ns: int, out: list[MarketEvent]) -> None:
        late = f"not fetched within {self._max_hold_ns / NS:g} s"
        for symbol, track in self._tracks.items():
            if not track.since_ns or now_ns - track.since_ns <= self._max_hold_ns:
                continue
            if track.missing is not None:
                self._give_up(track, late, out)
            else:
                self._tell_apart(symbol, track, late, now_ns, out)

    def _tell_apart(
        self, symbol: str, track: _Track, reason: str, now_ns: int, out: list[MarketEvent]
    ) -> None:
        """The connection is away again, and nobody fetches: what the last ones brought waits no longer. What
        the next one brings is still to be joined to it."""
        joints = {0, *track.joints}
        held, track.held, track.joints, track.since_ns = track.held, [], [], 0
        for at, trade in enumerate(held):
            if at in joints:
                out.append(Gap(symbol, -1, -1, reason, now_ns))
            self._tell(track, trade, True, out)

    def _give_up(self, track: _Track, reason: str, out: list[MarketEvent]) -> None:
        if track.missing is not None:
            self.given_up.append(track.missing)
            self.fill(track.missing, reason, out)

    def _meets_told(self, track: _Track, page: Sequence[Trade]) -> bool:
        """It begins no later than what was told ends."""
        if not page:
            return False
        return any(_key(one) in track.told for one in page) or page[0].event_ns < track.last_ns

    def _meets_held(self, track: _Track, missing: Missing) -> bool:
        """It ends no earlier than what is held begins."""
        page = missing.found
        if len(track.held) == track.joint:  # none has come: what REST tells late would not be missed
            return bool(page) and page[-1].recv_ns - missing.noticed_ns >= _BEHIND_NS
        first = track.held[track.joint]
        return any(_key(one) == _key(first) or one.event_ns > first.event_ns for one in page)

    def _tell_page(self, track: _Track, page: Sequence[Trade], out: list[MarketEvent]) -> int:
        """What of a page is new, and how much: older than all that is remembered it is not."""
        oldest_ns = next(iter(track.told.values()), track.last_ns)
        return sum(trade.event_ns >= oldest_ns and self._tell(track, trade, True, out) for trade in page)

    def _tell(self, track: _Track, trade: Trade, repeats: bool, out: list[MarketEvent]) -> bool:
        """False when it has been told before. A trade without an id can only be recognised by what it says,
        and two that say the same are two, unless some are known to come again."""
        key = _key(trade)
        if key in track.told and (repeats or trade.trade_id >= 0):
            return False
        track.told[key] = trade.event_ns
        if len(track.told) > MAX_TOLD:
            del track.told[next(iter(track.told))]
        track.last_ns = max(track.last_ns, track.dates.of(trade))
        out.append(trade)
        return True


def _key(trade: Trade) -> _Key:
    if trade.trade_id >= 0:
        return trade.trade_id
    return trade.event_ns, trade.price, trade.size, trade.aggressor
