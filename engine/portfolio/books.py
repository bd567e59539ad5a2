"""The books: everything that fills and funding tell of the account, folded once and together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext

import msgspec

from engine.events import Fill, Funding, OrderRequest
from engine.portfolio.attribution import QUANT, Attribution
from engine.portfolio.exact import EXACT, ZERO, add, exactly, multiply, subtract
from engine.portfolio.exposure import Exposure, exposures
from engine.portfolio.ledger import Ledger
from engine.portfolio.position import Position
from engine.portfolio.round_trips import DESK, RoundTrips
from engine.portfolio.slippage import Slippage


class Pnl(msgspec.Struct, frozen=True):
    """What the desk (name "") or a strategy earned so far, in the account's currency.

    None: a rate that it takes is not known. The amounts of the strategies, ``quant`` and ``manual`` add up
    to the desk's to the last digit.
    """

    name: str
    realized: Decimal | None
    """Before fees and funding."""
    unrealized: Decimal | None
    fees: Decimal | None
    funding: Decimal | None
    trades: int
    """Closed round trips; one that several strategies had a share in counts for each."""
    slippage_bps: float | None
    """Mean over its fills, weighted by notional; None without one."""

    @property
    def net(self) -> Decimal | None:
        """Realized and unrealized, less fees, with funding."""
        if None in (self.realized, self.unrealized, self.fees, self.funding):
            return None
        earned = _sum((self.realized, self.unrealized, self.funding))
        return None if earned is None or self.fees is None else subtract(earned, self.fees)


class Books:
    """The ledger, whose its positions are, slippage and round trips.

    ``apply`` and ``fund`` are to be called for each event of the journal at a start, in its order, and for
    each new one once it is durable; ``set_rate`` and then ``Ledger.mark_all`` whenever the desk marks.
    """

    def __init__(self, starting_cash: Decimal, currency: str, pegged: Iterable[str] = ()) -> None:
        """See ``Ledger``."""
        self.ledger = Ledger(starting_cash, currency, pegged)
        self.attribution = Attribution()
        self.round_trips = RoundTrips()
        self.slippage = Slippage()

    @exactly
    def apply(self, fill: Fill, request: OrderRequest | None) -> Position:
        """Book a fill of ``request`` (None: no order of the desk); the position after it.

        A fill that is booked already changes nothing. Raises OrderError, and changes nothing, as
        ``Ledger.apply`` does.
        """
        ledger = self.ledger
        if ledger.booked(fill):
            return ledger.position(fill.symbol)
        before = ledger.position(fill.symbol)
        opportunity, sources, purpose = (
            ("", (), None) if request is None else (request.opportunity_id, request.sources, request.purpose)
        )
        after = ledger.book(fill, opportunity, closes=request is not None and request.reduce_only)
        if opportunity and not sources:
            sources = (QUANT,)  # nobody asked for it by hand
        parts = self.attribution.apply(fill, sources, before, after)
        self.round_trips.apply(fill, before, after, purpose, parts)
        self.slippage.apply(fill, after.currency, purpose, parts)
        return after

    @exactly
    def fund(self, funding: Funding) -> bool:
        """Book a funding payment; False, and nothing is changed, when it is booked already.

        Raises OrderError, and changes nothing, as ``Ledger.fund`` does.
        """
        if not self.ledger.fund(funding):
            return False
        currency = self.ledger.balances.unit(funding.currency)
        parts = self.attribution.fund(funding, currency)
        if self.ledger.position(funding.symbol).currency == currency:
            self.round_trips.fund(funding.symbol, parts)
        return True

    def set_rate(self, currency: str, rate: Decimal | None) -> None:
        """See ``Ledger.set_rate``."""
        self.ledger.set_rate(currency, rate)

    # --- reading

    def pnl(self) -> list[Pnl]:
        """The whole desk, then everyone who ever had a part in a fill."""
        ledger, rate = self.ledger, self.ledger.balances.rate
        desk = Pnl(
            DESK,
            ledger.realized,
            ledger.unrealized(),
            ledger.fees,
            ledger.funding,
            self.round_trips.count(),
            self.slippage.total(rate).bps,
        )
        return [desk, *self.strategy_pnl()]

    def strategy_pnl(self) -> Iterator[Pnl]:
        """Everyone who ever had a part in a fill, one after the other."""
        unrealized = self._unrealized()
        for source in self.attribution.sources():
            yield self._pnl(source, unrealized)

    def _pnl(self, source: str, unrealized: dict[str, Decimal | None]) -> Pnl:
        rate = self.ledger.balances.rate
        earned = [(rate(currency), one) for currency, one in self.attribution.earned(source).items()]
        return Pnl(
            source,
            _sum(_worth(worth, one.realized) for worth, one in earned),
            unrealized.get(source, ZERO),
            _sum(_worth(worth, one.fees) for worth, one in earned),
            _sum(_worth(worth, one.funding) for worth, one in earned),
            self.round_trips.count(source),
            self.slippage.strategy(source, rate).bps,
        )

    def _unrealized(self) -> dict[str, Decimal | None]:
        """By holder."""
        ledger = self.ledger
        totals: dict[str, Decimal | None] = {}
        for position in ledger.positions():
            rate, mark = ledger.balances.rate(position.currency), ledger.mark_price(position.symbol)
            for source, share in self.attribution.shares(position.symbol).items():
                gain = None if mark is None else subtract(multiply(share.quantity, mark), share.cost)
                worth = None if gain is None else _worth(rate, gain)
                totals[source] = _sum((totals.get(source, ZERO), worth))
        return totals

    def exposures(self) -> list[Exposure]:
        """See ``engine.portfolio.exposure``."""
        return exposures(self.ledger, self.attribution)

    def check(self) -> list[str]:
        """The ledger's identities, and that what strategies hold and earned adds up to it; [] is healthy."""
        wrong = self.ledger.check()
        attribution = self.attribution
        with localcontext(EXACT):
            for position in self.ledger.touched():
                shares = attribution.shares(position.symbol).values()
                quantity = sum((share.quantity for share in shares), ZERO)
                cost = sum((share.cost for share in shares), ZERO)
                if (quantity, cost) != (position.quantity, position.cost):
                    wrong.append(f"{position.symbol}: strategies hold {quantity} at {cost}, of {position}")
            for currency in {currency for _, currency in attribution.accounts()}:
                wrong += self._check_earned(currency)
        return wrong

    def _check_earned(self, currency: str) -> list[str]:
        ledger = self.ledger
        positions = [position for position in ledger.touched() if position.currency == currency]
        paid = (
            row.funding for row in ledger.balances.rows() if ledger.balances.unit(row.currency) == currency
        )
        whole = {
            "realized": sum((position.realized for position in positions), ZERO),
            "fees": sum((position.fees for position in positions), ZERO),
            "funding": sum(paid, ZERO),
        }
        parts = [one for (_, name), one in self.attribution.accounts().items() if name == currency]
        wrong = []
        for name, total in whole.items():
            theirs = sum((getattr(part, name) for part in parts), ZERO)
            if total != theirs:
                wrong.append(
                    f"{name} is {total} {currency or ledger.currency}, the strategies' make {theirs}"
                )
        return wrong


def _worth(rate: Decimal | None, amount: Decimal) -> Decimal | None:
    if not amount:
        return ZERO
    return None if rate is None else multiply(amount, rate)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """None when one of them is."""
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total = add(total, amount)
    return total
