"""The paper venue's market: the quotes and prints of the symbols that it waits for, and its clock."""

from __future__ import annotations

import math

from engine.config import Config
from engine.events import NS
from engine.execution.paper import PaperVenue
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
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
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._venue = venue
        self._journal = journal
        self._stale_ns = int(config.risk.stale_data_s * NS)

    def on_wake(self, index: int) -> None:
        """A tick of a symbol that the venue waits for."""
        instrument = self._instruments[index]
        symbol, now = instrument.symbol, self._features.now_ns
        bid, bid_size, ask, ask_size, last = self._features.live_quote(index)
        if math.isnan(bid):  # no quote, or one that trades have left behind: the print is what is real
            reports = self._venue.on_trade(symbol, last, self._features.last_size(index), now)
        else:
            stale = now - self._features.quote_ns(index) > self._stale_ns
            quote_id = self._features.quote_count(index)
            reports = self._venue.on_quote(
                symbol, bid, bid_size, ask, ask_size, last, now, quote_id, stale=stale
            )
        self._journal.write(reports)
        self.arm(instrument)

    def on_time(self) -> None:
        """The clock alone: what has arrived is taken, what is over ends."""
        self._journal.write(self._venue.expire(self._features.now_ns))

    def arm(self, instrument: Instrument) -> None:
        """Have the kernel wake the venue when it next has something to do with the symbol."""
        wake = self._venue.wake_ns(instrument.symbol)
        if wake is None:
            self._features.clear_wake(instrument.index)
        else:
            self._features.wake_at(instrument.index, wake)
