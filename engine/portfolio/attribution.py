"""Attribution: which strategy the desk's positions and profits belong to, as a fold over fills and funding.

Each strategy holds a share of a position. What a fill adds is divided evenly among the strategies behind its
order, or is ``manual`` where there is none; what it closes is taken from all holders in proportion. Fees go
with the quantity, funding with what is held. The last one takes what division leaves below 1e-18, so that
quantities, costs, realized profits and fees of all of them add up to the ledger's to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

import msgspec

from engine.events import Fill, Funding
from engine.portfolio.exact import EXACT, ONE, ZERO, on_step, split
from engine.portfolio.holdings import Holdings
from engine.portfolio.position import Position, divide

MANUAL = "manual"
"""Whose the orders are that no strategy is behind."""


class Part(NamedTuple):
    """One strategy's part of a fill, in the fill's currency."""

    source: str
    opens: bool
    """It added to the position; else it reduced it."""
    quantity: Decimal
    """Unsigned."""
    realized: Decimal
    fee: Decimal


class Share(NamedTuple):
    """One strategy's share of an open position."""

    quantity: Decimal
    """Signed."""
    cost: Decimal
    """Signed notional at its own entry prices."""


class Earned(msgspec.Struct, gc=False):
    """What a strategy earned in one currency. Changed in place."""

    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    traded: Decimal = ZERO
    """Notional of its parts of all fills."""


class Attribution:
    """Shares of positions, what was earned with them, and what counts against budgets."""

    def __init__(self) -> None:
        self._shares: dict[str, dict[str, Share]] = {}
        """By symbol and source; none of them is zero."""
        self._earned: dict[tuple[str, str], Earned] = {}
        """By source and currency."""
        self._holdings = Holdings()

    # --- folding

    def apply(
        self, fill: Fill, sources: Sequence[str], before: Position, after: Position
    ) -> tuple[Part, ...]:
        """A fill was booked, which took the position from ``before`` to ``after``; whose it was.

        ``sources``: the strategies behind its order. Once for each fill.
        """
        self._holdings.apply(fill, tuple(sources), after.quantity)
        parts: list[Part] = []
        with localcontext(EXACT):
            closed, opened, closing_fee, opening_fee = divide(before.quantity, fill)
            if closed:
                left = ZERO if opened else after.cost
                parts += self._close(fill, closed, closing_fee, left)
            if opened:
                parts += self._open(fill, opened, opening_fee, tuple(dict.fromkeys(sources)) or (MANUAL,))
            for part in parts:
                earned = self._account(part.source, after.currency)
                earned.realized += part.realized
                earned.fees += part.fee
                earned.traded += part.quantity * fill.price
        return tuple(parts)

    def _close(self, fill: Fill, closed: Decimal, fee: Decimal, cost_left: Decimal) -> Iterator[Part]:
        """Take ``closed`` from the holders in proportion; the cost of what they keep is ``cost_left``."""
        shares = self._shares[fill.symbol]
        kept: dict[str, Share] = {}
        takes = split(closed, [abs(share.quantity) for share in shares.values()])
        for (source, share), take in zip(shares.items(), takes, strict=True):
            quantity = share.quantity + fill.side.sign * take
            if quantity:
                kept[source] = Share(quantity, on_step(share.cost * quantity / share.quantity))
        if kept:
            last = next(reversed(kept))
            rest = cost_left - sum((share.cost for share in kept.values()), ZERO)
            kept[last] = Share(kept[last].quantity, kept[last].cost + rest)
        self._shares[fill.symbol] = kept
        fees = split(fee, takes)
        for (source, share), take, part in zip(shares.items(), takes, fees, strict=True):
            cost = kept[source].cost if source in kept else ZERO
            realized = -fill.side.sign * take * fill.price - (share.cost - cost)
            yield Part(source, False, take, realized, part)

    def _open(self, fill: Fill, opened: Decimal, fee: Decimal, sources: tuple[str, ...]) -> Iterator[Part]:
        shares = self._shares.setdefault(fill.symbol, {})
        quantities = split(opened, [ONE] * len(sources))
        for source, quantity, part in zip(sources, quantities, split(fee, quantities), strict=True):
            signed = fill.side.sign * quantity
            if signed:
                held = shares.get(source, Share(ZERO, ZERO))
                shares[source] = Share(held.quantity + signed, held.cost + signed * fill.price)
            yield Part(source, True, quantity, ZERO, part)

    def fund(self, funding: Funding, currency: str) -> tuple[tuple[str, Decimal], ...]:
        """A payment in ``currency`` ("": the account's) was booked; how it was divided among the holders.

        Where nobody holds the symbol any more it is manual. Once for each payment.
        """
        shares = self._shares.get(funding.symbol) or {MANUAL: Share(ONE, ZERO)}
        with localcontext(EXACT):
            amounts = split(funding.amount, [abs(share.quantity) for share in shares.values()])
            for source, amount in zip(shares, amounts, strict=True):
                self._account(source, currency).funding += amount
        return tuple(zip(shares, amounts, strict=True))

    def _account(self, source: str, currency: str) -> Earned:
        earned = self._earned.get((source, currency))
        if earned is None:
            earned = self._earned[source, currency] = Earned()
        return earned

    # --- reading

    def sources(self) -> list[str]:
        """Everyone who ever had a part in a fill, in that order."""
        return list(dict.fromkeys(source for source, _ in self._earned))

    def accounts(self) -> dict[tuple[str, str], Earned]:
        """By source and currency ("": the account's)."""
        return dict(self._earned)

    def earned(self, source: str) -> dict[str, Earned]:
        """By currency ("": the account's)."""
        return {currency: earned for (name, currency), earned in self._earned.items() if name == source}

    def shares(self, symbol: str) -> dict[str, Share]:
        """Of the symbol's open position, by source; they add up to it."""
        return dict(self._shares.get(symbol, {}))

    def value(self, source: str, unit_value: Callable[[str], Decimal | None]) -> Decimal:
        """What counts against the source's budget; here a fill counts in full for each behind it.

        ``unit_value(symbol)`` is what one is worth (``Ledger.unit_value``); longs and shorts add up.
        """
        return self._holdings.value(source, unit_value)
