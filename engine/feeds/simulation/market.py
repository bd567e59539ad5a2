"""One symbol's market: Poisson order flow around a moving fair value, executed against a real book."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from engine.events import NS, Depth, Quote, Trade
from engine.feeds.simulation.book import Book, BookSide
from engine.feeds.simulation.listings import Listing
from engine.feeds.simulation.regimes import CHARACTERS, Burst, Regime, draw_burst, successor
from engine.feeds.simulation.schedule import ScheduledBurst

_LIMIT_NOTIONAL = 12_000.0
"""Mean size of a resting order, quote currency."""
_MARKET_NOTIONAL = 2_500.0
"""Mean size of a market order in calm, quote currency."""
_ANCHOR_RATE = math.log(2) / 600
"""Pull of the fair value to its anchor, per second: half of a deviation is gone in ten minutes."""
_BACK_S = 0.5
"""A market that goes on is led back to where it stood until somebody looks, at the end within so long."""
_LEVEL_RATE = 1 / 30
"""Pull to the calm's own level, per second: what mean reversion lives on."""
_LAG_S = 1.5
"""The drift follows the pressure with this time constant."""
_RIPPLE_RATE = 1 / 4
"""How fast the small imbalances of a calm market come and go, per second."""
_RIPPLE = 0.35
"""Their standard deviation."""
_SWEEP_LEVELS = 4
"""An informed order takes at most so many mispriced levels at a time."""
_WIDEST_TICKS = 3
"""A wider spread attracts a maker at once."""
_DEPTH_TICKS = 40
"""Levels farther than this from the fair value are withdrawn."""
_LEVELS = 10
"""About so many levels rest on a side: limit orders and cancels balance there."""
_MEAN_DISTANCE_TICKS = 2.0
"""Limit orders rest this far behind the best sensible price on average."""
_DEPTH_GAP_NS = NS // 4
"""Snapshots of the book are at least this far apart."""

_NEVER = 1 << 63

Tick = Trade | Quote | Depth


class SimulatedMarket:
    """Fair value, regime, book and order flow of one symbol.

    Deterministic for its arguments; the events up to a time do not depend on how ``advance`` is split.
    """

    def __init__(
        self,
        symbol: str,
        listing: Listing,
        random: Random,
        start_ns: int,
        next_burst: Callable[[], ScheduledBurst],
        start_price: float | None = None,
        depth_levels: int = 0,
        live_ns: int = 0,
    ) -> None:
        """``start_price``: where the market stood in an earlier run, and stands at ``live_ns`` again.
        ``depth_levels``: of the snapshots that are published from ``live_ns`` on; 0: none."""
        self.regime = Regime.CALM
        self.book = Book()
        self._symbol = symbol
        self._random = random
        self._anchor_ticks = listing.anchor_ticks
        self._unit_lots = listing.lots_per_currency_unit
        # Whole ticks times an integer over a power of ten: the float nearest to the decimal price.
        self._tick, self._tick_scale = listing.tick_size.as_integer_ratio()
        self._lot, self._lot_scale = listing.lot_size.as_integer_ratio()
        self._next_burst = next_burst
        self._scheduled = next_burst()
        self._burst: Burst | None = None
        self._ns = start_ns
        self._trade_id = 0
        self._depth_levels = depth_levels
        self._depth_ns = live_ns if depth_levels else _NEVER
        """When the next snapshot may be published."""
        self._deviation = random.gauss(0.0, 0.01)
        if start_price is not None:
            self._deviation = math.log(start_price / (listing.anchor_ticks * float(listing.tick_size)))
        self._stood = self._deviation
        self._back_ns = start_ns if start_price is None else live_ns
        self._level = self._deviation
        self._pressure = 0.0
        self._lagged = 0.0
        self._fair = self._anchor_ticks * math.exp(self._deviation)
        self._regime_start_ns = start_ns
        self._change_ns = start_ns
        """When the regime ends or a scheduled burst starts (never inside another one)."""
        self._enter(Regime.CALM)
        self._next_ns = start_ns
        self._draw_next()
        self._opened = False
        self._open_book()

    def advance(self, until_ns: int, out: list[Tick]) -> None:
        """Append the events up to and including ``until_ns``; the first is the opening quote."""
        if not self._opened and until_ns >= self._ns:
            self._opened = True
            self._quote(self.book.top(), out)
        while self._next_ns <= until_ns:
            if self._next_ns >= self._change_ns:
                # Poisson streams have no memory: the clock stops at the change and the wait is drawn anew.
                self._move_to(self._change_ns)
                self._change_regime()
            else:
                self._move_to(self._next_ns)
                self._act(out)
            self._draw_next()

    # --- time ---

    def _draw_next(self) -> None:
        wait_s = self._random.expovariate(self._character.action_rate)
        self._next_ns = min(self._ns + 1 + int(wait_s * NS), self._change_ns)

    def _change_regime(self) -> None:
        if self._burst is None and self._scheduled.start_ns <= self._ns:
            self._burst = draw_burst(self._random, deviation=self._deviation, upward=self._scheduled.upward)
            self._scheduled = self._next_burst()
            self._enter(Regime.WILD_UP if self._burst.direction > 0 else Regime.WILD_DOWN)
        else:
            self._burst = None
            self._enter(successor(self.regime, self._random))

    def _enter(self, regime: Regime) -> None:
        self.regime = regime
        self._character = CHARACTERS[regime]
        self._level = self._deviation
        length_s = (
            self._burst.length_s if self._burst else self._random.expovariate(1 / self._character.mean_s)
        )
        self._regime_start_ns = self._ns
        self._change_ns = self._ns + 1 + int(length_s * NS)
        if self._burst is None:
            self._change_ns = min(self._change_ns, max(self._scheduled.start_ns, self._ns))
        if regime is not Regime.CALM:
            self._pressure = regime.direction * self._character.pressure

    def _move_to(self, ns: int) -> None:
        """Let the fair value, the pressure and its lagged self move up to ``ns``."""
        dt = (ns - self._ns) / NS
        self._ns = ns
        character, noise = self._character, self._random.gauss
        if self.regime is Regime.CALM:
            ripple = _RIPPLE * math.sqrt(2 * _RIPPLE_RATE * dt)
            self._pressure += -self._pressure * min(_RIPPLE_RATE * dt, 1.0) + noise(0.0, ripple)
            self._pressure = max(-0.9, min(0.9, self._pressure))
        self._lagged += (self._pressure - self._lagged) * min(dt / _LAG_S, 1.0)
        drift = self._lagged * character.drift
        if ns < self._back_ns:
            drift -= (self._deviation - self._stood) / max((self._back_ns - ns) / NS, _BACK_S)
        else:
            drift -= self._deviation * _ANCHOR_RATE
        if self.regime is Regime.CALM:
            drift -= (self._deviation - self._level) * _LEVEL_RATE
        elif self._burst is not None:
            in_burst_s = (ns - self._regime_start_ns) / NS
            if in_burst_s > self._burst.build_up_s:
                drift += self._burst.direction * self._burst.move / self._burst.ramp_s
        self._deviation += drift * dt + noise(0.0, character.volatility * math.sqrt(dt))
        self._fair = self._anchor_ticks * math.exp(self._deviation)

    # --- order flow ---

    def _act(self, out: list[Tick]) -> None:
        """One action: correct a mispriced book, else a market order, limit order or cancel."""
        book, random = self.book, self._random
        before = book.top()
        if before[2] < self._fair:
            self._correct(+1, out)
        elif before[0] > self._fair:
            self._correct(-1, out)
        elif before[2] - before[0] > _WIDEST_TICKS:
            self._narrow(before)
        elif random.random() < self._character.market_share:
            self._market_order(out)
        else:
            self._limit_or_cancel()
        if not len(book.bids):
            self._limit_order(+1, 0)
        if not len(book.asks):
            self._limit_order(-1, 0)
        after = book.top()
        if after != before:
            self._quote(after, out)

    def _correct(self, sign: int, out: list[Tick]) -> None:
        """The fair value is through the book: an informed taker sweeps it there, or the makers step back."""
        against = self.book.asks if sign > 0 else self.book.bids
        if self._random.random() < 0.7:
            self._execute(sign, against, against.lots_better(self._fair, _SWEEP_LEVELS), out)
        else:
            against.withdraw_better(self._fair)
        own = self.book.bids if sign > 0 else self.book.asks
        if not len(own) or (self._fair - own.best) * sign > 2.0:
            self._limit_order(sign)

    def _narrow(self, top: tuple[int, int, int, int]) -> None:
        """The spread is wide enough to be worth undercutting: a maker does, on the side with more room."""
        sign = 1 if self._fair - top[0] > top[2] - self._fair else -1
        self._limit_order(sign, 0)

    def _market_order(self, out: list[Tick]) -> None:
        sign = 1 if self._random.random() < 0.5 + 0.4 * self._pressure else -1
        lots = self._draw_lots(_MARKET_NOTIONAL * self._character.order_scale)
        self._execute(sign, self.book.asks if sign > 0 else self.book.bids, lots, out)

    def _limit_or_cancel(self) -> None:
        random = self._random
        # Bids are added and asks withdrawn under upward pressure, and the other way round.
        favoured = 1 if random.random() < 0.5 + 0.35 * self._pressure else -1
        cancel_from = self.book.bids if favoured < 0 else self.book.asks
        levels = len(cancel_from)
        if random.random() * (levels + _LEVELS) < levels - 1:
            depth = min(int(random.expovariate(0.4)), levels - 1)
            cancel_from.cancel(depth, 1.0 if random.random() < 0.5 else random.random())
        else:
            self._limit_order(favoured)

    def _limit_order(self, sign: int, distance: int | None = None) -> None:
        """Rest an order so many ticks (default: drawn) behind the best sensible price of its side.

        What that side has left behind far away is withdrawn.
        """
        if distance is None:
            distance = int(self._random.expovariate(1 / _MEAN_DISTANCE_TICKS))
        best = self._sensible(sign)
        lots = self._draw_lots(_LIMIT_NOTIONAL * self._character.limit_scale)
        rests = self.book.rest(sign, best - sign * distance, lots)
        far = best - sign * _DEPTH_TICKS
        if (rests - far) * sign < 0:
            far = rests  # the other side keeps it away from where it was to be: its side must not be empty
        (self.book.bids if sign > 0 else self.book.asks).withdraw_worse(far)

    def _sensible(self, sign: int) -> int:
        """The best price that a maker shows: half a tick or more on its own side of the fair value."""
        return math.floor(self._fair - 0.5) if sign > 0 else math.ceil(self._fair + 0.5)

    def _draw_lots(self, mean_notional: float) -> int:
        return 1 + int(self._random.expovariate(1.0) * mean_notional * self._unit_lots)

    def _open_book(self) -> None:
        for sign in (1, -1):
            for distance in range(_LEVELS):
                self._limit_order(sign, distance)

    # --- events ---

    def _execute(self, sign: int, against: BookSide, lots: int, out: list[Tick]) -> None:
        for price, done in against.take(lots):
            self._trade_id += 1
            out.append(
                Trade(
                    self._symbol,
                    self._trade_id,
                    price * self._tick / self._tick_scale,
                    done * self._lot / self._lot_scale,
                    sign,
                    self._ns,
                    self._ns,
                )
            )

    def _quote(self, top: tuple[int, int, int, int], out: list[Tick]) -> None:
        bid, bid_lots, ask, ask_lots = top
        tick, tick_scale, lot, lot_scale = self._tick, self._tick_scale, self._lot, self._lot_scale
        out.append(
            Quote(
                self._symbol,
                bid * tick / tick_scale,
                bid_lots * lot / lot_scale,
                ask * tick / tick_scale,
                ask_lots * lot / lot_scale,
                self._ns,
                self._ns,
            )
        )
        if self._ns >= self._depth_ns:
            self._publish_depth(out)

    def _publish_depth(self, out: list[Tick]) -> None:
        """The best levels, right after the quote that shows the first of them."""
        self._depth_ns = self._ns + _DEPTH_GAP_NS
        tick, tick_scale, lot, lot_scale = self._tick, self._tick_scale, self._lot, self._lot_scale
        bids, asks = (
            tuple(
                (price * tick / tick_scale, lots * lot / lot_scale)
                for price, lots in side.best_levels(self._depth_levels)
            )
            for side in (self.book.bids, self.book.asks)
        )
        out.append(Depth(self._symbol, bids, asks, self._ns, self._ns))
