"""Credit: what signal sources (strategies and quant modules) earned, as shares of the round trips they began.

A round trip's P&L is divided among the inputs of the blend that opened it, by their contributions towards its
side: what spoke against it, or was silent, has no part. Where no blend is behind it, as with targets and
automations, each strategy has what it earned with its share of it, and so has ``manual``; where the blend is
not known any more, it is ``unknown``'s. The parts of all add up to the round trips' P&L.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

import msgspec

from engine.events import BlendInput, Side
from engine.portfolio.attribution import MANUAL, Share
from engine.portfolio.exact import EXACT, ONE, ZERO, add, multiply, split
from engine.portfolio.round_trips import RoundTrip, TripTotals

UNKNOWN = "unknown"
Shares = tuple[tuple[str, Decimal], ...]
"""Source and weight; none is zero. They need not sum to one."""
NOBODY: Shares = ((UNKNOWN, ONE),)
BY_HAND: Shares = ((MANUAL, ONE),)


def shares(inputs: Iterable[BlendInput], side: Side) -> Shares:
    """Whose an opportunity of ``side`` is; ``unknown`` when nothing in it spoke for that side."""
    return tuple((source, Decimal(text)) for source, text in _spoke(inputs, side)) or NOBODY


def held(shares_of: Mapping[str, Share]) -> Shares:
    """Whose an open position is where no blend is behind it; ``shares_of``: by source."""
    return tuple((source, share.quantity.copy_abs()) for source, share in shares_of.items()) or BY_HAND


def parts(inputs: Iterable[BlendInput], side: Side) -> tuple[tuple[str, float], ...]:
    """The same as parts that add up to 1; none when nothing in it spoke for that side."""
    weights = [(source, float(text)) for source, text in _spoke(inputs, side)]
    whole = sum([weight for _, weight in weights])
    return tuple([(source, weight / whole) for source, weight in weights])


def _spoke(inputs: Iterable[BlendInput], side: Side) -> list[tuple[str, str]]:
    sign, found = side.sign, []
    for one in inputs:
        towards = one.contribution * sign
        if 1e-9 <= towards <= 1.0:
            found.append((one.source, f"{towards:.9f}"))
    return found


class Credited(msgspec.Struct, gc=False):
    """One source's part of the round trips in one currency. Changed in place."""

    totals: TripTotals
    traded: Decimal = ZERO
    """Notional of entries and exits."""


class Credit:
    """Totals by source."""

    def __init__(self) -> None:
        self._credited: dict[tuple[str, str], Credited] = {}
        """By source and currency."""

    def apply(self, trip: RoundTrip, whose: Shares) -> list[tuple[str, Decimal]]:
        """A round trip ended that a blend began; each source's part of its net P&L. Once for each."""
        weights = [weight for _, weight in whose]
        with localcontext(EXACT):
            nets = split(trip.net, weights)
        return self._count(
            trip, [(source, net) for (source, _), net in zip(whose, nets, strict=True)], weights
        )

    def apply_held(self, trip: RoundTrip) -> list[tuple[str, Decimal]]:
        """The same of one that none began. What it traded is divided evenly."""
        nets = list(trip.parts)
        return self._count(trip, nets, [ONE] * len(nets))

    def _count(
        self, trip: RoundTrip, nets: list[tuple[str, Decimal]], weights: Sequence[Decimal]
    ) -> list[tuple[str, Decimal]]:
        turned = multiply(trip.quantity, add(trip.entry_price, trip.exit_price))
        with localcontext(EXACT):
            notionals = split(turned, weights)
        for (source, net), notional in zip(nets, notionals, strict=True):
            credited = self._credited.get((source, trip.currency))
            if credited is None:
                credited = self._credited[source, trip.currency] = Credited(TripTotals())
            credited.totals.count(net, trip.holding_ns)
            credited.traded = add(credited.traded, notional)
        return nets

    def sources(self) -> list[str]:
        """In the order of their first round trip."""
        return list(dict.fromkeys(source for source, _ in self._credited))

    def totals(self, source: str, rate: Callable[[str], Decimal | None]) -> Credited | None:
        """Of all currencies at the present rates; None when one is not known."""
        both = Credited(TripTotals())
        for (name, currency), one in self._credited.items():
            if name == source:
                worth = rate(currency)
                if worth is None:
                    return None
                both.totals.merge(one.totals, worth)
                both.traded = EXACT.fma(one.traded, worth, both.traded)
        return both


def exposed(values: Iterable[tuple[Shares, Decimal]]) -> dict[str, float]:
    """What each source is exposed with; ``values``: whose open positions are, and their absolute values."""
    totals: dict[str, float] = {}
    for whose, value in values:
        whole = float(sum(weight for _, weight in whose))
        for source, weight in whose:
            totals[source] = totals.get(source, 0.0) + float(value) * float(weight) / whole
    return totals
