"""Exposure: what is held long and short, in the account's currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from engine.portfolio.attribution import Attribution
from engine.portfolio.exact import ZERO, add, multiply, subtract
from engine.portfolio.ledger import Ledger


class Exposure(msgspec.Struct, frozen=True):
    """Of everything, a side, a symbol or a strategy. None: a rate that it takes is not known."""

    kind: Literal["total", "side", "symbol", "strategy"]
    name: str
    """"" for the total."""
    long: Decimal | None
    short: Decimal | None
    """Unsigned."""

    @property
    def gross(self) -> Decimal | None:
        return None if self.long is None or self.short is None else add(self.long, self.short)

    @property
    def net(self) -> Decimal | None:
        return None if self.long is None or self.short is None else subtract(self.long, self.short)


def exposures(ledger: Ledger, attribution: Attribution) -> list[Exposure]:
    """The total, both sides, each open symbol and each strategy that holds any, ``manual`` among them.

    Symbols, sides and strategies each add up to the total.
    """
    whole = _Sides()
    symbols: list[Exposure] = []
    strategies: dict[str, _Sides] = {}
    for position in ledger.positions():
        symbol, unit_value = position.symbol, ledger.unit_value(position.symbol)
        own = _Sides()
        for sides in (whole, own):
            sides.add(position.quantity, unit_value)
        symbols.append(own.exposure("symbol", symbol))
        for source, share in attribution.shares(symbol).items():
            strategies.setdefault(source, _Sides()).add(share.quantity, unit_value)
    total = whole.exposure("total", "")
    return [
        total,
        Exposure("side", "long", total.long, ZERO),
        Exposure("side", "short", ZERO, total.short),
        *symbols,
        *(sides.exposure("strategy", source) for source, sides in strategies.items()),
    ]


class _Sides:
    """Sums of the long and the short side; None once one cannot be told."""

    def __init__(self) -> None:
        self._long: Decimal | None = ZERO
        self._short: Decimal | None = ZERO

    def add(self, quantity: Decimal, unit_value: Decimal | None) -> None:
        worth = None if unit_value is None else multiply(quantity.copy_abs(), unit_value)
        if quantity > 0:
            self._long = None if worth is None or self._long is None else add(self._long, worth)
        else:
            self._short = None if worth is None or self._short is None else add(self._short, worth)

    def exposure(self, kind: Literal["total", "symbol", "strategy"], name: str) -> Exposure:
        return Exposure(kind, name, self._long, self._short)
