"""What was booked already: a fill or a payment counts once, and never with other numbers."""

from __future__ import annotations

from collections.abc import ValuesView
from decimal import Decimal

import msgspec

from engine.errors import OrderError
from engine.events import Fill, Funding, Side
from engine.portfolio.balances import Balances
from engine.portfolio.position import Position


class Booked:
    """Fills and funding by their ids, in the currencies in which they are counted."""

    def __init__(self, balances: Balances) -> None:
        self._balances = balances
        self._fills: dict[str, Fill] = {}
        self._fundings: dict[str, Funding] = {}
        self._said: dict[str, str] = {}
        """Trade id -> the currency that a fill said, where it is counted in another."""

    @property
    def fills(self) -> ValuesView[Fill]:
        return self._fills.values()

    @property
    def fundings(self) -> ValuesView[Funding]:
        return self._fundings.values()

    def has(self, fill: Fill) -> bool:
        """Raises OrderError when its trade id is booked with other numbers."""
        booked = self._fills.get(fill.trade_id)
        if booked is None:
            return False
        if self._said and self._said.get(fill.trade_id) == fill.currency:
            fill = msgspec.structs.replace(fill, currency=booked.currency)
        if self._money(booked) != self._money(fill):
            raise OrderError(f"fill {fill.trade_id} is booked already, with other numbers")
        return True

    def add(self, fill: Fill, said: str) -> None:
        """``said``: the currency as the fill came."""
        if said != fill.currency:
            self._said[fill.trade_id] = said
        self._fills[fill.trade_id] = fill

    def in_one(self, fill: Fill, before: Position, *, closes: bool) -> Fill:
        """The fill in the currency that its symbol is counted in, where it says another.

        Raises OrderError where that cannot be meant: see ``Ledger.book``.
        """
        first = next(one for one in self._fills.values() if one.symbol == fill.symbol)
        if closes or not fill.currency or not first.currency:
            return msgspec.structs.replace(fill, currency=before.currency)
        raise OrderError(
            f"fill {fill.trade_id} of {fill.symbol} is in {fill.currency}, the symbol was traded "
            f"in {before.currency or self._balances.currency}: not booked"
        )

    def has_funding(self, funding: Funding) -> bool:
        """Raises OrderError for an impossible amount, or an id that is booked with other numbers."""
        booked = self._fundings.get(funding.funding_id)
        if booked is not None:
            if (booked.symbol, booked.amount, booked.currency) != (
                funding.symbol, funding.amount, funding.currency,
            ):  # fmt: skip
                raise OrderError(f"funding {funding.funding_id} is booked already, with other numbers")
            return True
        if not funding.amount.is_finite():
            raise OrderError(f"funding {funding.funding_id} has an impossible amount: not booked")
        return False

    def add_funding(self, funding: Funding) -> None:
        self._fundings[funding.funding_id] = funding

    def _money(self, fill: Fill) -> tuple[str, str, Side, Decimal, Decimal, Decimal, str]:
        """What makes a fill the same fill. Floats are left out: NaN differs from itself."""
        unit = self._balances.unit(fill.currency)
        return fill.client_order_id, fill.symbol, fill.side, fill.quantity, fill.price, fill.fee, unit
