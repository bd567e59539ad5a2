"""Instruments: a symbol's index in the compiled stages and its price and quantity grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Protocol

import msgspec

from engine.symbols import quote_currency


class Instrument(msgspec.Struct, frozen=True):
    """One tradable thing on one venue."""

    index: int
    symbol: str
    """``"<venue>:<NATIVE>"``."""
    quote_currency: str
    """"" when unknown."""
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal = Decimal(0)
    assumed: bool = False
    """The grid was assumed from the price, because the venue did not tell it."""
    max_quantity: Decimal = Decimal(0)
    """Of one order, in base units; 0: the venue told none."""

    @property
    def venue(self) -> str:
        return venue_of(self.symbol)

    @property
    def native(self) -> str:
        return self.symbol.partition(":")[2]

    def price(self, value: float | Decimal) -> Decimal:
        """``value`` on the price grid, to the nearest tick."""
        return _on_grid(value, self.tick_size, ROUND_HALF_EVEN)

    def quantity(self, value: float | Decimal) -> Decimal:
        """``value`` on the lot grid, rounded down."""
        return _on_grid(value, self.lot_size, ROUND_DOWN)


def _on_grid(value: float | Decimal, step: Decimal, rounding: str) -> Decimal:
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return (exact / step).to_integral_value(rounding) * step


def assumed_grid(price: float) -> tuple[Decimal, Decimal]:
    """(tick, lot) for a price where the venue told none: about 1e-7 of the price, and a lot worth about 1."""
    magnitude = math.floor(math.log10(price)) if price > 0 and math.isfinite(price) else 0
    return Decimal(1).scaleb(min(magnitude - 6, 0)), Decimal(1).scaleb(-max(magnitude + 1, 0))


def venue_of(symbol: str) -> str:
    """The venue of ``"<venue>:<NATIVE>"``."""
    return symbol.partition(":")[0]


class Terms(Protocol):
    """What a venue tells of an instrument."""

    @property
    def symbol(self) -> str: ...
    @property
    def tick_size(self) -> Decimal: ...
    @property
    def lot_size(self) -> Decimal: ...
    @property
    def min_notional(self) -> Decimal: ...
    @property
    def max_quantity(self) -> Decimal: ...
    @property
    def quote_currency(self) -> str: ...


class Instruments:
    """All instruments of an engine, by symbol and by index. Indices are dense and never reused."""

    def __init__(self) -> None:
        self._all: list[Instrument] = []
        known = self._by_symbol = dict[str, Instrument]()
        self.get: Callable[[str], Instrument | None] = known.get
        """By symbol; None for one that was not added."""

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._all)

    def __getitem__(self, index: int) -> Instrument:
        return self._all[index]

    def add(
        self,
        symbol: str,
        *,
        tick_size: Decimal | None = None,
        lot_size: Decimal | None = None,
        min_notional: Decimal = Decimal(0),
        price: float = 1.0,
        highest: float = 0.0,
        currency: str | None = None,
    ) -> Instrument:
        """Add ``symbol`` (or return it, if known). Without a grid, one is assumed from ``price``, lots
        from ``highest``, where prices are known to go so far: both steps are fine at either."""
        known = self._by_symbol.get(symbol)
        if known is not None:
            return known
        tick, lot = assumed_grid(price)[0], assumed_grid(max(price, highest))[1]
        instrument = Instrument(
            index=len(self._all),
            symbol=symbol,
            quote_currency=quote_currency(symbol.partition(":")[2]) if currency is None else currency,
            tick_size=tick_size or tick,
            lot_size=lot_size or lot,
            min_notional=min_notional,
            assumed=tick_size is None or lot_size is None,
        )
        self._all.append(instrument)
        self._by_symbol[symbol] = instrument
        return instrument

    def learn(self, told: Terms) -> None:
        """Give a known instrument what its venue tells of it."""
        grid = told.tick_size, told.lot_size, told.min_notional, told.max_quantity
        self.set_grid(told.symbol, *grid, told.quote_currency)

    def set_grid(
        self,
        symbol: str,
        tick_size: Decimal,
        lot_size: Decimal,
        min_notional: Decimal,
        max_quantity: Decimal = Decimal(0),
        currency: str = "",
    ) -> None:
        """Give a known instrument the grid its venue told, and its quote currency where its name tells none:
        a share's does not."""
        known = self._by_symbol[symbol]
        told = msgspec.structs.replace(
            known,
            quote_currency=known.quote_currency or currency,
            tick_size=tick_size,
            lot_size=lot_size,
            min_notional=min_notional,
            assumed=False,
            max_quantity=max_quantity,
        )
        if told == known:
            return
        self._all[known.index] = told
        self._by_symbol[symbol] = told
