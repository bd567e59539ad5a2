"""Exit levels of open positions: armed in the kernel, judged when one is crossed and at each sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from engine.config import ExitsConfig
from engine.events import NS, OrderRequest, Purpose
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.portfolio.exits import Distances, Exits
from engine.portfolio.ledger import Ledger
from engine.portfolio.position import Position
from engine.wiring.exit_limits import ExitLimits
from engine.wiring.own_exits import Covers, OwnExits


class Crossed(NamedTuple):
    """A level that the market is beyond, or a time that is over."""

    purpose: Purpose
    reason: str


class Levels(NamedTuple):
    """Where and when a position is left."""

    stop: Decimal | None
    """The desk's, or of the person's own orders that stand in its place (None: known at their venue alone);
    the same of ``target``."""
    target: Decimal | None
    trailing: Decimal | None
    """Of the stop that follows the best price since the entry, as of now; None: none."""
    leave_ns: int | None
    """When its time is over, by the desk's clock; None: never."""


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
    trails: bool
    leave_ns: int | None
    covers: Covers
    long: bool


class ExitWatch:
    """Levels of each position against the freshest price there is."""

    def __init__(
        self,
        config: ExitsConfig,
        instruments: Instruments,
        features: FeatureEngine,
        ledger: Ledger,
        own: OwnExits,
    ) -> None:
        """``own``: what stands in place of the desk's stop and target; its trailing stop and time stay."""
        self.limits = ExitLimits(config)
        self.limits.on_change = self._changed
        self._exits = Exits(config)
        self._instruments = instruments
        self._features = features
        self._ledger = ledger
        self._own = own
        self._armed: dict[str, _Armed] = {}
        self._followed: dict[str, int] = {}
        """By symbol, of which position the kernel follows the best price: when it was opened."""
        self._watched: dict[str, tuple[_Armed, bool]] = {}
        """By symbol: what the kernel was last told to watch, with the target or without."""
        self._ahead: dict[str, tuple[int, int]] = {}
        """By symbol, of which position (when it was opened) that is later than it can be, and by how much."""
        self._marked_of: Sequence[Position] = ()
        self._marked_symbols: list[str] = []
        self._marked: list[Instrument | None] = []
        self._indices = np.zeros(0, np.int64)
        self._ticks = np.zeros(0)
        self._grids: list[tuple[str, Decimal]] = []
        """Of the instruments marked last: index, and tick size; symbol and exact tick size."""

    # --- arming ---

    def arm(self, symbol: str, *, target: bool = True) -> None:
        """Have the kernel watch the symbol's position (with its ``target`` or without); with none, have it
        stop."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return
        armed = self._levels(symbol)
        if armed is None:
            self._followed.pop(symbol, None)
            self._features.clear_exit(instrument.index)
            return
        watched = self._watched.get(symbol)
        if (
            watched is not None
            and watched[0] is armed
            and watched[1] is target
            and self._features.exit_armed(instrument.index)
        ):
            return  # the kernel watches these very levels
        self._watch(armed, self._best(armed.position, instrument), target=target)

    def arm_all(self) -> None:
        """``arm`` for every open position, with the orders that there are now."""
        self._armed.clear()
        for position in self._ledger.positions():
            self.arm(position.symbol)

    def mute(self, symbol: str) -> None:
        """No level of the symbol is watched until it is armed again: an exit is at work."""
        instrument = self._instruments.get(symbol)
        if instrument is not None:
            self._features.mute_exit(instrument.index)

    def cover_changed(self, symbol: str) -> None:
        """A resting exit of the symbol is another than it was: it may stand in for a level, or no more."""
        self._armed.pop(symbol, None)
        instrument = self._instruments.get(symbol)
        if instrument is not None and self._features.exit_armed(instrument.index):
            self.arm(symbol)

    def _watch(self, armed: _Armed, best: float, *, target: bool = True) -> None:
        """``best``: of the position's prices so far; the entry's own counts as one of them."""
        position, instrument = armed.position, armed.instrument
        side, entry = 1 if position.quantity > 0 else -1, float(position.average_price)
        known = math.isfinite(best) and best * side > entry * side
        trail = self._exits.distances(position.symbol).trail
        self._followed[position.symbol] = position.opened_ns
        self._watched[position.symbol] = armed, target
        self._features.watch_exit(
            instrument.index,
            side,
            math.nan if armed.covers.stop else float(armed.stop),
            float(armed.target) if target and not armed.covers.target else math.nan,
            best=best if known else entry,
            trail=float(trail) if trail else math.nan,
            slack=float(instrument.tick_size) / 2,
        )

    def _best(self, position: Position, instrument: Instrument) -> float:
        """The best price since the position was opened; NaN when nothing is known of it."""
        if self._followed.get(position.symbol) != position.opened_ns:
            return math.nan
        return self._features.best_price(instrument.index)

    # --- judging ---

    def crossed(self, symbol: str) -> Crossed | None:
        """The level that the market is beyond: a long leaves at the bid, a short at the ask."""
        armed = self._levels(symbol)
        if armed is None:
            return None
        position, instrument = armed.position, armed.instrument
        bid, _, ask, _, last = self._features.live_quote(instrument.index)
        price = bid if position.quantity > 0 else ask
        price = last if math.isnan(price) else price
        if not armed.trails and armed.below < price < armed.above:
            return None
        best = self._best(position, instrument)
        own = armed.covers
        purpose = self._exits.crossed(
            position,
            instrument,
            price,
            best,
            stop=own.stop is None,
            target=own.target is None,
            levels=(armed.stop, armed.target),
        )
        if purpose is None:
            return None
        level: Decimal | None = armed.target if purpose is Purpose.TAKE_PROFIT else armed.stop
        since = ""
        if purpose is Purpose.TRAILING_STOP:
            level = self._exits.trailing(position, instrument, best)
            since = f", best {best:g} since the entry at {float(position.average_price):g}"
        return Crossed(purpose, f"{purpose.value.replace('_', ' ')} {level} crossed at {price:g}{since}")

    def rests(self, symbol: str, *, target: bool) -> bool:
        """Whether the kernel watches the very levels of the position, with its ``target`` or without, and the
        market is strictly between them: there is nothing to judge, and nothing to ``arm``."""
        watched = self._watched.get(symbol)
        if watched is None or watched[1] is not target:
            return False
        armed, features = watched[0], self._features
        instrument = armed.instrument
        if (
            armed.trails
            or self._armed.get(symbol) is not armed
            or self._ledger.position(symbol) is not armed.position
            or self._instruments.get(symbol) is not instrument
            or not features.exit_armed(instrument.index)
        ):
            return False
        bid, _, ask, _, last = features.live_quote(instrument.index)
        price = bid if armed.long else ask
        return armed.below < (price if price == price else last) < armed.above

    def due(self, positions: Sequence[Position], now_ns: int) -> list[str]:
        """The symbols of those positions that may be ``overdue``: of the others it is known that none is."""
        armed_of = self._armed.get
        found = []
        for position in positions:
            armed = armed_of(position.symbol)
            if (
                armed is None
                or armed.position is not position
                or (armed.leave_ns is not None and now_ns >= armed.leave_ns)
            ):
                found.append(position.symbol)
        return found

    def overdue(self, symbol: str, now_ns: int) -> Crossed | None:
        """The position's time is over."""
        armed = self._levels(symbol)
        if armed is None or armed.leave_ns is None or now_ns < armed.leave_ns:
            return None
        limit = self._exits.distances(symbol).holding_ns
        held = now_ns - armed.leave_ns + limit
        return Crossed(Purpose.TIME_EXIT, f"held {held / NS:.1f} s, limit {limit / NS:g} s")

    def levels(self, symbol: str) -> Levels | None:
        """Of an open position."""
        armed = self._levels(symbol)
        if armed is None:
            return None
        position, instrument = armed.position, armed.instrument
        trailing = self._exits.trailing(position, instrument, self._best(position, instrument))
        own = armed.covers
        return Levels(
            armed.stop if own.stop is None else own.stop.level,
            armed.target if own.target is None else own.target.level,
            trailing,
            armed.leave_ns,
        )

    def distances(self, symbol: str) -> Distances:
        """The desk's exits for the symbol."""
        return self._exits.distances(symbol)

    def covers(self, symbol: str, quantity: Decimal, coming: Sequence[OrderRequest]) -> Covers:
        """What would stand in for the desk's levels of such a position, once ``coming`` work too."""
        return self._own.covers(symbol, quantity, coming)

    def _levels(self, symbol: str) -> _Armed | None:
        """Kept until the position, its grid or an exit that rests is another; None when flat."""
        position, instrument = self._ledger.position(symbol), self._instruments.get(symbol)
        if instrument is None or not position.quantity:
            return None
        armed = self._armed.get(symbol)
        if armed is None or armed.position is not position or armed.instrument is not instrument:
            stop, target = self._exits.levels(position, instrument)
            below, above = sorted((float(stop), float(target)))
            trails = bool(self._exits.distances(symbol).trail)
            leave_ns = self._leave_ns(position)
            covers = self._own.covers(symbol, position.quantity)
            armed = self._armed[symbol] = _Armed(
                *(position, instrument, stop, target, below, above, trails, leave_ns, covers),
                position.quantity > 0,
            )
        return armed

    def _leave_ns(self, position: Position) -> int | None:
        leave_ns = self._exits.leave_ns(position)
        opened_ns, ahead_ns = self._ahead.get(position.symbol, (0, 0))
        return leave_ns if leave_ns is None or opened_ns != position.opened_ns else leave_ns - ahead_ns

    # --- a restart ---

    def not_after(self, now_ns: int) -> None:
        """Once the journal is folded: what was opened later than that was opened by a clock that was ahead,
        and is held since now. None is held for as long as that clock was ahead."""
        self._ahead = {
            position.symbol: (position.opened_ns, position.opened_ns - now_ns)
            for position in self._ledger.positions()
            if position.opened_ns > now_ns
        }
        self._armed.clear()

    def trailing(self) -> dict[str, tuple[int, float]]:
        """(when opened, best price since) of each open position, JSON-able: what fills do not tell."""
        found = {}
        for position in self._ledger.positions():
            instrument = self._instruments.get(position.symbol)
            best = math.nan if instrument is None else self._best(position, instrument)
            if math.isfinite(best):
                found[position.symbol] = position.opened_ns, best
        return found

    def take_up(self, kept: Mapping[str, tuple[int, float]]) -> list[str]:
        """Follow on from ``trailing()`` of earlier, in place of what was seen since; all are armed.

        Only what is of the very position that is held now counts. Returns the symbols whose trailing stop
        starts anew, from the entry.
        """
        anew = []
        self._armed.clear()
        for position in self._ledger.positions():
            armed = self._levels(position.symbol)
            if armed is not None:
                opened_ns, best = kept.get(position.symbol, (0, math.nan))
                known = opened_ns == position.opened_ns
                self._watch(armed, best if known else math.nan)
                if armed.trails and not known:
                    anew.append(position.symbol)
        return anew

    def _changed(self) -> None:
        """The distances are others: what is watched is armed anew."""
        self._exits = Exits(self.limits.config)
        self._armed.clear()
        for symbol in self._followed:
            instrument = self._instruments.get(symbol)
            if instrument is not None and self._features.exit_armed(instrument.index):
                self.arm(symbol)

    def leave_ns(self, positions: Sequence[Position]) -> int | None:
        """When the time of the first of these is over; None: of none."""
        times = [None if armed is None else armed.leave_ns for armed in map(self._armed_of, positions)]
        return min((ns for ns in times if ns is not None), default=None)

    def _armed_of(self, position: Position) -> _Armed | None:
        return self._levels(position.symbol)

    # --- marks ---

    def mid(self, index: int) -> float:
        """Mid, or the last trade when there is no quote or only an old one; NaN before either."""
        bid, _, ask, _, last = self._features.live_quote(index)
        return last if math.isnan(bid) else (bid + ask) / 2

    def marks(self, positions: Sequence[Position]) -> list[tuple[str, Decimal]]:
        """The mids of positions' symbols on their grids; without those that have none above zero.

        A mid half a tick from two prices goes to either.
        """
        if positions != self._marked_of:
            self._marked_of = positions
            self._marked_symbols = [position.symbol for position in positions]
        instruments = list(map(self._instruments.get, self._marked_symbols))
        if instruments != self._marked:
            self._mark_these(instruments)
        mids = self._features.live_mids(self._indices)
        np.rint(np.divide(mids, self._ticks, mids), mids)
        return [
            (symbol, int(count) * tick)
            for (symbol, tick), count in zip(self._grids, mids.tolist(), strict=True)
            if 0.0 < count < math.inf
        ]

    def _mark_these(self, instruments: list[Instrument | None]) -> None:
        known = [instrument for instrument in instruments if instrument is not None]
        self._indices = np.array([instrument.index for instrument in known], np.int64)
        self._grids = [(instrument.symbol, instrument.tick_size) for instrument in known]
        self._ticks = np.array([float(tick) for _, tick in self._grids])
        self._marked = instruments
