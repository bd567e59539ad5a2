"""Market events and packed ticks become rounds: screened once, each tick at its place, dealt to shards.

Takes what a desk's intake takes. Whoever plays the rounds sees what one process would have seen: ticks in
their order, what was told between them at its place, instruments in order of first arrival with their grids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from engine.bus.messages import Listed, Placed, Round
from engine.config import Config
from engine.events import (
    NS,
    BookStatus,
    Candle,
    Depth,
    Gap,
    GridChange,
    MarketEvent,
    OtherEvent,
    Quarantined,
    Quote,
    Trade,
)
from engine.feeds.base import InstrumentSpec
from engine.feeds.registry import ids_rise
from engine.instruments import Instruments, venue_of
from engine.market.quarantine import Quarantine
from engine.market.screen import REJECTS, Screen
from engine.ticks import BACKFILLED, QUOTE, TICK, TRADE, pack_tick
from engine.wiring.candle_prints import CandleBelief, polled, print_of
from engine.wiring.deal import Dealer
from engine.wiring.intake import Ticks
from engine.workers.cut import Cut
from engine.workers.listings import grid_of, listed_as
from engine.workers.rounds_tape import RoundsTape
from engine.workers.shard_map import ShardMap

MOST = 1 << 20
"""Ticks that wait for the bus, at most: more are lost, which is told."""
MOST_NEWS = 1 << 16
"""The same of what is told between them; of what says that something is wrong twice as much."""
_ROW = TICK.itemsize
_FIRST_ROOM = 4096
LOST = "the bus did not take them in time"


class Rounds:
    """The market stage. ``epoch_start``: the number before this owner's first round.

    ``listed``: the instruments that an earlier owner listed, by index. ``previous``: the last round on the
    bus, and by shard the last with an entry of it; 0 and none at first.
    """

    def __init__(
        self,
        config: Config,
        *,
        epoch_start: int = 0,
        listed: Sequence[Listed] = (),
        previous: int = 0,
        previous_of: Mapping[int, int] | None = None,
        most: int = MOST,
    ) -> None:
        self.instruments = Instruments()
        self._screen = Screen(outlier_pct=config.quality.daily_return_pct)
        self._quarantined: list[Quarantined] = []
        self._quarantine = Quarantine(self._quarantined.append)
        self.tape = RoundsTape(self.instruments)
        """What arrives, for a recording."""
        self._belief = CandleBelief(config.quality.daily_return_pct)
        self._dealer = Dealer(config.bus.shards, max(1, round(config.features.bar_s * NS)))
        self._most = most
        self._map = ShardMap(config.bus.shards, previous_of or {})
        self._index = self._map.index
        self._prices: list[float] = []
        self._listed: dict[int, Listed] = {}
        """To be told with the next round."""
        self._unlisted: dict[int, Listed] = {}
        self._room = bytearray(_FIRST_ROOM * _ROW)
        self._rows: Ticks = np.frombuffer(self._room, TICK)
        self._kinds = self._rows["kind"]
        self._address = int(self._rows.ctypes.data)
        self._count = 0
        self._news: list[tuple[int, OtherEvent]] = []
        self._strangers: set[str] = set()
        """Symbols that this round's news named before they were listed."""
        self._later: list[MarketEvent] = []
        """Of the next round: a symbol was listed that ``_strangers`` holds."""
        self._warming = False
        self.number = epoch_start
        """Of the last round."""
        self._previous = previous
        self._taken = 0
        self.trades = self.quotes = 0
        self.lost = 0
        """Ticks, and what is told between them, that could not wait for the bus."""
        self._missed: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        for one in listed:
            self._take_up(one)

    @property
    def waiting(self) -> int:
        """Ticks that are in no round yet."""
        return self._count

    @property
    def empty(self) -> bool:
        """Whether a round would say nothing."""
        return not (self._count or self._news or self._listed or self._later or self._missed)

    @property
    def position(self) -> int:
        """Events and ticks that were taken so far, whatever became of them: where the source is."""
        return self._taken - len(self._later)

    @property
    def clock_ns(self) -> int:
        """As a desk's clock would be."""
        return self._dealer.clock_ns

    @property
    def unlisted(self) -> list[Listed]:
        """Instruments, or their grids, that nobody has been told since ``note_listed``."""
        return list(self._unlisted.values())

    def note_listed(self, listings: Sequence[Listed]) -> None:
        """These are written where whoever comes later looks for them."""
        for one in listings:
            if self._unlisted.get(one.index) == one:
                del self._unlisted[one.index]

    def list_all(self) -> None:
        """Tell every instrument again with the next round."""
        for index in range(len(self.instruments)):
            self._list(index)

    def listings(self) -> list[Listed]:
        """Every instrument so far, by index."""
        return [self._listing(index) for index in range(len(self.instruments))]

    # --- in ---

    def add_symbol(self, symbol: str, price: float = 1.0) -> int:
        """Its index. An unknown one is listed with the next round, its grid assumed from ``price``."""
        index = self._index.get(symbol)
        if index is None:
            index = self._add(symbol, price)
            self._list(index)
        return index

    def adopt(self, specs: Sequence[InstrumentSpec]) -> None:
        """Instruments with the grid that their venue told."""
        for spec in specs:
            index = self.add_symbol(spec.symbol)
            before = self.instruments[index]
            self.instruments.learn(spec)
            if self.instruments[index] != before:
                self._list(index)

    def events(self, events: Sequence[MarketEvent]) -> None:
        """Take decoded events in arrival order."""
        self._taken += len(events)
        if self._later:
            self._later.extend(events)
            return
        self._take(events)

    def block(self, ticks: Ticks, symbols: Sequence[str]) -> None:
        """Take over a block of packed ticks whose ``symbol`` counts in ``symbols``."""
        self._taken += len(ticks)
        if self._later:
            raise RuntimeError("packed ticks between events that wait for a round: cut first")
        if len(self._index) < len(symbols):
            new = [at for at in np.unique(ticks["symbol"]) if symbols[at] not in self._index]
            firsts = sorted(int(np.argmax(ticks["symbol"] == at)) for at in new)
            for first in ticks[firsts]:  # in order of arrival, whatever the blocks' size
                self.add_symbol(symbols[first["symbol"]], float(first["a"]))
        table = np.array([self._index.get(symbol, -1) for symbol in symbols], np.int32)
        start, count = self._count, len(ticks)
        self._make_room(start + count)
        part = self._rows[start : start + count]
        part.view(np.uint8)[:] = np.ascontiguousarray(ticks).view(np.uint8)
        if not np.array_equal(table, np.arange(len(symbols))):
            part["symbol"] = table[part["symbol"]]
        self._count += count

    def miss(self, reason: str, ns: int) -> None:
        """Trades of all instruments were missed, as is known at ``ns``."""
        self.events([Gap(one.symbol, -1, -1, reason, ns) for one in self.instruments])
        self._taken -= len(self.instruments)  # of no source

    # --- out ---

    def cut(
        self, sent_ns: int, *, advance_ns: int = 0, warming: bool = False, end: bool = False
    ) -> Cut | None:
        """What was taken since the cut before, as one round; None when it would say nothing.

        ``advance_ns``: the clock now, where time passes without ticks. After ``end`` nothing may follow.
        """
        if self._later and (advance_ns or end):
            raise RuntimeError("events wait for the round after this one: cut without a clock first")
        if self.empty and not (advance_ns or end):
            return None
        return self._finish(self._round(sent_ns, advance_ns, warming, end))

    def forget(self) -> None:
        """What was taken is on the bus already, by an earlier owner: it is known, and in no round."""
        number, previous, previous_of = self.number, self._previous, dict(self._map.previous)
        while True:
            again = self.cut_again
            self.cut(0)
            if not again:
                break
        self.number, self._previous, self._map.previous = number, previous, previous_of

    @property
    def cut_again(self) -> bool:
        """Events wait that must be in a round of their own."""
        return bool(self._later)

    def _round(self, sent_ns: int, advance_ns: int, warming: bool, end: bool) -> Cut:
        self._tell_missed(sent_ns)
        self.tape.take(self._rows[: self._count], self._news)
        dealt = self._dealer.deal(
            self._address, self._count, self._screen, [place for place, _ in self._news]
        )
        rejected = self._note_rejects(dealt.rejected)
        marks = dealt.marks
        if self._dealer.advance(advance_ns):
            marks = (*marks, (dealt.accepted, advance_ns))
        listed = tuple(self._listed[index] for index in sorted(self._listed))
        told = [
            (place, clock, event) for (place, clock), (_, event) in zip(dealt.news, self._news, strict=True)
        ]
        self.number += 1
        news = self._map.news(told)
        shards = self._map.entries(
            dealt.parts, marks, listed, news, sent_ns=sent_ns, warming=warming, end=end
        )
        return Cut(
            self.number,
            Round(
                self._previous, dealt.accepted, tuple(sorted(shards)), sent_ns, listed,
                tuple(Placed(place, event) for place, _, event in told),
                advance_ns, warming, rejected, end, quarantined=tuple(self._quarantined),
            ),
            shards,
        )  # fmt: skip

    def _finish(self, cut: Cut) -> Cut:
        self._previous = cut.number
        self._map.previous |= dict.fromkeys(cut.shards, cut.number)
        self._count = 0
        self._news.clear()
        self._quarantined.clear()
        self._listed.clear()
        self._strangers.clear()
        later, self._later = self._later, []
        self._take(later)
        return cut

    def _note_rejects(self, count: int) -> tuple[tuple[str, int], ...]:
        quotes = int(np.count_nonzero(self._kinds[: self._count]))
        self.quotes += quotes
        self.trades += self._count - quotes
        if not count:
            return ()
        ticks = self._rows[: self._count]
        wrong = ticks[ticks["reject"] != 0]
        for row in wrong:
            self._quarantine.tick(self.instruments[int(row["symbol"])].symbol, row.item())
        codes = np.bincount(wrong["reject"])
        found = tuple((REJECTS[code], int(codes[code])) for code in codes.nonzero()[0].tolist())
        self.rejected.update(dict(found))
        quotes = int(np.count_nonzero(wrong["kind"]))
        self.quotes -= quotes
        self.trades -= len(wrong) - quotes
        return found

    # --- events ---

    def _take(self, events: Sequence[MarketEvent]) -> None:
        for at, event in enumerate(events):
            if isinstance(event, Trade | Quote):
                index = self._index.get(event.symbol)
                if index is None:
                    if event.symbol in self._strangers:
                        self._later.extend(events[at:])
                        return
                    index = self.add_symbol(
                        event.symbol, event.price if isinstance(event, Trade) else event.bid
                    )
                self._pack(event, index)
            elif isinstance(event, Candle):
                if not self._candle(event):
                    self._later.extend(events[at:])
                    return
            else:
                self._tell(event)

    def _tell(self, event: OtherEvent) -> None:
        """Put it at its place. A book of an unknown symbol says nothing to anyone."""
        if isinstance(event, Depth | BookStatus) and event.symbol not in self._index:
            return
        if isinstance(event, Gap | Candle) and event.symbol not in self._index:
            self._strangers.add(event.symbol)
        grave = isinstance(event, Gap | BookStatus | GridChange)
        if len(self._news) >= (2 * MOST_NEWS if grave else MOST_NEWS):
            self.lost += 1
            return
        if isinstance(event, GridChange):
            index = self.add_symbol(event.symbol)
            self.instruments.learn(event)
            self._unlisted[index] = self._listing(index)  # for who comes later; the others are told in place
        self._news.append((self._count, event))

    def _candle(self, candle: Candle) -> bool:
        """False: it must be in another round."""
        if not polled(candle):
            self._tell(candle)
            return True
        if candle.symbol in self._strangers:
            return False
        if self._belief.check(candle):
            self._tell(candle)
            return True
        index = self.add_symbol(candle.symbol, candle.close)
        self._tell(candle)
        trade = print_of(candle)
        if trade is not None:
            self._pack(trade, index)
        return True

    def _pack(self, event: Trade | Quote, index: int) -> None:
        count = self._count
        if count * _ROW == len(self._room):
            if count >= self._most:
                self._missed[event.symbol] += 1
                self.lost += 1
                return
            self._make_room(count + 1)
        if isinstance(event, Quote):
            pack_tick(
                self._room, count * _ROW, event.recv_ns, event.event_ns, -1, index, QUOTE, 0, 0, 0,
                event.bid, event.ask, event.bid_size, event.ask_size,
            )  # fmt: skip
        else:
            pack_tick(
                self._room, count * _ROW, event.recv_ns, event.event_ns, event.trade_id, index, TRADE, 0,
                event.aggressor, BACKFILLED if event.backfilled else 0, event.price, event.size, 0.0, 0.0,
            )  # fmt: skip
        self._count = count + 1

    def _tell_missed(self, ns: int) -> None:
        """After what waited: from there on they are missing."""
        for symbol in self._missed:
            self._news.append((self._count, Gap(symbol, -1, -1, LOST, ns)))
        self._missed.clear()

    def _make_room(self, rows: int) -> None:
        have = len(self._room) // _ROW
        if rows <= have:
            return
        while have < rows:
            have *= 2
        room = bytearray(have * _ROW)
        room[: self._count * _ROW] = memoryview(self._room)[: self._count * _ROW]
        self._room = room
        self._rows = np.frombuffer(room, TICK)
        self._kinds = self._rows["kind"]
        self._address = int(self._rows.ctypes.data)

    # --- instruments ---

    def _add(self, symbol: str, price: float) -> int:
        index = self.instruments.add(symbol, price=price).index
        self._screen.add_symbol(ids_rise=ids_rise(venue_of(symbol)))
        self.tape.symbols.append(symbol)
        self._dealer.add_symbol(self._map.add(symbol))
        self._prices.append(price)
        return index

    def _take_up(self, listed: Listed) -> None:
        """One of an earlier owner: it is on the bus already."""
        self._add(listed.symbol, listed.price)
        if listed.tick_size:
            self.instruments.set_grid(listed.symbol, *grid_of(listed))

    def _list(self, index: int) -> None:
        self._listed[index] = self._unlisted[index] = self._listing(index)

    def _listing(self, index: int) -> Listed:
        return listed_as(self.instruments[index], self._prices[index])
