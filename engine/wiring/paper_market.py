"""The paper venue's market: the quotes and prints of the symbols that it waits for, and its clock."""

from __future__ import annotations

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
        features = self._features
        bid, bid_size, ask, ask_size, last = features.live_quote(index)
        trade_id, last_size, traded_ns, aggressor = features.last_trade(index)
        reports = self._venue.on_quote(
            symbol, bid, bid_size, ask, ask_size, last, now, features.quote_count(index),
            stale=now - features.quote_ns(index) > self._stale_ns,
            trade_id=trade_id, last_size=last_size, traded_ns=traded_ns, aggressor=aggressor,
        )  # fmt: skip
        self._journal.write(reports)
        self.arm(instrument)

    def on_time(self) -> None:
        """The clock alone: what has arrived is taken, what is over ends."""
        self._journal.write(self._venue.due(self._features.now_ns))

    def arm(self, instrument: Instrument) -> None:
        """Have the kernel wake the venue when it next has something to do with the symbol."""
        wake = self._venue.wake_ns(instrument.symbol)
        if wake is None:
            self._features.clear_wake(instrument.index)
        else:
            self._features.wake_at(instrument.index, wake)
