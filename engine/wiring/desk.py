"""The desk: every stage, wired once. Live, on a tape and in a replay it is this very object.

It opens nothing and reads no clock: events, timers and commands come in as method calls on one thread, and
``commit`` and ``record`` take what must be kept.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from engine.config import Config
from engine.config.load import one_of, traded
from engine.events import (
    NS,
    Alert,
    Drop,
    Fill,
    JournalEvent,
    MarketEvent,
    Opportunity,
    Signal,
)
from engine.feature_table import FeatureTable
from engine.features.engine import BARS, EXIT, NONE, RISE, WAKE, FeatureEngine
from engine.feeds.base import InstrumentSpec
from engine.instruments import Instruments
from engine.market.clock_offset import ClockOffset, Lateness
from engine.market.freshness import AgeLimits, Freshness
from engine.market.quarantine import Quarantine, Tick
from engine.market.screen import REJECTS, Screen
from engine.risk.limits import Limits
from engine.store.rows import Record
from engine.strategies.model import Model
from engine.strategies.registry import StrategySet
from engine.strategies.reload import Reloaded
from engine.wiring.absence import LAST, Absence
from engine.wiring.history import History, Points
from engine.wiring.intake import Intake, Ticks
from engine.wiring.kept import Kept, forget
from engine.wiring.latency import Stages, Stopwatch
from engine.wiring.market_news import MarketNews
from engine.wiring.model_bars import ModelBars
from engine.wiring.order_restore import STATE
from engine.wiring.signals import Said, Signals
from engine.wiring.targets import Targets
from engine.wiring.trading import Commit, Trading
from engine.wiring.tuning import Tuning

log = logging.getLogger("engine.desk")

_NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})


class Desk:
    """One desk.

    ``record`` keeps what may be lost with the last batch, ``keep`` a setting (name, JSON-able value).
    ``timer`` (ns, monotonic) measures frame → order.
    ``judge_skew``: entries are denied when a venue's clock and ours disagree; the clocks recorded on a tape
    are not judged, since nothing can be done about them any more. ``said``: who tells what the strategies
    say, where they run elsewhere.
    """

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        *,
        commit: Commit,
        record: Callable[[Record], None],
        keep: Callable[[str, object], None] = forget,
        timer: Callable[[], int] | None = None,
        judge_skew: bool = False,
        stages: Stages | None = None,
        said: Callable[[StrategySet], Said] | None = None,
    ) -> None:
        self.config = config
        self.instruments = instruments
        self.features = FeatureEngine(config.features, quote_max_age_s=config.risk.stale_data_s)
        quality = config.quality
        self.clock_offset = ClockOffset()
        self.screen = Screen(outlier_pct=quality.daily_return_pct)
        self.freshness = Freshness(
            self.features,
            AgeLimits(quality.trade_age_s, quality.quote_age_s, quality.book_age_s, quality.candle_age_s),
            lateness=Lateness(self.clock_offset, instruments, lambda: self.limits.skew_ns)
            if judge_skew
            else None,
        )
        self.quarantine = Quarantine(record)
        self.commit = commit
        self.record = record
        self.trading_enabled = True
        self.drops: Counter[str] = Counter()
        self.bars = 0
        self.on_table: Callable[[FeatureTable], None] | None = None
        """Called with the bars of each boundary, last of all, except while the past is fed; it must neither
        raise nor wait."""
        self.stages = stages or Stages()
        self.latency = self.stages.approved
        self._beat_ns = min(int(config.features.bar_s * NS), NS)
        self._timed_ns = 0
        self._stopwatch = Stopwatch(self.stages, timer)
        self.model_bars = ModelBars(config, self.features)
        self.signals = Signals(
            config,
            self.features,
            self.model_bars,
            on_opportunity=self._on_opportunity,
            on_drop=self._on_drop,
            on_refused=self._on_refused,
            record=record,
            timer=timer,
            said=said,
        )
        self.trading = Trading(
            config,
            instruments,
            self.features,
            self.freshness,
            commit=commit,
            on_drop=self._on_drop,
            on_outcome=self._on_outcome,
            on_held=self._on_held,
            on_approved=self._stopwatch.approved,
            on_repeater=self._on_repeater,
            alert=self.alert,
            record=record,
            clock_skew_ns=self.clock_offset.skew_ns if judge_skew else lambda venue: 0,
            budget_pct=self.signals.strategies.budget,
            model_created_ns=self.signals.scoring.created_ns,
        )
        self.trading.expectant = timer is not None
        self.signals.on_batch = self._stopwatch.batch
        self.signals.scoring.on_scored = self.stages.scored.add
        self.history: Points | None = History(self.trading.ledger)
        """What is told of each sweep; None: nobody reads it."""
        self.targets: Targets | None = None
        self._act = self.trading.act
        if config.targets.enabled and not config.engine.hands_off:
            self.targets = Targets(
                config,
                instruments,
                self.features,
                self.freshness,
                self.trading,
                sees=partial(self.signals.strategies.sees, Model.name),
                on_drop=self._on_drop,
                on_outcome=self._on_outcome,
                spoke=self.signals.scoring.spoke,
                mark=self.signals.scoring.mark,
            )
            self.signals.on_scores = self.targets.on_scores
            self._act = self.targets.act
        self._absence = Absence(instruments, self.features, self.trading, commit)
        self._kept = Kept(self.trading, self._absence, keep)
        self.tuning = Tuning(
            config.opportunities.weights,
            self.signals,
            self.trading,
            keep=keep,
            alert=self.alert,
            on_change=self.watch_rises,
            symbol=lambda key, text: one_of(
                key, text, [one.symbol for one in instruments] or traded(config), config
            ),
        )
        self.news = MarketNews(
            config,
            instruments,
            self.features,
            self.freshness,
            self.quarantine,
            self.trading.paper,
            # Where ticks are screened elsewhere, the print of a bar comes as one of them.
            on_trade=lambda trade: self.intake.events((trade,)) if said is None else None,
            add_symbol=lambda symbol, price: self.intake.add_symbol(symbol, price),
            count=self._count,
            alert=self.alert,
        )
        self.intake = Intake(
            instruments,
            self.screen,
            self.features,
            on_trigger=self._on_trigger,
            on_other=self.news.on_event,
            on_reject=self._on_reject,
            on_symbol=self._on_symbol,
        )

    @contextlib.contextmanager
    def warming_up(self) -> Iterator[None]:
        """While history is fed: indicators warm up, nothing is decided, nothing meets an old price."""
        self.trading_enabled = False
        trailing = self.trading.watch.trailing()
        try:
            yield
        finally:
            self.trading_enabled = True
            # Without the prices of history, which may be from before the entry.
            self.trading.watch.take_up(trailing)
            self.bars = 0
            self.drops.clear()
            self.intake.reset_counts()
            self.signals.strategies.reset_counts()

    # --- in ---

    @property
    def now_ns(self) -> int:
        return self.features.now_ns

    @property
    def limits(self) -> Limits:
        """In force now."""
        return self.trading.gate.book.limits

    def on_events(self, events: Sequence[MarketEvent]) -> None:
        """What one socket read held, decoded, in order."""
        self._stopwatch.begin()
        self.intake.events(events)
        self.clock_offset.note_batch(events)

    def adopt(self, specs: Sequence[InstrumentSpec]) -> None:
        """Add instruments with the grid that their venue told."""
        for spec in specs:
            if self.instruments.get(spec.symbol) is None:
                self.intake.add_symbol(spec.symbol)
            self.instruments.learn(spec)

    def on_block(self, ticks: Ticks, symbols: Sequence[str]) -> None:
        """A block of packed ticks of a tape; it is written to."""
        self._stopwatch.begin()
        self.intake.block(ticks, symbols)

    def on_screened(self, ticks: Ticks) -> None:
        """Ticks that were screened elsewhere; their ``symbol`` is the instrument's index."""
        self._stopwatch.begin()
        self.intake.screened(ticks)

    def on_rejected(self, reason: str, count: int) -> None:
        """So many ticks were not believed elsewhere."""
        self.intake.note_rejected(reason, count)
        self.drops[f"market:{reason}"] += count

    def advance(self, now_ns: int) -> None:
        """The clock: bars close, orders expire and stops are swept without any tick."""
        self._stopwatch.begin()
        while self.features.advance(now_ns) != NONE:
            self._on_bars()
        if self.trading_enabled:
            self.trading.on_clock()
        if self.trading_enabled and self.now_ns - self._timed_ns >= self._beat_ns:
            # Nothing trades any more, so no bar closes: time goes on all the same.
            self._on_time()
            self._expire()

    # --- triggers ---

    def _on_trigger(self, code: int, symbol: int) -> None:
        if code == BARS:
            self._on_bars()
        elif not self.trading_enabled:
            return
        elif code == WAKE:
            self.trading.on_wake(symbol)
        elif code == EXIT:
            self.trading.on_exit(symbol)
        elif code == RISE:
            self.signals.on_rise(self.features.row(symbol), trading=True)
            self._note_faults()

    def _on_bars(self) -> None:
        self._stopwatch.begin_bars(timed=self.trading_enabled)
        table = self.features.closed_table()
        self._stopwatch.boundary_ns = table.ns
        self.bars += len(table)
        awaited = self.model_bars.awaited(table.ns)
        if self.trading_enabled:
            self._on_time()
            if awaited:
                self.model_bars.take(table)
        elif self.model_bars.warms_up:
            self.model_bars.take(table)
        self.signals.on_bars(table, trading=self.trading_enabled)
        self._expire()
        self._note_faults()
        self._stopwatch.end_bars()
        if self.trading_enabled:
            if not awaited:
                self.model_bars.take(table)
            if self.on_table is not None:
                self.on_table(table)

    def _on_time(self) -> None:
        self._timed_ns = self.now_ns
        if self.trading.on_time():
            if self.history is not None:
                for point in self.history.points(self.now_ns):
                    self.record(point)
            self._kept.sweep()
        elif self.trading.work.count():
            # Places in queues are told by nothing else: a kill loses a second of them, not a sweep.
            self.keep_orders()
        self._absence.on_time()
        if self.targets is not None:
            self.targets.on_time()

    def note_quiet(self, bars: int, ns: int) -> None:
        """So many bars closed up to ``ns`` at boundaries that nobody looked at."""
        self.bars += bars
        self._timed_ns = ns

    def keep_orders(self) -> None:
        """Keep what the next run needs of the orders beside the journal."""
        self._kept.orders()

    def _expire(self) -> None:
        for drop in self.signals.aggregator.expire(self.now_ns):
            self._on_drop(drop)

    def _note_faults(self) -> None:
        """A strategy that failed is off: its signals no longer count, and the person at the desk is told."""
        faults = self.signals.strategies.take_errors()
        for name, trace in faults:
            self.signals.drop_source(name)
            for line in trace.splitlines():
                log.error("%s: %s", name, line)
            self.alert("error", name, "strategy failed and was switched off: the log says why")
        if faults:
            self.watch_rises()

    def on_strategy_failed(self, name: str, trace: str) -> None:
        """It runs elsewhere, and failed there."""
        self.signals.strategies.fail(name, trace)
        self._note_faults()

    def watch_rises(self) -> None:
        watch = self.signals.strategies.rise_watch or (0.0, 0.0, 0.0, 0)
        for instrument in self.instruments:
            self.features.watch_rise(instrument.index, *watch)

    def _on_opportunity(self, opportunity: Opportunity) -> None:
        decided_ns = self._stopwatch.now()
        self._act(opportunity)
        self._stopwatch.decided(decided_ns)
        if self.trading.holds(opportunity):
            # It is left by an exit only, and its evidence is older than that then.
            self.signals.aggregator.spend(opportunity)

    # --- bookkeeping ---

    def _on_symbol(self, index: int) -> None:
        self.signals.add_symbol(self.instruments[index].symbol)
        watch = self.signals.strategies.rise_watch
        if watch is not None:
            self.features.watch_rise(index, *watch)

    def _count(self, code: str) -> None:
        self.drops[code] += 1

    def _on_reject(self, symbol: str, tick: Tick) -> None:
        self.drops[f"market:{REJECTS[tick[5]]}"] += 1
        self.quarantine.tick(symbol, tick)

    def _on_drop(self, drop: Drop) -> None:
        self.drops[f"{drop.stage}:{drop.code}"] += 1
        self.record(drop)

    def _on_refused(self, stage: str, code: str, count: int) -> None:
        self.drops[f"{stage}:{code}"] += count

    def _on_outcome(self, opportunity_id: str, status: str) -> None:
        if opportunity_id:
            self.signals.aggregator.close(opportunity_id, status)
        if status.startswith("denied:"):
            self.drops[f"risk:{status[7:]}"] += 1

    def _on_held(self, opportunity_id: str, why: str) -> None:
        self.signals.aggregator.hold(opportunity_id, why, self.features.now_ns)

    def _on_repeater(self, source: str, reason: str) -> None:
        """A strategy that sends the same order again and again is off until a person switches it on."""
        if self.signals.strategies.enabled(source):
            self.tuning.stop_repeater(source, reason)
            self.alert(
                "error", source, f"switched off for repeating itself: {reason}; space switches it on again"
            )

    def alert(self, level: str, source: str, text: str) -> None:
        """Tell the person at the desk; journaled, so that no console misses it."""
        self.commit((Alert(level, source, text, self.now_ns),), lambda: None)

    # --- commands ---

    def restore(
        self, events: Iterable[JournalEvent], now_ns: int, settings: Mapping[str, Any] = _NO_SETTINGS
    ) -> None:
        """Take up the journal of earlier runs: positions and resting orders get their rows back.

        Raises OrderError where it contradicts itself.
        """
        kept = list(events)
        prices = {event.symbol: event.price for event in kept if isinstance(event, Fill)}
        for symbol, price in prices.items():
            self.intake.add_symbol(symbol, float(price))
        self.trading.fold(kept)
        self.trading.gate.not_after(now_ns)
        self.trading.watch.not_after(now_ns)
        self.trading.limits.settle(now_ns)
        for order in self.trading.blotter.open_orders():
            near = order.price or order.stop_price or order.request.decision_price or 1.0
            self.intake.add_symbol(order.request.symbol, float(near))
        notes = self.trading.resume(settings.get(STATE), now_ns)
        if kept:
            self._absence.tell(settings.get(LAST), max(event.ns for event in kept), now_ns, notes)

    def take_up(self, settings: Mapping[str, Any]) -> None:
        """Take up what an earlier run kept: what was set by hand, the day's start and the equity's peak."""
        self.tuning.take_up(settings)
        self._kept.take_up(settings)
        self._note_faults()

    def reload_strategies(self, who: str) -> Reloaded:
        """Read the users' strategy files again."""
        told = self.tuning.reload_strategies(who)
        self._note_faults()
        return told

    def on_context(self, signals: Sequence[Signal]) -> None:
        """Signals that rest on no tick of ours: positions, options, moods, external quant servers."""
        self.signals.on_context(signals, trading=self.trading_enabled)

    def block(self, symbol: str, reason: str, until_ns: int) -> None:
        """Deny entries of ``symbol`` ("": of all) until then."""
        self.trading.block(symbol, reason, until_ns)

    def funnel(self) -> dict[str, int]:
        """Counts by stage, in order of the flow."""
        return {
            "trades": self.intake.trades,
            "quotes": self.intake.quotes,
            "bars": self.bars,
            "features": self.bars,
            "signals": self.signals.signals,
            "blends": self.signals.blends,
            "opportunities": self.signals.opportunities,
            "orders": self.trading.orders,
            "fills": self.trading.fills,
        }
