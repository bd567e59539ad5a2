"""A desk whose disk, clock and life are drawn: slow commits, lost ones, kills, starts from what was kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

import msgspec

from engine.events import NS, Depth, Fill, JournalEvent, MarketEvent, Quote, Trade
from engine.feeds.simulation.venue import SimulatedVenue
from engine.instruments import Instruments
from engine.store.codec import decode_journal, encode
from engine.wiring.desk import Desk
from engine.wiring.sources import adopt
from tests.chaos.invariants import Printed, Shown
from tests.chaos.session import START_NS, Session
from tests.chaos.sessions.draw import Drawn
from tests.chaos.sessions.feed import Delivered, FaultyFeed

STEP_S = 0.05
"""The engine's timer, and the feed's reads."""
_RECENT = 3_000
"""Events that are the next start's history."""
_MS = 1_000_000


class SeededDesk(Session):
    """What is on its way to the disk is ``written``; a kill leaves the front of it."""

    def __init__(self, seed: int, drawn: Drawn) -> None:
        self.drawn = drawn
        self.rng = Random(f"machine:{seed}")
        self.count: Counter[str] = Counter()
        self.specs = SimulatedVenue(drawn.names, seed=0, start_ns=0).instruments()
        venue = SimulatedVenue(
            drawn.names,
            seed=seed,
            start_ns=START_NS - drawn.history_s * NS,
            live_ns=START_NS,
            depth_levels=drawn.depth_levels,
        )
        self.feed = FaultyFeed(Random(f"feed:{seed}"), venue, drawn.feed_faults)
        self.market_ns = START_NS
        """The market's time; the clock may be elsewhere."""
        self.failed = False
        """The store can write nothing any more."""
        self._disk_ns = 0
        self._due: list[int] = []
        """When each of ``written`` is on the disk."""
        self._settings_ahead: list[tuple[int, str, object]] = []
        """(commits given before, name, value): on the disk with the next commit."""
        self._commits = self._durable = 0
        self._recent: list[MarketEvent] = []
        self._deep: dict[str, Depth] = {}
        self._quoted: dict[str, Quote] = {}
        """The newest that the desk took in."""
        self._epoch_ns = 0
        """When the clock was last set back: what filled before is judged already."""
        self._past: set[str] = set()
        """Trades from before."""
        super().__init__(drawn.config)
        self._warm(self.feed.history(START_NS))

    # --- the disk

    def _commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        if self.failed:
            return  # as the live engine's way to the store does
        self._commits += 1
        self.count["events"] += len(events)
        wait = self.rng.uniform(0.0, self.drawn.disk_ms) if self.drawn.disk_ms else 0.0
        self._disk_ns = max(self._disk_ns, self.now_ns + int(wait * _MS))
        # What is read back is what was encoded, not the same objects.
        self.written.append(([decode_journal(encode(event)) for event in events], done))
        self._due.append(self._disk_ns)
        if not self.hold and not self.drawn.disk_ms and len(self.written) == 1:
            self.release()

    def release(self) -> None:
        """Everything is on the disk, and what follows from it as well."""
        self._release(math.inf)

    def _release(self, until_ns: float) -> None:
        while self.written and self._due[0] <= until_ns and not self.failed:
            events, done = self.written[0]
            self.journal.extend(events)
            self._durable += 1
            self._settle_settings()
            done()
            self.written.pop(0)
            self._due.pop(0)

    def _keep(self, name: str, value: object) -> None:
        if self.failed:
            return
        kept = msgspec.json.decode(msgspec.json.encode(value))
        self._settings_ahead.append((self._commits, name, kept))
        if not self.written:
            self._settle_settings()

    def _settle_settings(self) -> None:
        while self._settings_ahead and self._settings_ahead[0][0] <= self._durable:
            _, name, value = self._settings_ahead.pop(0)
            self.settings[name] = value

    @property
    def clean(self) -> bool:
        """Everything is on the disk."""
        return not (self.written or self._settings_ahead or self.failed)

    def fail_store(self) -> None:
        """The disk refuses: nothing is written or acknowledged from now on."""
        self.failed = True
        self.count["store failures"] += 1
        self.desk.trading.fail("storage failed: disk full")

    # --- life

    def kill(self, back_s: float = 0.0, off_s: float = 0.0) -> None:
        """End the engine at once, start another ``off_s`` later, or with its clock ``back_s`` earlier."""
        self.count["crashes"] += 1
        survive = self.rng.randint(0, len(self.written))
        self.count["commits lost"] += len(self.written) - survive
        for events, _ in self.written[:survive]:
            self.journal.extend(events)
        self._durable += survive
        self._settle_settings()
        self.written.clear()
        self._due.clear()
        self._settings_ahead.clear()
        self._forget_lost_verdicts()
        self._commits, self._durable = 0, 0
        self.hold = self.failed = False
        self.restarts += 1
        self.now_ns += int((off_s - back_s) * NS)
        if back_s:
            self._forget_market()
        self._disk_ns = self.now_ns
        self.desk = Desk(
            self.config,
            Instruments(),
            commit=self._commit,
            record=self._record,
            keep=self._keep,
            judge_skew=self.drawn.judge_skew,
        )
        settings = dict(self.settings)
        self.desk.restore(list(self.journal), self.now_ns, settings)
        self.desk.take_up(settings)
        adopt(self.desk, self.specs)
        if self.drawn.history_s:
            self._warm(self._recent)

    def _start(self) -> Desk:
        desk = Desk(
            self.config,
            Instruments(),
            commit=self._commit,
            record=self._record,
            keep=self._keep,
            judge_skew=self.drawn.judge_skew,
        )
        adopt(desk, self.specs)
        return desk

    def _warm(self, history: Sequence[MarketEvent]) -> None:
        """What was before is no market to trade in: its last quotes count as shown now, all the same."""
        with self.desk.warming_up():
            self.desk.on_events([event for event in history if event.recv_ns <= self.now_ns])
        for instrument in self.desk.instruments:
            bid, bid_size, ask, ask_size, _ = self.desk.features.live_quote(instrument.index)
            if not math.isnan(bid):
                self._shown(instrument.symbol, ((bid, bid_size),), ((ask, ask_size),))

    # --- time

    def step(self) -> None:
        """One turn of the engine's timer: what the feed brings meanwhile, then the clock."""
        began_ns = self.now_ns
        self.market_ns += int(STEP_S * NS)
        offset_ns = began_ns + int(STEP_S * NS) - self.market_ns
        for delivered in self.feed.advance(self.market_ns, STEP_S):
            self._deliver(delivered, offset_ns)
        self.now_ns = max(self.now_ns, self.market_ns + offset_ns)
        self._timer()

    def jump(self, seconds: float) -> None:
        """The clock goes forward at once, as after a suspended machine wakes."""
        self.now_ns += int(seconds * NS)
        self.count["clock jumps"] += 1
        self._timer()

    def _timer(self) -> None:
        if not self.hold:
            self._release(self.now_ns)
        self.desk.advance(self.now_ns)
        if not self.hold:
            self._release(self.now_ns)

    def _deliver(self, delivered: Delivered, offset_ns: int) -> None:
        event = delivered.event
        # No two at the same time: what is filled at a time belongs to one of them.
        at_ns = max(self.now_ns + 1_000, event.recv_ns + offset_ns)
        self.now_ns = at_ns
        if delivered.late_ns:
            self.desk.advance(at_ns)
        fields: dict[str, int] = {"recv_ns": at_ns - delivered.late_ns}
        if isinstance(event, (Trade, Quote, Depth)):
            fields["event_ns"] = event.event_ns + offset_ns
        event = msgspec.structs.replace(event, **fields)
        refused = self.desk.intake.rejected.total()
        # Before it is fed: what it fills, it fills at once.
        before = len(self.market)
        self._note(event)
        self.desk.on_events([event])
        self.count["market events"] += 1
        if self.desk.intake.rejected.total() != refused:
            del self.market[before:]
            self.count["refused events"] += 1
        elif isinstance(event, Quote):
            self._quoted[event.symbol] = event
        self._recent.append(event)
        if len(self._recent) > 2 * _RECENT:
            del self._recent[:_RECENT]

    # --- what was shown

    def _forget_market(self) -> None:
        """Times repeat: what was filled until now is told apart from what comes."""
        self._past.update(event.trade_id for event in self.journal if isinstance(event, Fill))
        self.market.clear()
        self._epoch_ns = self.now_ns

    def market_problems(self, fills: Sequence[Fill]) -> list[str]:
        """Of those since the clock was last set back; a report from before may come after it."""
        return super().market_problems(
            [
                fill
                for fill in fills
                if fill.trade_id not in self._past and self._epoch_ns <= fill.ns <= self.now_ns
            ]
        )

    def _note(self, event: MarketEvent) -> None:
        if isinstance(event, Trade):
            if math.isfinite(event.size) and event.size > 0:
                self.market.append(Printed(self.now_ns, event.symbol, _exact(event.size)))
        elif isinstance(event, Quote):
            self._shown(event.symbol, ((event.bid, event.bid_size),), ((event.ask, event.ask_size),))
        elif isinstance(event, Depth):
            self._deep[event.symbol] = event
            quote = self._quoted.get(event.symbol)
            if quote is None:
                self._shown(event.symbol, event.bids, event.asks)
            else:
                # The best is the quote's: a snapshot that says otherwise came late, or again.
                self._shown(event.symbol, ((quote.bid, quote.bid_size),), ((quote.ask, quote.ask_size),))

    def _shown(self, symbol: str, *sides: tuple[tuple[float, float], ...]) -> None:
        deep = self._deep.get(symbol)
        found: list[dict[Decimal, Decimal]] = []
        for number, side in enumerate(sides):
            levels = {_exact(price): _exact(size) for price, size in side}
            behind = () if deep is None else (deep.bids, deep.asks)[number]
            if behind and behind[0] == side[0]:
                # The newest snapshot agrees with the quote: what is behind the best stands with it.
                levels = {_exact(price): _exact(size) for price, size in behind}
            found.append(levels)
        self.market.append(Shown(self.now_ns, symbol, found[0], found[1]))


def _exact(number: float) -> Decimal:
    return Decimal(repr(number)) if math.isfinite(number) else Decimal(0)
