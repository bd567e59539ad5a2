"""Exits: at which prices a position is stopped out or takes its profit."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.config import ExitsConfig
from engine.events import Purpose
from engine.instruments import Instrument
from engine.portfolio.ledger import Position


class Exits:
    """Stop and target at fixed distances, percent, from the average entry price."""

    def __init__(self, config: ExitsConfig) -> None:
        self._stop = Decimal(repr(config.stop_loss_pct)) / 100
        self._target = Decimal(repr(config.take_profit_pct)) / 100

    def levels(self, position: Position, instrument: Instrument) -> tuple[Decimal, Decimal]:
        """(stop, target) on the price grid, each at least one tick from the entry; (0, 0) when flat.

        A level at or below zero is one that no price can reach.
        """
        if not position.quantity:
            return Decimal(0), Decimal(0)
        sign = 1 if position.quantity > 0 else -1
        entry, tick = position.average_price, instrument.tick_size
        below, above = entry - tick, entry + tick
        stop, target = entry * (1 - sign * self._stop), entry * (1 + sign * self._target)
        if sign > 0:
            return instrument.price(min(stop, below)), instrument.price(max(target, above))
        return instrument.price(max(stop, above)), instrument.price(min(target, below))

    def crossed(self, position: Position, instrument: Instrument, price: float) -> Purpose | None:
        """Why to close the position at ``price`` (STOP_LOSS, TAKE_PROFIT), or None. Levels are inclusive.

        The trigger price is the caller's: the bid for a long and the ask for a short where there is a quote
        (what the exit would get), else the last trade. A price that is not a positive number crosses nothing.
        """
        if not position.quantity or not (math.isfinite(price) and price > 0):
            return None
        stop, target = self.levels(position, instrument)
        exact = Decimal(repr(price))
        if position.quantity > 0:
            if exact <= stop:
                return Purpose.STOP_LOSS
            return Purpose.TAKE_PROFIT if exact >= target else None
        if exact >= stop:
            return Purpose.STOP_LOSS
        return Purpose.TAKE_PROFIT if exact <= target else None
