"""What risk is told about an order: put together here, from every stage that knows a part of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engine.events import OrderRequest
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, venue_of
from engine.market.freshness import Freshness
from engine.portfolio.books import Books
from engine.risk.view import RiskView
from engine.wiring.blocks import Blocks
from engine.wiring.order_work import OrderWork

_ZERO = Decimal(0)


def no_budget(strategy: str) -> float:
    """No strategy is bounded."""
    return 0.0


class RiskViews:
    """Looks at everything that the checks need, for one order at a time.

    ``budget_pct(strategy)``: its share of equity, percent; 0 is none.
    """

    def __init__(
        self,
        features: FeatureEngine,
        freshness: Freshness,
        books: Books,
        work: OrderWork,
        blocks: Blocks,
        clock_skew_ns: Callable[[str], int | None],
    ) -> None:
        self._features = features
        self._freshness = freshness
        self._ledger = books.ledger
        self._attribution = books.attribution
        self._work = work
        self._blocks = blocks
        self._clock_skew_ns = clock_skew_ns
        self.budget_pct: Callable[[str], float] = no_budget

    def view(
        self,
        request: OrderRequest,
        instrument: Instrument,
        quote: tuple[float, float, float, float, float],
        now: int,
    ) -> RiskView:
        """The view for ``request``; working entries count with their whole open notional.

        ``quote``: the symbol's ``live_quote`` of this moment, ``now`` by the desk's clock.
        """
        work, symbol = self._work, request.symbol
        bid, _, ask, _, last = quote
        equity, day_pnl, drawdown_pct, gross, net = self._ledger.standing(now)
        working = exiting = _ZERO
        open_orders = work.count()
        if open_orders:
            for other, leaves in work:
                if other.reduce_only:
                    exiting += leaves if other.symbol == symbol else _ZERO
                    continue
                notional = leaves * Decimal(repr(other.decision_price))
                gross += notional
                net += other.side.sign * notional
                if other.symbol == symbol:
                    working += other.side.sign * leaves
        return RiskView(  # by position: naming the fields takes twice as long
            now,
            instrument,
            equity,
            day_pnl,
            drawdown_pct,
            bid,
            ask,
            last,
            self._freshness.age_ns(instrument.index, now),
            self._clock_skew_ns(venue_of(symbol)),
            self._ledger.quantity(symbol),
            work.count(symbol) if open_orders else 0,
            open_orders,
            gross,
            net,
            working,
            exiting,
            self._blocks.reason(symbol, now),
            self._budgets(request.sources),
        )

    def used(self, strategy: str) -> Decimal:
        """What counts against a strategy's budget: its part of open positions, and its working entries."""
        return self._attribution.value(strategy, self._ledger.unit_value) + self._work.entering(strategy)

    def _budgets(self, sources: tuple[str, ...]) -> tuple[tuple[str, Decimal, Decimal], ...]:
        bounded = []
        for source in sources:
            percent = self.budget_pct(source)
            if percent:
                bounded.append((source, Decimal(repr(float(percent))) / 100, self.used(source)))
        return tuple(bounded)
