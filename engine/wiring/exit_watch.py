"""Stops and targets of open positions: armed in the kernel, judged when one is crossed and at each sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from engine.config import ExitsConfig
from engine.events import Purpose
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.portfolio.exits import Exits
from engine.portfolio.ledger import Ledger, Position


class Crossed(NamedTuple):
    """A level that the market is beyond."""

    purpose: Purpose
    reason: str


class _Armed(NamedTuple):
    """The levels of a position as it was."""

    position: Position
    instrument: Instrument
    stop: Decimal
    target: Decimal
    below: float
    above: float
    """The same, the lower first. A price strictly between them has crossed neither, in exact numbers too:
    rounding turns no order round."""


class ExitWatch:
    """Levels of each position against the freshest price there is."""

    def __init__(
        self, config: ExitsConfig, instruments: Instruments, features: FeatureEngine, ledger: Ledger
    ) -> None:
        self._exits = Exits(config)
        self._instruments = instruments
        self._features = features
        self._ledger = ledger
        self._armed: dict[str, _Armed] = {}
        self._marked: list[Instrument | None] = []
        self._indices = np.zeros(0, np.int64)
        self._ticks = np.zeros(0)
        """Of the instruments marked last: index, and tick size."""

    def arm(self, symbol: str) -> None:
        """Have the kernel watch the symbol's position; with none, have it stop."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return
        armed = self._levels(symbol)
        if armed is None:
            self._features.clear_exit(instrument.index)
            return
        side = 1 if armed.position.quantity > 0 else -1
        self._features.watch_exit(instrument.index, side, float(armed.stop), float(armed.target))

    def arm_all(self) -> None:
        """``arm`` for every open position."""
        for position in self._ledger.positions():
            self.arm(position.symbol)

    def crossed(self, symbol: str) -> Crossed | None:
        """The level that the market is beyond: a long leaves at the bid, a short at the ask."""
        armed = self._levels(symbol)
        if armed is None:
            return None
        position, instrument = armed.position, armed.instrument
        bid, _, ask, _, last = self._features.live_quote(instrument.index)
        price = bid if position.quantity > 0 else ask
        price = last if math.isnan(price) else price
        if armed.below < price < armed.above:
            return None
        purpose = self._exits.crossed(position, instrument, price)
        if purpose is None:
            return None
        return Crossed(purpose, f"{purpose.value.replace('_', ' ')} crossed at {price:g}")

    def levels(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """(stop, target) of an open position."""
        armed = self._levels(symbol)
        return None if armed is None else (armed.stop, armed.target)

    def _levels(self, symbol: str) -> _Armed | None:
        """Kept until the position or its grid is another; None when flat."""
        position, instrument = self._ledger.position(symbol), self._instruments.get(symbol)
        if instrument is None or not position.quantity:
            return None
        armed = self._armed.get(symbol)
        if armed is None or armed.position is not position or armed.instrument is not instrument:
            stop, target = self._exits.levels(position, instrument)
            below, above = sorted((float(stop), float(target)))
            armed = self._armed[symbol] = _Armed(position, instrument, stop, target, below, above)
        return armed

    def mid(self, index: int) -> float:
        """Mid, or the last trade when there is no quote or only an old one; NaN before either."""
        bid, _, ask, _, last = self._features.live_quote(index)
        return last if math.isnan(bid) else (bid + ask) / 2

    def marks(self, positions: Sequence[Position]) -> list[tuple[str, Decimal]]:
        """The mids of positions' symbols on their grids; without those that have none above zero.

        A mid half a tick from two prices goes to either.
        """
        instruments = [self._instruments.get(position.symbol) for position in positions]
        if instruments != self._marked:
            self._mark_these(instruments)
        counts = np.rint(self._features.live_mids(self._indices) / self._ticks).tolist()
        return [
            (instrument.symbol, int(count) * instrument.tick_size)
            for instrument, count in zip(filter(None, instruments), counts, strict=True)
            if 0.0 < count < math.inf
        ]

    def _mark_these(self, instruments: list[Instrument | None]) -> None:
        known = [instrument for instrument in instruments if instrument is not None]
        self._indices = np.array([instrument.index for instrument in known], np.int64)
        self._ticks = np.array([float(instrument.tick_size) for instrument in known])
        self._marked = instruments
