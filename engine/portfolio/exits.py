"""Exits: at which prices and when a position is left."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from engine.config import ExitsConfig
from engine.events import NS, Purpose
from engine.instruments import Instrument
from engine.portfolio.position import Position

_ZERO = Decimal(0)


class Distances(NamedTuple):
    """Of one symbol: shares of a price, and how long a position is held (ns); 0 is none."""

    stop: Decimal
    target: Decimal
    trail: Decimal
    holding_ns: int


class Exits:
    """Stop and target at fixed distances from the average entry price, a stop that follows the best price
    since, and a longest time."""

    def __init__(self, config: ExitsConfig) -> None:
        self._desk = Distances(
            _share(config.stop_loss_pct),
            _share(config.take_profit_pct),
            _share(config.trailing_stop_pct),
            round(config.max_holding_s * NS),
        )
        self._symbols = {
            symbol: Distances(
                self._desk.stop if own.stop_loss_pct is None else _share(own.stop_loss_pct),
                self._desk.target if own.take_profit_pct is None else _share(own.take_profit_pct),
                self._desk.trail if own.trailing_stop_pct is None else _share(own.trailing_stop_pct),
                self._desk.holding_ns if own.max_holding_s is None else round(own.max_holding_s * NS),
            )
            for symbol, own in config.symbols.items()
        }

    def distances(self, symbol: str) -> Distances:
        """The symbol's own, else the desk's."""
        return self._symbols.get(symbol, self._desk)

    def levels(self, position: Position, instrument: Instrument) -> tuple[Decimal, Decimal]:
        """(stop, target) on the price grid, each at least one tick from the entry; (0, 0) when flat.

        A level at or below zero is one that no price can reach.
        """
        if not position.quantity:
            return _ZERO, _ZERO
        own, entry = self.distances(position.symbol), position.average_price
        return (
            _beyond(position, instrument, entry, -own.stop),
            _beyond(position, instrument, entry, own.target),
        )

    def trailing(self, position: Position, instrument: Instrument, best: float) -> Decimal | None:
        """The stop that follows ``best``, the best price since the entry, on the grid; None without one.

        It never is looser than the entry's own distance, whatever ``best`` is (NaN: unknown), and at least
        one tick from the price it follows.
        """
        trail = self.distances(position.symbol).trail
        if not trail or not position.quantity:
            return None
        anchor = position.average_price
        if math.isfinite(best) and best > 0:
            better = max if position.quantity > 0 else min
            anchor = better(anchor, Decimal(repr(best)))
        return _beyond(position, instrument, anchor, -trail)

    def leave_ns(self, position: Position) -> int | None:
        """When the position's time is over; None: never, or flat."""
        holding = self.distances(position.symbol).holding_ns
        return position.opened_ns + holding if holding and position.quantity else None

    def crossed(
        self,
        position: Position,
        instrument: Instrument,
        price: float,
        best: float = math.nan,
        *,
        stop: bool = True,
        target: bool = True,
        levels: tuple[Decimal, Decimal] | None = None,
    ) -> Purpose | None:
        """Why to close the position at ``price`` (STOP_LOSS, TRAILING_STOP, TAKE_PROFIT), or None.

        Levels are inclusive; of several crossed, the first of that order. The trigger price is the caller's:
        the bid for a long and the ask for a short where there is a quote (what the exit would get), else the
        last trade; ``best`` is the best of those since the entry. A price that is not a positive number
        crosses nothing. ``stop`` and ``target``: whether these are judged; the trailing stop always is.
        ``levels``: the position's, where the caller has them.
        """
        if not position.quantity or not (math.isfinite(price) and price > 0):
            return None
        stop_level, target_level = levels or self.levels(position, instrument)
        trailing = self.trailing(position, instrument, best)
        # Of a short, all is the other way round.
        sign = 1 if position.quantity > 0 else -1
        exact = Decimal(repr(price)) * sign
        if stop and exact <= stop_level * sign:
            return Purpose.STOP_LOSS
        if trailing is not None and exact <= trailing * sign:
            return Purpose.TRAILING_STOP
        return Purpose.TAKE_PROFIT if target and exact >= target_level * sign else None


def _share(percent: float) -> Decimal:
    return Decimal(repr(percent)) / 100


def _beyond(position: Position, instrument: Instrument, anchor: Decimal, share: Decimal) -> Decimal:
    """The price ``share`` of ``anchor`` from it, in the position's favour above zero; at least a tick."""
    upwards = (share > 0) is (position.quantity > 0)
    tick = instrument.tick_size
    if upwards:
        return instrument.price(max(anchor * (1 + abs(share)), anchor + tick))
    return instrument.price(min(anchor * (1 - abs(share)), anchor - tick))
