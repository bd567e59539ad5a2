"""What other currencies are worth in the account's: the prices of the configured symbols."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.config import AccountConfig
from engine.errors import ConfigError
from engine.events import NS
from engine.instruments import Instruments
from engine.market.freshness import Freshness
from engine.portfolio.ledger import Ledger
from engine.symbols import base_currency, quote_currency
from engine.wiring.exit_watch import ExitWatch

OLDEST_NS = 60 * NS
"""A rate is unknown once its symbol has been silent for longer: pairs of currencies trade seldom and move
little."""


class Rates:
    """Tells the ledger the rates, and when they are not known any more."""

    def __init__(
        self,
        account: AccountConfig,
        instruments: Instruments,
        freshness: Freshness,
        watch: ExitWatch,
        ledger: Ledger,
    ) -> None:
        """Raises ConfigError when a symbol does not price its currency in the account's, or the other way."""
        self._instruments = instruments
        self._freshness = freshness
        self._watch = watch
        self._ledger = ledger
        self._symbols = [
            (currency, symbol, is_inverse(currency, symbol, account))
            for currency, symbol in account.rates.items()
            if ledger.balances.unit(currency)
        ]
        """(currency, its symbol, whether its price is of the account's currency in this one)"""

    def tell(self, now_ns: int) -> None:
        """Set every rate as of now."""
        for currency, symbol, inverse in self._symbols:
            self._ledger.set_rate(currency, self._rate(symbol, inverse, now_ns))

    def _rate(self, symbol: str, inverse: bool, now_ns: int) -> Decimal | None:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return None
        age_ns = self._freshness.age_ns(instrument.index, now_ns)
        mid = self._watch.mid(instrument.index)
        if age_ns is None or age_ns > OLDEST_NS or not 0.0 < mid < math.inf:
            return None
        return Decimal(repr(1.0 / mid if inverse else mid))


def is_inverse(currency: str, symbol: str, account: AccountConfig) -> bool:
    """Whether the price of ``symbol`` is of the account's currency in this one. Raises ConfigError where it
    is of other currencies."""
    native, home = symbol.partition(":")[2], {account.currency, *account.pegged}
    base, quote = base_currency(native), quote_currency(native)
    if (base, quote in home) == (currency, True):
        return False
    if (base in home, quote) == (True, currency):
        return True
    raise ConfigError(
        f"account.rates: {symbol} is no price of {currency} in {account.currency}: name a pair of the two"
    )
