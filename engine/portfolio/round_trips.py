"""Round trips: what was earned from flat to flat, as a fold over fills and funding."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from itertools import islice

import msgspec

from engine.events import Fill, Purpose, Side
from engine.portfolio.attribution import Part
from engine.portfolio.exact import EXACT, ZERO, add, subtract
from engine.portfolio.position import Position

DESK = ""
"""Whose totals are those of the whole desk."""
KEPT = 10_000
"""Newest round trips in memory."""
_mean = Context(prec=28).divide
"""Rounded to 28 digits, whatever the context."""


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """A position from its first fill until it was flat or turned. Amounts are in ``currency``."""

    symbol: str
    side: Side
    """Of its entry."""
    quantity: Decimal
    """All that was entered, and left again."""
    entry_price: Decimal
    exit_price: Decimal
    """Averages, rounded to 28 digits."""
    opened_ns: int
    closed_ns: int
    realized: Decimal
    """Before fees and funding."""
    fees: Decimal
    funding: Decimal
    """Paid for the symbol meanwhile, in the same currency."""
    currency: str
    """"" is the account's own and those pegged to it."""
    purpose: Purpose | None
    """Of the order that ended it; None for a fill without a known order."""
    opportunity_id: str
    """Of the entry that began it."""
    parts: tuple[tuple[str, Decimal], ...]
    """Net P&L of each strategy that had a share, ``manual`` among them; they add up to ``net``."""

    @property
    def net(self) -> Decimal:
        return add(self.realized, subtract(self.funding, self.fees))

    @property
    def holding_ns(self) -> int:
        return self.closed_ns - self.opened_ns

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(source for source, _ in self.parts)


class TripTotals(msgspec.Struct, gc=False):
    """Of all round trips ever of the desk or one strategy, in one currency. Changed in place."""

    trips: int = 0
    wins: int = 0
    """With a net P&L above zero."""
    losses: int = 0
    """Below zero."""
    profit: Decimal = ZERO
    """Sum of the wins' net P&L."""
    loss: Decimal = ZERO
    """Sum of the losses', unsigned."""
    holding_ns: int = 0

    def count(self, net: Decimal, holding_ns: int) -> None:
        self.trips += 1
        self.holding_ns += holding_ns
        if net > ZERO:
            self.wins += 1
            self.profit = add(self.profit, net)
        elif net < ZERO:
            self.losses += 1
            self.loss = add(self.loss, net.copy_abs())

    def merge(self, other: TripTotals, worth: Decimal) -> None:
        """Add those of another currency, of which one unit is ``worth`` so much."""
        self.trips += other.trips
        self.wins += other.wins
        self.losses += other.losses
        self.holding_ns += other.holding_ns
        self.profit = EXACT.fma(other.profit, worth, self.profit)
        self.loss = EXACT.fma(other.loss, worth, self.loss)

    @property
    def hit_rate(self) -> float | None:
        """Share of the round trips that won; None without any."""
        return self.wins / self.trips if self.trips else None

    @property
    def profit_factor(self) -> float | None:
        """Profits over losses; None while nothing was lost."""
        return float(self.profit / self.loss) if self.loss else None


class _Open(msgspec.Struct, gc=False):
    """A round trip that is not over."""

    side: Side
    opened_ns: int
    opportunity_id: str
    entered: Decimal = ZERO
    paid: Decimal = ZERO
    """Notional of the entries."""
    got: Decimal = ZERO
    """Notional of the exits."""
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    nets: dict[str, Decimal] = {}


class RoundTrips:
    """The newest round trips, and totals of all. A fill that turns a position ends one and begins another.

    Where several strategies had a share, the trip counts once for each with its own part of the P&L: their
    profits add up to the desk's, their numbers of trips need not.
    """

    def __init__(self, kept: int = KEPT) -> None:
        """``kept``: how many of the newest are kept."""
        self._open: dict[str, _Open] = {}
        self._trips: deque[RoundTrip] = deque(maxlen=kept)
        self._totals: dict[tuple[str, str], TripTotals] = {}
        """By source and currency."""
        self.ended = 0
        """How many there were of the desk, ever."""

    # --- folding

    def apply(
        self, fill: Fill, before: Position, after: Position, purpose: Purpose | None, parts: Sequence[Part]
    ) -> RoundTrip | None:
        """A fill was booked; the round trip that it ended. ``parts``: as the attribution divided it.

        ``purpose``: of its order. Once for each fill, in the ledger's order. Runs in the exact context.
        """
        held, left = before.quantity, after.quantity
        if held and (not left or (held > ZERO) is not (left > ZERO)):
            closing = parts if not left else [part for part in parts if not part.opens]
            self._take(self._open[fill.symbol], closing)
            ended = self._end(fill, before, purpose)
            if left:
                self._begin(fill, after, [part for part in parts if part.opens])
            return ended
        if held:
            self._take(self._open[fill.symbol], parts)
        elif left:
            self._begin(fill, after, parts)
        return None

    def _begin(self, fill: Fill, after: Position, parts: Sequence[Part]) -> None:
        trip = self._open[fill.symbol] = _Open(fill.side, fill.ns, after.opportunity_id)
        self._take(trip, parts)

    @staticmethod
    def _take(trip: _Open, parts: Sequence[Part]) -> None:
        """Parts of one fill that all open, or all close."""
        nets = trip.nets
        for part in parts:
            source, fee = part.source, part.fee
            net = nets.get(source, ZERO) - fee
            if part.opens:
                trip.entered += part.quantity
                trip.paid += part.notional
            else:
                trip.got += part.notional
                trip.realized += part.realized
                net += part.realized
            trip.fees += fee
            nets[source] = net

    def _end(self, fill: Fill, before: Position, purpose: Purpose | None) -> RoundTrip:
        trip = self._open.pop(fill.symbol)
        ended = RoundTrip(
            symbol=fill.symbol,
            side=trip.side,
            quantity=trip.entered,
            entry_price=_mean(trip.paid, trip.entered),
            exit_price=_mean(trip.got, trip.entered),
            opened_ns=trip.opened_ns,
            closed_ns=fill.ns,
            realized=trip.realized,
            fees=trip.fees,
            funding=trip.funding,
            currency=before.currency,
            purpose=purpose,
            opportunity_id=trip.opportunity_id,
            parts=tuple(trip.nets.items()),
        )
        self._trips.append(ended)
        self.ended += 1
        held_ns = ended.holding_ns
        for source, net in ((DESK, ended.net), *ended.parts):
            totals = self._totals.get((source, before.currency))
            if totals is None:
                totals = self._totals[source, before.currency] = TripTotals()
            totals.count(net, held_ns)
        return ended

    def fund(self, symbol: str, parts: Sequence[tuple[str, Decimal]]) -> None:
        """A payment in the symbol's own currency was booked and divided so. Once for each payment."""
        trip = self._open.get(symbol)
        if trip is None:
            return
        for source, amount in parts:
            trip.funding = add(trip.funding, amount)
            trip.nets[source] = add(trip.nets.get(source, ZERO), amount)

    # --- reading

    def recent(self, limit: int = KEPT) -> list[RoundTrip]:
        """The newest round trips, newest first."""
        return list(islice(reversed(self._trips), limit))

    def count(self, source: str = DESK) -> int:
        """How many round trips there were, ever."""
        return sum(totals.trips for (name, _), totals in self._totals.items() if name == source)

    def sources(self) -> list[str]:
        """Every strategy that had a share in one, in the order of the first."""
        return list(dict.fromkeys(source for source, _ in self._totals if source != DESK))

    def totals(self, source: str, rate: Callable[[str], Decimal | None]) -> TripTotals | None:
        """Of all of a source's, at the present rates into the account's currency (``Balances.rate``).

        None when a rate that it takes is not known.
        """
        both = TripTotals()
        for (name, currency), totals in self._totals.items():
            if name != source:
                continue
            worth = rate(currency)
            if worth is None:
                return None
            both.merge(totals, worth)
        return both
