"""The paper venue's market: the quotes and prints of the symbols that it waits for, and its clock."""

from __future__ import annotations

import math

from engine.config import Config
from engine.events import NS
from engine.execution.blotter import Blotter
from engine.execution.order import PAPER
from engine.execution.paper import PaperVenue
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.wiring.exit_watch import ExitWatch
from engine.wiring.order_journal import OrderJournal


class PaperMarket:
    """Wakes the venue when a symbol ticks that it has orders of."""

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        features: FeatureEngine,
        venue: PaperVenue,
        journal: OrderJournal,
        blotter: Blotter,
        watch: ExitWatch,
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._venue = venue
        self._journal = journal
        self._blotter = blotter
        self._watch = watch
        self._stale_ns = int(config.risk.stale_data_s * NS)
        self._first_id = 0

    def resume(self, now_ns: int) -> None:
        """Another run goes on: none of its quotes and prints is one that the venue knew in an earlier one."""
        self._first_id = now_ns

    def on_wake(self, index: int) -> None:
        """A tick of a symbol that the venue waits for."""
        instrument = self._instruments[index]
        symbol, now = instrument.symbol, self._features.now_ns
        features = self._features
        bid, bid_size, ask, ask_size, last = features.live_quote(index)
        trades, last_size, traded_ns, aggressor = features.last_trade(index)
        reports = self._venue.on_quote(
            symbol, bid, bid_size, ask, ask_size, last if now - traded_ns <= self._stale_ns else math.nan,
            now, self._first_id + features.quote_count(index),
            stale=now - features.quote_ns(index) > self._stale_ns,
            trade_id=self._first_id + trades, last_size=last_size, traded_ns=traded_ns, aggressor=aggressor,
        )  # fmt: skip
        self._journal.write(reports)
        self.arm(instrument)

    def on_clock(self) -> None:
        """Time passed, with or without a tick: what has arrived is taken, what is over ends."""
        now, due = self._features.now_ns, self._venue.due_ns()
        if due is None or now < due:
            return
        self._journal.write(self._venue.due(now))
        self.arm_all()

    def on_time(self) -> None:
        """Each bar interval: the clock, and what is due for holding positions."""
        self.on_clock()
        payments = self._venue.funding(self._features.now_ns, self._mark)
        if payments:
            self._journal.write(payments)

    def _mark(self, symbol: str) -> float:
        instrument = self._instruments.get(symbol)
        return math.nan if instrument is None else self._watch.mid(instrument.index)

    def arm_all(self) -> None:
        """``arm`` for every symbol that the venue has orders of."""
        for symbol in {order.request.symbol for order in self._blotter.open_at(PAPER)}:
            instrument = self._instruments.get(symbol)
            if instrument is not None:
                self.arm(instrument)

    def arm(self, instrument: Instrument) -> None:
        """Have the kernel wake the venue when it next has something to do with the symbol."""
        wake = self._venue.wake_ns(instrument.symbol)
        if wake is None:
            self._features.clear_wake(instrument.index)
        else:
            self._features.wake_at(instrument.index, wake)
