"""Slippage: what fills cost against the mid at the decision, in basis points; above zero is worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.events import Fill, Purpose, Side
from engine.portfolio.attribution import Part


def slippage_bps(fill: Fill) -> float | None:
    """Of one fill; None where the price at the decision is not a number above zero."""
    return _bps(fill, float(fill.price))


def _bps(fill: Fill, price: float) -> float | None:
    decision = fill.decision_price
    if not 0.0 < decision < math.inf:
        return None
    bps = (price / decision - 1.0) * 1e4
    return bps if fill.side is Side.BUY else -bps


class Mean(msgspec.Struct, frozen=True):
    """Weighted by notional, in the account's currency at the present rates."""

    bps: float | None
    """None: no fill counts."""
    fills: int
    """Counted. A strategy's are those that it had a part in."""
    left_out: int
    """Fills without a price at the decision, or in a currency without a rate."""


class _Sum(msgspec.Struct, gc=False):
    notional: float = 0.0
    cost: float = 0.0
    """Sum of notional x bps."""
    fills: int = 0
    left_out: int = 0

    def add(self, bps: float | None, notional: float) -> None:
        if bps is None:
            self.left_out += 1
            return
        self.notional += notional
        self.cost += notional * bps
        self.fills += 1


Key = TypeVar("Key")
Rate = Callable[[str], Decimal | None]


class Slippage:
    """Means in total, by strategy and by purpose. Reading takes ``rate`` (``Balances.rate``)."""

    def __init__(self) -> None:
        self._strategies: dict[tuple[str, str], _Sum] = {}
        self._purposes: dict[tuple[Purpose | None, str], _Sum] = {}
        """Both also by currency."""

    def apply(self, fill: Fill, currency: str, purpose: Purpose | None, parts: Sequence[Part]) -> None:
        """A fill was booked, in ``currency``, of an order of this purpose (None: unknown).

        ``parts``: as the attribution divided it; each strategy is weighed by its part. Once for each fill.
        """
        price = float(fill.price)
        bps = _bps(fill, price)
        quantity, size = fill.quantity, float(fill.quantity)
        notional = size * price
        _sum(self._purposes, (purpose, currency)).add(bps, notional)
        if len(parts) == 1:
            _sum(self._strategies, (parts[0].source, currency)).add(bps, notional)
            return
        sizes: dict[str, float] = {}
        for part in parts:
            if part.quantity != quantity:  # parts are often alike, and to turn one into a float is slow
                quantity, size = part.quantity, float(part.quantity)
            sizes[part.source] = sizes.get(part.source, 0.0) + size
        for source, size in sizes.items():
            _sum(self._strategies, (source, currency)).add(bps, size * price)

    def total(self, rate: Rate) -> Mean:
        return _mean(((currency, one) for (_, currency), one in self._purposes.items()), rate)

    def strategy(self, name: str, rate: Rate) -> Mean:
        """Of a strategy, or of ``manual`` orders."""
        return _mean(_of(self._strategies, name), rate)

    def purposes(self, rate: Rate) -> dict[Purpose | None, Mean]:
        """By why the order existed; None: its order is not known."""
        return {purpose: _mean(_of(self._purposes, purpose), rate) for purpose, _ in self._purposes}


def _sum(sums: dict[Key, _Sum], key: Key) -> _Sum:
    one = sums.get(key)
    if one is None:
        one = sums[key] = _Sum()
    return one


def _of(sums: Mapping[tuple[Key, str], _Sum], name: Key) -> Iterator[tuple[str, _Sum]]:
    return ((currency, one) for (other, currency), one in sums.items() if other == name)


def _mean(sums: Iterable[tuple[str, _Sum]], rate: Rate) -> Mean:
    notional = cost = 0.0
    fills = left_out = 0
    for currency, one in sums:
        worth = rate(currency)
        left_out += one.left_out
        if worth is None:
            left_out += one.fills
            continue
        fills += one.fills
        notional += one.notional * float(worth)
        cost += one.cost * float(worth)
    return Mean(cost / notional if notional else None, fills, left_out)
