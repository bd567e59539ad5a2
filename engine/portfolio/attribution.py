"""Attribution: which strategy the desk's positions and profits belong to, as a fold over fills and funding.

Each strategy holds a share of a position. What a fill adds is divided evenly among the strategies behind its
order; it is ``quant``'s where the blend entered and none of them spoke for its side, else ``manual``. What it
closes is taken from all holders in proportion. Fees go with the quantity, funding with what is held. The
last one takes what division leaves below 1e-18, so that quantities, costs, realized profits and fees of all
of them add up to the ledger's to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from engine.events import Fill, Funding, Side
from engine.portfolio.exact import ONE, ZERO, on_step, split
from engine.portfolio.holdings import Holdings
from engine.portfolio.position import Position, divide

MANUAL = "manual"
"""Whose the orders are that no strategy and no blend is behind."""
QUANT = "quant"
"""Whose the entries are that the quant modules carried alone, or against the strategies."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """One strategy's part of a fill, in the fill's currency."""

    source: str
    opens: bool
    """It added to the position; else it reduced it."""
    quantity: Decimal
    """Unsigned."""
    notional: Decimal
    """Unsigned."""
    realized: Decimal
    fee: Decimal


class Share(msgspec.Struct, frozen=True, gc=False):
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
    """Shares of positions, what was earned with them, and what counts against budgets.

    ``apply`` and ``fund`` run in the exact context.
    """

    def __init__(self) -> None:
        self._shares: dict[str, dict[str, Share]] = {}
        """By symbol and source; none of them is zero."""
        self._earned: dict[tuple[str, str], Earned] = {}
        """By source and currency."""
        self._holdings = Holdings()

    # --- folding

    def apply(self, fill: Fill, sources: Sequence[str], before: Position, after: Position) -> list[Part]:
        """A fill was booked, which took the position from ``before`` to ``after``; whose it was.

        ``sources``: the strategies behind its order. Once for each fill.
        """
        self._holdings.apply(fill, sources, after.quantity)
        currency = after.currency
        closed, opened, closing_fee, opening_fee = divide(before.quantity, fill)
        parts: list[Part] = []
        if closed:
            left = opened or not after.quantity
            parts = self._close(fill, closed, closing_fee, None if left else after.cost)
        if opened:
            parts += self._open(fill, opened, opening_fee, tuple(dict.fromkeys(sources)) or (MANUAL,))
        for part in parts:
            earned = self._earned.get((part.source, currency)) or self._account(part.source, currency)
            if not part.opens:
                earned.realized += part.realized
            earned.fees += part.fee
            earned.traded += part.notional
        return parts

    def _close(self, fill: Fill, closed: Decimal, fee: Decimal, cost_left: Decimal | None) -> list[Part]:
        """Take ``closed`` from the holders in proportion; the cost of what they keep is ``cost_left`` (None:
        they keep nothing)."""
        shares, price, buys = self._shares[fill.symbol], fill.price, fill.side is Side.BUY
        if cost_left is None and len(shares) == 1:
            ((source, share),) = shares.items()
            self._shares[fill.symbol] = {}
            notional = closed * price
            realized = -notional - share.cost if buys else notional - share.cost
            return [Part(source, False, closed, notional, realized, fee)]
        takes = split(closed, [abs(share.quantity) for share in shares.values()])
        kept = {} if cost_left is None else self._keep(shares, takes, cost_left, buys=buys)
        self._shares[fill.symbol] = kept
        parts = []
        for (source, share), take, part in zip(shares.items(), takes, split(fee, takes), strict=True):
            notional = take * price
            paid = share.cost - kept[source].cost if source in kept else share.cost
            realized = -notional - paid if buys else notional - paid
            parts.append(Part(source, False, take, notional, realized, part))
        return parts

    def _keep(
        self, shares: dict[str, Share], takes: Sequence[Decimal], cost: Decimal, *, buys: bool
    ) -> dict[str, Share]:
        """What is left of the shares when ``takes`` are bought back or sold; the last takes what is left of
        the ``cost``."""
        left = [
            (source, share, quantity)
            for (source, share), take in zip(shares.items(), takes, strict=True)
            if (quantity := share.quantity + take if buys else share.quantity - take)
        ]
        last, _, last_quantity = left.pop()
        kept: dict[str, Share] = {}
        for source, share, quantity in left:
            part = on_step(share.cost * quantity / share.quantity)
            kept[source] = Share(quantity, part)
            cost -= part
        kept[last] = Share(last_quantity, cost)
        return kept

    def _open(self, fill: Fill, opened: Decimal, fee: Decimal, sources: tuple[str, ...]) -> list[Part]:
        shares, price, buys = self._shares.setdefault(fill.symbol, {}), fill.price, fill.side is Side.BUY
        if len(sources) == 1:
            quantities, fees = [opened], [fee]
        else:
            quantities = split(opened, [ONE] * len(sources))
            fees = split(fee, quantities)
        parts = []
        for source, quantity, part in zip(sources, quantities, fees, strict=True):
            notional = quantity * price
            if quantity:
                signed, cost = (quantity, notional) if buys else (-quantity, -notional)
                held = shares.get(source)
                shares[source] = (
                    Share(signed, cost) if held is None else Share(held.quantity + signed, held.cost + cost)
                )
            parts.append(Part(source, True, quantity, notional, ZERO, part))
        return parts

    def fund(self, funding: Funding, currency: str) -> tuple[tuple[str, Decimal], ...]:
        """A payment in ``currency`` ("": the account's) was booked; how it was divided among the holders.

        Where nobody holds the symbol any more it is manual. Once for each payment.
        """
        shares = self._shares.get(funding.symbol) or {MANUAL: Share(ONE, ZERO)}
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
