"""Stops and targets of open positions: armed in the kernel, judged when one is crossed and at each sweep."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from engine.config import ExitsConfig
from engine.events import Purpose
from engine.features.engine import FeatureEngine
from engine.instruments import Instruments
from engine.portfolio.exits import Exits
from engine.portfolio.ledger import Ledger


class Crossed(NamedTuple):
    """A level that the market is beyond."""

    purpose: Purpose
    reason: str


class ExitWatch:
    """Levels of each position against the freshest price there is."""

    def __init__(
        self, config: ExitsConfig, instruments: Instruments, features: FeatureEngine, ledger: Ledger
    ) -> None:
        self._exits = Exits(config)
        self._instruments = instruments
        self._features = features
        self._ledger = ledger

    def arm(self, symbol: str) -> None:
        """Have the kernel watch the symbol's position; with none, have it stop."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return
        position = self._ledger.position(symbol)
        if not position.quantity:
            self._features.clear_exit(instrument.index)
            return
        stop, target = self._exits.levels(position, instrument)
        side = 1 if position.quantity > 0 else -1
        self._features.watch_exit(instrument.index, side, float(stop), float(target))

    def arm_all(self) -> None:
        """``arm`` for every open position."""
        for position in self._ledger.positions():
            self.arm(position.symbol)

    def crossed(self, symbol: str) -> Crossed | None:
        """The level that the market is beyond: a long leaves at the bid, a short at the ask."""
        position = self._ledger.position(symbol)
        instrument = self._instruments.get(symbol)
        if instrument is None or not position.quantity:
            return None
        bid, _, ask, _, last = self._features.live_quote(instrument.index)
        price = bid if position.quantity > 0 else ask
        price = last if math.isnan(price) else price
        purpose = self._exits.crossed(position, instrument, price)
        if purpose is None:
            return None
        return Crossed(purpose, f"{purpose.value.replace('_', ' ')} crossed at {price:g}")

    def levels(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """(stop, target) of an open position."""
        position, instrument = self._ledger.position(symbol), self._instruments.get(symbol)
        if instrument is None or not position.quantity:
            return None
        return self._exits.levels(position, instrument)

    def mid(self, index: int) -> float:
        """Mid, or the last trade when there is no quote or only an old one; NaN before either."""
        bid, _, ask, _, last = self._features.live_quote(index)
        return last if math.isnan(bid) else (bid + ask) / 2
