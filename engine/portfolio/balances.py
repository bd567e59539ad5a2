"""Balances: cash by currency, and what each currency is worth in the account's."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.portfolio.exact import ONE, ZERO, add, multiply


class Balance(msgspec.Struct, frozen=True):
    """The cash of one currency. None: no rate is known."""

    currency: str
    cash: Decimal
    funding: Decimal
    """Received less paid so far; it is in the cash."""
    rate: Decimal | None
    """One unit in the account's currency."""
    value: Decimal | None
    """The cash in the account's currency."""


class Balances:
    """Currencies pegged to the account's count one to one; others need a rate, or have no value."""

    def __init__(self, start: Decimal, currency: str, pegged: Iterable[str] = ()) -> None:
        """The account starts with ``start`` of its own ``currency``."""
        self.currency = currency
        self.home = start
        """Cash of the account's currency and those pegged to it."""
        self._pegged = frozenset(("", currency, *pegged))
        self._cash = {currency: start}
        self._funding: dict[str, Decimal] = {}
        self._rates: dict[str, Decimal] = {}

    def unit(self, currency: str) -> str:
        """What amounts in ``currency`` are counted in: "" for the account's own and what is pegged to it."""
        return "" if currency in self._pegged else currency

    def add(self, currency: str, amount: Decimal, *, funding: bool = False) -> None:
        """Change the balance of ``currency`` ("": the account's)."""
        name, cash = currency or self.currency, self._cash
        cash[name] = add(cash[name], amount) if name in cash else amount
        if funding:
            self._funding[name] = add(self._funding.get(name, ZERO), amount)
        if name in self._pegged:
            self.home = add(self.home, amount)

    def set_rate(self, currency: str, rate: Decimal | None) -> bool:
        """What one unit of ``currency`` is worth from here on; None when that is not known any more.

        True when that is news. Raises ValueError for a rate that is not finite and above zero, or of a
        currency that counts one to one.
        """
        if currency in self._pegged:
            raise ValueError(f"{currency or self.currency} counts one to one: it has no rate")
        if rate is not None and not (rate.is_finite() and rate > 0):
            raise ValueError(f"{currency}: a rate must be finite and above zero, not {rate}")
        if rate == self._rates.get(currency):
            return False
        if rate is None:
            del self._rates[currency]
        else:
            self._rates[currency] = rate
        return True

    def rate(self, currency: str) -> Decimal | None:
        """One unit of ``currency`` in the account's; None while unknown."""
        return ONE if currency in self._pegged else self._rates.get(currency)

    def cash(self) -> dict[str, Decimal]:
        """By currency, as it is."""
        return dict(self._cash)

    def total(self) -> Decimal | None:
        """All cash in the account's currency; None while a balance that is not zero has no rate."""
        total = self.home
        for currency, cash in self._cash.items():
            if cash and currency not in self._pegged:
                rate = self._rates.get(currency)
                if rate is None:
                    return None
                total = add(total, multiply(cash, rate))
        return total

    def rows(self) -> list[Balance]:
        """One of every currency that was ever held, the account's first."""
        rows = []
        for currency, cash in self._cash.items():
            rate = self.rate(currency)
            value = None if rate is None else multiply(cash, rate)
            rows.append(Balance(currency, cash, self._funding.get(currency, ZERO), rate, value))
        return rows
