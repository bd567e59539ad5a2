"""The paper venue: market orders filled from displayed size only, after a seeded latency, with fees.

An order is filled against the quote that stands when it *arrives*, at most the size displayed there; what a
fill took is gone until the venue publishes a new quote, so two orders never fill on the same size. What is
left waits for fresh size and is canceled after ``order_ttl_s`` without any. Not modelled: market impact, size
beyond the top of the book, the time a cancel and a report travel.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import blake2b

import msgspec

from engine.config import PaperConfig
from engine.events import NS, Fill, OrderEvent, OrderRequest, OrderState, Side
from engine.execution.gateway import Report
from engine.execution.ids import trade_id
from engine.instruments import Instrument, Instruments

_ZERO = Decimal(0)
_FEE_STEP = Decimal("1e-8")
_MS = 1_000_000


class _Working(msgspec.Struct, gc=False):
    """An order at the venue, or on its way there."""

    request: OrderRequest
    leaves: Decimal
    arrival_ns: int
    fresh_ns: int
    """Arrival or the newest fill: the time to live counts from here."""
    accepted: bool = False
    fills: int = 0
    why: str = "on its way to the venue"


class _Budget(msgspec.Struct, gc=False):
    """What is left of one displayed quote, or of one print."""

    buy: Decimal
    """What buyers can still take (the ask)."""
    sell: Decimal
    quote_id: int | None = None


class PaperVenue:
    """Fills market orders on paper. Sans-IO and deterministic: the same calls give the same reports."""

    name = "paper"

    def __init__(self, config: PaperConfig, instruments: Instruments) -> None:
        self._config = config
        self._instruments = instruments
        self._taker = Decimal(repr(config.taker_fee_bps)) / 10_000
        self._ttl_ns = int(config.order_ttl_s * NS)
        self._book: dict[str, list[_Working]] = {}
        self._seen: set[str] = set()
        self._quotes: dict[str, _Budget] = {}

    def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
        """Send an order on its way; it is ACCEPTED when it arrives.

        An order that this venue cannot execute is REJECTED at once. An id submitted before is ignored.
        """
        if request.client_order_id in self._seen:
            return []
        self._seen.add(request.client_order_id)
        if self._instruments.get(request.symbol) is None:
            return [_event(request, OrderState.REJECTED, f"UNKNOWN_SYMBOL {request.symbol}", now_ns)]
        if not (request.quantity.is_finite() and request.quantity > 0):
            return [_event(request, OrderState.REJECTED, f"BAD_QUANTITY {request.quantity}", now_ns)]
        arrival = max(now_ns, request.decision_ns + self._latency_ns(request.client_order_id))
        queue = self._book.setdefault(request.symbol, [])
        queue.append(_Working(request, request.quantity, arrival, arrival))
        # Stable: orders that arrive together keep the order in which they were sent.
        queue.sort(key=lambda order: order.arrival_ns)
        return []

    def cancel(self, client_order_id: str, now_ns: int) -> list[Report]:
        for queue in self._book.values():
            for order in queue:
                if order.request.client_order_id == client_order_id:
                    self._remove(order)
                    return [_event(order.request, OrderState.CANCELED, "canceled on request", now_ns)]
        return []

    def wake_ns(self, symbol: str) -> int | None:
        """When this symbol's first waiting order arrives (or arrived); None when none waits."""
        queue = self._book.get(symbol)
        return queue[0].arrival_ns if queue else None

    def on_quote(
        self,
        symbol: str,
        bid: float,
        bid_size: float,
        ask: float,
        ask_size: float,
        last: float,
        now_ns: int,
        quote_id: int,
        *,
        stale: bool = False,
    ) -> list[Report]:
        """Fill what has arrived from the current quote: buys at the ask, sells at the bid.

        A size that is NaN or zero displays nothing: the order waits. ``stale``: the quote is too old to
        be believed; nothing fills. ``last`` is not used by market orders.
        """
        if not self._book.get(symbol):
            return []
        instrument = self._instruments.get(symbol)
        assert instrument is not None  # submit() let only known symbols in
        budget = self._quotes.get(symbol)
        if budget is None or budget.quote_id != quote_id:
            budget = _Budget(_displayed(ask_size, instrument), _displayed(bid_size, instrument), quote_id)
            self._quotes[symbol] = budget
        return self._match(instrument, budget, ask, bid, now_ns, "quote", stale)

    def on_trade(self, symbol: str, price: float, size: float, now_ns: int) -> list[Report]:
        """Fill what has arrived from a print, for symbols that publish no quotes, or none to be believed.

        The fill is at the print's price, without a spread, and at most its size in all: flattering by half
        a spread, which belongs said where results are read. Every call is a print of its own.
        """
        if not self._book.get(symbol):
            return []
        instrument = self._instruments.get(symbol)
        assert instrument is not None  # submit() let only known symbols in
        size_left = _displayed(size, instrument)
        budget = _Budget(size_left, size_left)
        return self._match(instrument, budget, price, price, now_ns, "print", False)

    def expire(self, now_ns: int) -> list[Report]:
        """Accept what has arrived meanwhile, and cancel what found no liquidity for ``order_ttl_s``."""
        reports: list[Report] = []
        for queue in list(self._book.values()):
            for order in list(queue):
                if order.arrival_ns > now_ns:
                    continue
                self._accept(order, now_ns, reports)
                if now_ns - order.fresh_ns >= self._ttl_ns:
                    self._remove(order)
                    reason = f"no liquidity for {self._config.order_ttl_s:g} s: {order.why}"
                    reports.append(_event(order.request, OrderState.CANCELED, reason, now_ns))
        return reports

    def waiting(self) -> dict[str, str]:
        return {order.request.client_order_id: order.why for queue in self._book.values() for order in queue}

    def _match(
        self,
        instrument: Instrument,
        budget: _Budget,
        buy_price: float,
        sell_price: float,
        now_ns: int,
        source: str,
        stale: bool,
    ) -> list[Report]:
        reports: list[Report] = []
        for order in list(self._book[instrument.symbol]):
            if order.arrival_ns > now_ns:
                break
            self._accept(order, now_ns, reports)
            buying = order.request.side is Side.BUY
            price = _price(buy_price if buying else sell_price, instrument)
            left = budget.buy if buying else budget.sell
            if stale:
                order.why = f"the {source} is stale"
            elif price is None:
                order.why = f"no price to {order.request.side.value} at in the {source}"
            elif left <= 0:
                order.why = f"no size left in the {source}: waits for a fresh one"
            else:
                taken = min(left, order.leaves)
                if source == "print":  # one print is one size, whoever takes it
                    budget.buy = budget.sell = left - taken
                elif buying:
                    budget.buy = left - taken
                else:
                    budget.sell = left - taken
                reports.append(self._fill(order, taken, price, now_ns))
        return reports

    def _fill(self, order: _Working, quantity: Decimal, price: Decimal, now_ns: int) -> Fill:
        request = order.request
        fee = (quantity * price * self._taker).quantize(_FEE_STEP, ROUND_HALF_EVEN)
        fill = Fill(
            trade_id=trade_id(request.client_order_id, order.fills),
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            price=price,
            fee=fee,
            liquidity="taker",
            decision_price=request.decision_price,
            ns=now_ns,
        )
        order.fills += 1
        order.leaves -= quantity
        order.fresh_ns = now_ns
        order.why = f"{order.leaves} left: waits for fresh size"
        if not order.leaves:
            self._remove(order)
        return fill

    def _accept(self, order: _Working, now_ns: int, reports: list[Report]) -> None:
        if not order.accepted:
            order.accepted = True
            order.why = "waits for market data"
            reports.append(_event(order.request, OrderState.ACCEPTED, "", now_ns))

    def _remove(self, order: _Working) -> None:
        queue = self._book[order.request.symbol]
        queue.remove(order)
        if not queue:
            del self._book[order.request.symbol]

    def _latency_ns(self, client_order_id: str) -> int:
        """Uniform around the mean, drawn from the seed and the order's id, whatever was drawn before."""
        digest = blake2b(f"{self._config.seed}\x1f{client_order_id}".encode(), digest_size=8).digest()
        draw = int.from_bytes(digest, "big") / 2**63 - 1.0  # [-1, 1]
        return max(0, int((self._config.entry_latency_ms + draw * self._config.latency_jitter_ms) * _MS))


def _displayed(size: float, instrument: Instrument) -> Decimal:
    return instrument.quantity(size) if math.isfinite(size) and size > 0 else _ZERO


def _price(value: float, instrument: Instrument) -> Decimal | None:
    if not (math.isfinite(value) and value > 0):
        return None
    price = instrument.price(value)
    return price if price > 0 else None


def _event(request: OrderRequest, state: OrderState, reason: str, ns: int) -> OrderEvent:
    return OrderEvent(request.client_order_id, request.symbol, state, reason, ns)
