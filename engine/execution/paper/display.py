"""What the market displays of a symbol, and what is left of it after our fills and others' prints."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from engine.events import NS, Depth
from engine.instruments import Instrument

_ZERO = Decimal(0)
DEPTH_MAX_AGE_NS = NS
"""A snapshot older than this says nothing of the levels behind the best."""
_MANY = 4
"""Levels that were taken: from so many on, those that no snapshot can show any more are forgotten."""

Level = tuple[Decimal, Decimal]
"""(price, size left)."""


class Side(msgspec.Struct, gc=False):
    """Bids or asks: the best level by the newest quote, those behind it by the newest depth, if it agrees."""

    sign: int
    """+1 bids, -1 asks: a price times this is greater the better it is."""
    price: Decimal | None = None
    size: Decimal | None = None
    """None: not told."""
    taken: dict[str, tuple[Decimal, int]] = {}
    """By price: what is gone until fresh data shows that level again, and since when."""
    deeper: list[Level] = []
    """As displayed, best first; the best itself is not among them."""
    deeper_ns: int = 0

    def refresh(self, price: Decimal | None, size: Decimal | None) -> None:
        """A new quote: the best level is whole again; what was better than it is no longer displayed."""
        self.price, self.size, self.deeper = price, size, []
        if price is not None and self.taken:
            best = price * self.sign
            self.taken = {at: gone for at, gone in self.taken.items() if Decimal(at) * self.sign < best}

    def levels(self, now_ns: int) -> list[Level]:
        """What can be taken, best first."""
        found: list[Level] = []
        if self.price is None:
            return found
        if self.size is not None:
            found.append((self.price, self.left(self.price, self.size)))
        if self.deeper and now_ns - self.deeper_ns <= DEPTH_MAX_AGE_NS:
            found += [(price, self.left(price, size)) for price, size in self.deeper]
        return [level for level in found if level[1] > 0]

    def displayed(self, price: Decimal, now_ns: int) -> Decimal | None:
        """Size shown at ``price``, ours apart; None beyond what is displayed."""
        if self.price is None:
            return None
        if price == self.price:
            return self.size
        if (price - self.price) * self.sign > 0:
            return _ZERO
        if not self.deeper or now_ns - self.deeper_ns > DEPTH_MAX_AGE_NS:
            return None
        for at, size in self.deeper:
            if at == price:
                return size
        return _ZERO if (price - self.deeper[-1][0]) * self.sign > 0 else None

    def take(self, price: Decimal, size: Decimal, now_ns: int) -> None:
        at = str(price)
        gone, _ = self.taken.get(at, (_ZERO, 0))
        self.taken[at] = gone + size, now_ns
        count = len(self.taken)
        if count >= _MANY and not count & (count - 1):
            self._forget(now_ns - DEPTH_MAX_AGE_NS)

    def printed(self, price: Decimal, size: Decimal, now_ns: int) -> None:
        """Others traded here: what they took is gone, and all that was better."""
        for at, left in self.levels(now_ns):
            if (at - price) * self.sign > 0:
                self.take(at, left, now_ns)
            elif at == price:
                self.take(at, min(left, size), now_ns)

    def deepen(self, levels: list[Level], ns: int) -> None:
        """A snapshot of this time: the levels behind the best are whole again, unless they were taken since.

        The best is the quote's: the snapshot shows it a second time, not anew.
        """
        best = str(self.price)
        self.taken = {at: gone for at, gone in self.taken.items() if at == best or gone[1] >= ns}
        self.deeper, self.deeper_ns = levels, ns

    def set_back(self, ns: int) -> None:
        """The clock was set back by so much."""
        self.taken = {at: (gone, since - ns) for at, (gone, since) in self.taken.items()}
        self.deeper_ns -= ns

    def _forget(self, before_ns: int) -> None:
        """What was taken before: whatever snapshot is looked at from now on shows those levels whole."""
        best = str(self.price)
        self.taken = {at: gone for at, gone in self.taken.items() if at == best or gone[1] >= before_ns}

    def left(self, price: Decimal, size: Decimal) -> Decimal:
        """Of what is displayed at a level, what nobody has taken."""
        return size - self.taken[str(price)][0] if str(price) in self.taken else size


class Print(msgspec.Struct, gc=False):
    """A trade of others: one budget, whoever of us takes it."""

    price: Decimal
    size: Decimal
    left: Decimal
    ns: int
    aggressor: int
    """+1 the taker bought, -1 sold, 0 unknown."""


class Display(msgspec.Struct, gc=False):
    """One symbol's market as the venue knows it. Prices and sizes are on the instrument's grid."""

    bids: Side = msgspec.field(default_factory=lambda: Side(1))
    asks: Side = msgspec.field(default_factory=lambda: Side(-1))
    last: Decimal | None = None
    quote_id: int | None = None
    stale: bool = False
    prints: int = 0
    """Seen so far."""
    trade_id: int | None = None
    depth: Depth | None = None
    depth_used: bool = True

    @property
    def bid(self) -> Decimal | None:
        return self.bids.price

    @property
    def ask(self) -> Decimal | None:
        return self.asks.price

    @property
    def quoted(self) -> bool:
        """Whether a quote is known, believed or stale."""
        return self.bid is not None or self.ask is not None

    def against(self, buying: bool) -> Side:
        """What an order meets."""
        return self.asks if buying else self.bids

    def beside(self, buying: bool) -> Side:
        """Where an order rests."""
        return self.bids if buying else self.asks

    def quote(
        self,
        instrument: Instrument,
        quote_id: int,
        bid: tuple[float, float],
        ask: tuple[float, float],
        last: float,
        stale: bool,
    ) -> bool:
        """Take a quote in, (price, size) each; False when it is the one that was known."""
        known = math.isfinite(bid[0]) or math.isfinite(ask[0])
        self.stale = stale and known
        if (known and self.quote_id == quote_id and self.quoted) or not (known or self.quoted):
            self.last = _price(last, instrument)
            return False
        self.quote_id = quote_id
        (low, bid_size), (high, ask_size) = bid, ask
        below, bids = _price(low, instrument), _size(bid_size, instrument)
        # Out of bars both are the same.
        above = below if high == low else _price(high, instrument)
        asks = bids if ask_size == bid_size else _size(ask_size, instrument)
        self.last = above if last == high else _price(last, instrument)
        self.bids.refresh(below, bids)
        self.asks.refresh(above, asks)
        self.depth_used = False
        return True

    def trade(
        self, instrument: Instrument, price: float, size: float, traded_ns: int, aggressor: int, now_ns: int
    ) -> Print | None:
        """Take a print in; None when its price is none."""
        at, amount = _price(price, instrument), _size(size, instrument) or _ZERO
        if at is None:
            return None
        self.prints += 1
        self.last = at
        if self.ask is not None and at >= self.ask:
            self.asks.printed(at, amount, now_ns)
        elif self.bid is not None and at <= self.bid:
            self.bids.printed(at, amount, now_ns)
        return Print(at, amount, amount, traded_ns, aggressor)

    def snapshot(self, depth: Depth) -> None:
        """Keep the newest depth; it is looked at when an order needs it."""
        self.depth, self.depth_used = depth, False
        self.bids.deeper = self.asks.deeper = []

    def forget_depth(self) -> None:
        """The book was wrong: nothing is known of the levels behind the best."""
        self.depth, self.depth_used = None, True
        self.bids.deeper = self.asks.deeper = []

    def deepen(self, instrument: Instrument, now_ns: int) -> None:
        """Use the newest depth where its best level is the quote's."""
        depth = self.depth
        if depth is None or self.depth_used:
            return
        self.depth_used = True
        if now_ns - depth.recv_ns > DEPTH_MAX_AGE_NS:
            return
        for side, shown in ((self.bids, depth.bids), (self.asks, depth.asks)):
            levels = [
                (price, size)
                for price, size in ((_price(p, instrument), _size(s, instrument)) for p, s in shown)
                if price is not None and size is not None
            ]
            if levels and levels[0] == (side.price, side.size):
                side.deepen(levels[1:], depth.recv_ns)


def _size(size: float, instrument: Instrument) -> Decimal | None:
    if not math.isfinite(size):
        return None
    return instrument.quantity(size) if size > 0 else _ZERO


def _price(value: float, instrument: Instrument) -> Decimal | None:
    if not (math.isfinite(value) and value > 0):
        return None
    price = instrument.price(value)
    return price if price > 0 else None
