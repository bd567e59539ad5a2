"""One order before the checks, with the figures that several of them need."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.events import OrderRequest, OrderType, Side
from engine.risk.cooldown import Cooldown
from engine.risk.limits import Limits
from engine.risk.pace import Pace
from engine.risk.price import worth
from engine.risk.state import StateLatch
from engine.risk.stop_lock import StopLocks
from engine.risk.view import RiskView

_ZERO = Decimal(0)
_BUY = Side.BUY
_MARKET = OrderType.MARKET
_INF = math.inf


class Case:
    """What a check looks at. What is unknown is None, or NaN for the mid."""

    __slots__ = (
        "adds",
        "after",
        "buying",
        "cooldown",
        "equity",
        "gross_limit",
        "latch",
        "limits",
        "locks",
        "mid",
        "net_limit",
        "notional",
        "open",
        "order_limit",
        "pace",
        "position_limit",
        "price",
        "quoted",
        "request",
        "touch",
        "view",
        "whole",
    )

    def __init__(
        self,
        request: OrderRequest,
        view: RiskView,
        limits: Limits,
        latch: StateLatch,
        pace: Pace,
        locks: StopLocks,
        cooldown: Cooldown,
        *,
        sized: bool = True,
        filled: Decimal = _ZERO,
    ) -> None:
        """``sized``: what the order would make of the position is asked, as it is of an entry.

        ``filled``: of an order that is amended; the position holds it already.
        """
        self.request = request
        self.view = view
        self.limits = limits
        self.latch = latch
        self.pace = pace
        self.locks = locks
        self.cooldown = cooldown
        buying = self.buying = request.side is _BUY
        quantity = self.open = request.quantity - filled if filled else request.quantity
        """What may still fill."""
        if not sized:
            return
        bid, ask = view.bid, view.ask
        quoted = 0.0 < bid < _INF and 0.0 < ask < _INF
        mid = (bid + ask) / 2.0 if quoted else view.last if 0.0 < view.last < _INF else math.nan
        self.mid = mid
        """Mid, or the last price without a quote; NaN when unknown."""
        equity = self.equity = view.equity if view.equity is not None and view.equity.is_finite() else None
        self.touch: Decimal | None = None
        """The ask for a buy, the bid for a sell, else the mid."""
        self.price: Decimal | None = None
        """What a unit would cost at most, in the account's currency."""
        self.quoted: Decimal | None = None
        """Of what is open, at that price, in the quote currency."""
        self.notional: Decimal | None = None
        """The same in the account's currency."""
        self.whole: Decimal | None = None
        """Of the whole order, what is filled included."""
        self.after: Decimal | None = None
        """Signed quantity with this order and all working entries of its side filled."""
        self.order_limit = self.position_limit = self.gross_limit = self.net_limit = None
        """Shares of equity; None while that is unknown."""
        self.adds = True
        """Whether the order makes the position larger, or turns it; True when unknown."""
        if equity is not None:
            self.order_limit, self.position_limit, self.gross_limit, self.net_limit = limits.shares(equity)
        if quantity.is_finite():
            touch = ask if buying else bid
            touch = touch if 0.0 < touch < _INF else mid
            if 0.0 < touch < _INF:
                exact = self.touch = Decimal(repr(touch))
                price = exact if request.type is _MARKET else worth(request, exact)
                if price is not None:
                    self.price = price
                    self.notional = self.quoted = self.whole = quantity * price
                    if view.rate is not None or filled:
                        self._revalue(view.rate)
            position = view.position
            if position is not None and position.is_finite():
                before = position + view.working
                after = before + quantity if buying else before - quantity
                if after.is_finite():
                    self.after = after
                    self.adds = abs(after) > abs(before) or after * before < 0

    def _revalue(self, rate: Decimal | None) -> None:
        """In the account's currency, and with what is filled already."""
        assert self.price is not None and self.notional is not None
        if rate is not None:
            self.price *= rate
            self.notional *= rate
        self.whole = self.request.quantity * self.price
