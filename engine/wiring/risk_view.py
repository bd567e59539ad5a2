"""What risk is told about an order: put together here, from every stage that knows a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.events import Amendment, OrderRequest, OrderState, Side
from engine.execution.order import Order
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments, venue_of
from engine.market.freshness import Freshness
from engine.portfolio.books import Books
from engine.risk.checks.allowed import MODEL
from engine.risk.limits import STRATEGY, Limits
from engine.risk.price import at_work, meets_from
from engine.risk.view import RiskView, ScopeUse
from engine.wiring.blocks import Blocks
from engine.wiring.order_work import OrderWork

_ZERO = Decimal(0)
_NAN = Decimal("NaN")
"""In place of what an order is worth in a currency without a rate: what is summed with it denies."""
_HELD = OrderState.HELD


def no_budget(strategy: str) -> float:
    """No strategy is bounded."""
    return 0.0


def no_model() -> int | None:
    """No model is loaded."""
    return None


class _Work(NamedTuple):
    """What the orders at work add up to, seen from one symbol."""

    gross: Decimal
    """Notional of entries."""
    net: Decimal
    """Of entries of the judged order's side, as is what follows."""
    working: Decimal
    exiting: Decimal
    own_bid: Decimal | None
    own_ask: Decimal | None


_NO_WORK = _Work(_ZERO, _ZERO, _ZERO, _ZERO, None, None)


class RiskViews:
    """Looks at everything that the checks need, for one order at a time.

    ``budget_pct(strategy)``: its share of equity, percent; 0 is none. ``model_created_ns()``: when the model
    behind the model strategy was made; None without one.
    """

    def __init__(
        self,
        instruments: Instruments,
        features: FeatureEngine,
        freshness: Freshness,
        books: Books,
        work: OrderWork,
        blocks: Blocks,
        limits: Limits,
        clock_skew_ns: Callable[[str], int | None],
    ) -> None:
        self._instruments = instruments
        self._features = features
        self._freshness = freshness
        self._ledger = books.ledger
        self._attribution = books.attribution
        self._work = work
        self._blocks = blocks
        self._limits = limits
        self._clock_skew_ns = clock_skew_ns
        self._venues: dict[str, str] = {}
        self.budget_pct: Callable[[str], float] = no_budget
        self.model_created_ns: Callable[[], int | None] = no_model
        self.unknown_accounts: dict[str, str] = {}
        """By gateway, why its account is unknown: entries for it are denied as long."""

    def view(
        self,
        request: OrderRequest,
        instrument: Instrument,
        quote: tuple[float, float, float, float, float],
        now: int,
    ) -> RiskView:
        """The view for ``request``; working entries count with their whole open notional.

        An order of the request's own id is left out of what works: it is what an amendment begins from.
        ``quote``: the symbol's ``live_quote`` of this moment, ``now`` by the desk's clock.
        """
        work, symbol, sources = self._work, request.symbol, request.sources
        bid, _, ask, _, last = quote
        equity, day_pnl, drawdown_pct, gross, net = self._ledger.standing(now)
        found, symbol_orders = _NO_WORK, 0
        open_orders = work.count()
        if open_orders:
            symbol_orders = work.count(symbol)
            found = self._at_work(request, alone=not symbol_orders)
            gross += found.gross
            net += found.net
            if work.known(request.client_order_id):
                symbol_orders -= 1
                open_orders -= 1
        age_ns, fault = self._freshness.look(instrument.index, now)
        venue = self._venues.get(symbol)
        if venue is None:
            venue = self._venues[symbol] = venue_of(symbol)
        budgets: tuple[tuple[str, Decimal, Decimal], ...] = ()
        for source in sources:
            if self.budget_pct(source):
                budgets = self._budgets(sources, request.client_order_id)
                break
        view = RiskView(  # by position: naming the fields takes twice as long
            now,
            instrument,
            equity,
            day_pnl,
            drawdown_pct,
            bid,
            ask,
            last,
            age_ns,
            self._clock_skew_ns(venue),
            self._ledger.quantity(symbol),
            symbol_orders,
            open_orders,
            gross,
            net,
            found.working,
            found.exiting,
            self._blocks.reason(symbol, now) if self._blocks.by_symbol else "",
            budgets,
            found.own_bid,
            found.own_ask,
        )
        if fault:
            view.data_fault = fault
        if self._blocks.was_forbidden:
            view.forbidden = self._blocks.forbidden(now)
        if self._limits.asks_more or MODEL in sources or self.unknown_accounts or request.parent_id:
            self._add(view, request)
        return view

    def used(self, strategy: str, but_id: str = "") -> Decimal:
        """What counts against a strategy's budget: its part of open positions, and its working entries but
        the one of ``but_id``."""
        return self._attribution.value(strategy, self._ledger.unit_value) + self._entering(strategy, but_id)

    def exposure(self) -> tuple[Decimal, Decimal]:
        """(gross, net) of positions and all working entries, as the next entry is judged by them: net of the
        side that is further from flat. NaN while one has no rate."""
        *_, gross, net = self._ledger.standing(self._features.now_ns)
        bought = sold = _ZERO
        for request, leaves in self._orders():
            if not request.reduce_only:
                notional = self._notional(request, leaves)
                if request.side is Side.BUY:
                    bought += notional
                else:
                    sold += notional
        gross += bought + sold
        return (gross, max(net + bought, net - sold, key=abs)) if gross.is_finite() else (_NAN, _NAN)

    def _budgets(self, sources: tuple[str, ...], own_id: str) -> tuple[tuple[str, Decimal, Decimal], ...]:
        bounded: list[tuple[str, Decimal, Decimal]] = []
        for source in sources:
            percent = self.budget_pct(source)
            if percent:
                bounded.append((source, Decimal(repr(float(percent))) / 100, self.used(source, own_id)))
        return tuple(bounded)

    # --- orders at work

    def _orders(self) -> Iterator[tuple[OrderRequest, Decimal]]:
        """(request with the prices that it has by now, quantity that may still fill); held children not.

        A change that was asked for counts before it is answered, one that makes an order smaller only then.
        """
        for request in self._work.sent.values():
            if not request.parent_id:
                yield request, request.quantity
        asked = self._work.asked
        for order in self._work.open_orders():
            if order.state is not _HELD:
                wanted = asked.get(order.client_order_id) if asked else None
                if wanted is None:
                    yield as_it_is(order), order.leaves
                else:
                    request = as_it_becomes(order, wanted)
                    yield request, request.quantity - order.filled

    def _at_work(self, judged: OrderRequest, *, alone: bool) -> _Work:
        """``alone``: no order of the symbol is at work."""
        symbol, own_id = judged.symbol, judged.client_order_id
        gross = net = working = _ZERO
        exiting = _ZERO if alone else self._work.closing(symbol, but_id=own_id)
        own_bid: Decimal | None = None
        own_ask: Decimal | None = None
        for other, leaves in self._orders():
            if other.client_order_id == own_id:
                continue
            here = other.symbol == symbol
            if here and other.client_order_id not in judged.siblings:
                met = meets_from(other.type, other.side, other.price)
                if met is None:
                    pass
                elif other.side is Side.BUY:
                    own_bid = met if own_bid is None or met > own_bid else own_bid
                else:
                    own_ask = met if own_ask is None or met < own_ask else own_ask
            if other.reduce_only:
                continue
            notional = self._notional(other, leaves)
            gross += notional
            if other.side is judged.side:
                net += other.side.sign * notional
                if here:
                    working += other.side.sign * leaves
        return _Work(gross, net, working, exiting, own_bid, own_ask)

    def _notional(self, request: OrderRequest, leaves: Decimal) -> Decimal:
        """Of a working entry, in the account's currency."""
        notional = leaves * at_work(request, request.price, request.stop_price, request.trail)
        if self._limits.converts:
            rate = self._rate(self._instruments.get(request.symbol))
            return _NAN if rate is None else notional * rate
        return notional

    def _entering(self, strategy: str, but_id: str) -> Decimal:
        """Open notional of the entries that a strategy is behind."""
        total = _ZERO
        for request, leaves in self._orders():
            if request.reduce_only or request.client_order_id == but_id:
                continue
            if strategy in request.sources:
                total += self._notional(request, leaves)
        return total

    # --- what most orders have not

    def _add(self, view: RiskView, request: OrderRequest) -> None:
        """What is asked only where it is configured, or of some orders."""
        limits = self._limits
        if limits.converts:
            view.rate = self._rate(view.instrument)
            view.counted_in = self._counted_in(view.instrument)
        why = self.unknown_accounts.get(request.gateway)
        if why is not None:
            view.equity, view.account = None, why
        if limits.model_age_ns and MODEL in request.sources:
            created = self.model_created_ns()
            view.model_age_ns = None if created is None else view.now_ns - created
        if limits.own:
            bound = limits.bound(request.symbol, request.sources)
            view.scopes = tuple(self._use(scope, request) for scope in bound)
        if request.parent_id:
            self._add_parent(view, request.parent_id)

    def _add_parent(self, view: RiskView, parent_id: str) -> None:
        """A child reduces what its parent has filled, which is in the position, and has still to fill."""
        for order in self._work.open_orders(view.instrument.symbol if view.instrument else None):
            if order.client_order_id == parent_id:
                view.opening = order.request.side.sign * order.leaves
                view.opened = order.quantity

    def _counted_in(self, instrument: Instrument | None) -> str | None:
        """In which currency the symbol's fills are counted, where that is not what it is quoted in now."""
        if instrument is None or not self._ledger.traded(instrument.symbol):
            return None
        counted = self._ledger.position(instrument.symbol).currency
        return None if counted == self._ledger.balances.unit(instrument.quote_currency) else counted

    def _rate(self, instrument: Instrument | None) -> Decimal | None:
        return None if instrument is None else self._ledger.balances.rate(instrument.quote_currency)

    def _use(self, scope: str, judged: OrderRequest) -> ScopeUse:
        """What a strategy or the order's symbol holds and works on."""
        ledger, own_id, orders = self._ledger, judged.client_order_id, 0
        strategy = scope.removeprefix(STRATEGY) if scope.startswith(STRATEGY) else None
        gross = net = _ZERO
        for position in ledger.positions():
            symbol = position.symbol
            if strategy is not None:
                share = self._attribution.shares(symbol).get(strategy)
                quantity = _ZERO if share is None else share.quantity
            else:
                quantity = position.quantity if symbol == judged.symbol else _ZERO
            if quantity:
                unit = ledger.unit_value(symbol)
                value = _NAN if unit is None else quantity * unit
                gross += abs(value)
                net += value
        for other, leaves in self._orders():
            ours = strategy in other.sources if strategy is not None else other.symbol == judged.symbol
            if not ours or other.client_order_id == own_id:
                continue
            orders += 1
            if not other.reduce_only:
                notional = self._notional(other, leaves)
                gross += notional
                if other.side is judged.side:
                    net += other.side.sign * notional
        return ScopeUse(scope, orders, gross, net)


def as_it_is(order: Order) -> OrderRequest:
    """The order's request with what amendments have made of it."""
    request = order.request
    if (
        order.quantity is request.quantity
        and order.price is request.price
        and order.stop_price is request.stop_price
        and order.trail is request.trail
    ):
        return request
    return msgspec.structs.replace(
        request,
        quantity=order.quantity,
        price=order.price,
        stop_price=order.stop_price,
        trail=order.trail,
    )


def as_it_becomes(order: Order, wanted: Amendment) -> OrderRequest:
    """The same with a change that is asked for, and the larger of both quantities."""
    quantity = order.quantity if wanted.quantity is None else max(order.quantity, wanted.quantity)
    return msgspec.structs.replace(
        order.request,
        quantity=quantity,
        price=order.price if wanted.price is None else wanted.price,
        stop_price=order.stop_price if wanted.stop_price is None else wanted.stop_price,
        trail=order.trail if wanted.trail is None else wanted.trail,
    )
