"""The entry that nothing speaks against, seen at one look.

Most entries that come this far are such: a market order in the account's currency, where no limit is a
strategy's or a symbol's own. The look makes the comparisons of ``ENTRY_CHECKS``, in the same exact numbers,
without a value or a limit to tell of: those are the checks', which stay the definition. Whatever is unusual
is not plain.
"""

from __future__ import annotations

import math
from decimal import Decimal

from engine.events import OrderRequest, OrderType, Purpose, RiskState, Side
from engine.risk.checks.allowed import MODEL
from engine.risk.cooldown import Cooldown
from engine.risk.limits import Limits
from engine.risk.pace import Pace
from engine.risk.state import StateLatch
from engine.risk.stop_lock import StopLocks
from engine.risk.view import RiskView

_BUY, _MARKET, _ENTRY, _ACTIVE = Side.BUY, OrderType.MARKET, Purpose.ENTRY, RiskState.ACTIVE
_ZERO = Decimal(0)
_INF = math.inf


class PlainEntry:
    """Tells at once whether every check passes an entry; what it does not pass, the checks judge."""

    __slots__ = ("_cooldown", "_latch", "_limits", "_locks", "_pace")

    def __init__(
        self, limits: Limits, latch: StateLatch, pace: Pace, locks: StopLocks, cooldown: Cooldown
    ) -> None:
        self._limits = limits
        self._latch = latch
        self._pace = pace
        self._locks = locks
        self._cooldown = cooldown

    def passes(self, request: OrderRequest, view: RiskView) -> bool:
        """True only where each check of an entry would pass; False says nothing. Changes nothing."""
        try:
            return (
                request.type is _MARKET
                and request.purpose is _ENTRY
                and not request.reduce_only
                and self._allowed(request, view)
                and self._priced(request, view)
            )
        except Exception:  # a number that is none: the checks say which
            return False

    def _allowed(self, request: OrderRequest, view: RiskView) -> bool:
        """What is not a matter of size: state, locks, data, pace."""
        limits, pace, locks, symbol, now = self._limits, self._pace, self._locks, request.symbol, view.now_ns
        age_ns, skew_ns, drawdown = view.data_age_ns, view.clock_skew_ns, view.drawdown_pct
        order_id, orders, of_symbol = request.client_order_id, view.open_orders, view.symbol_orders
        return (
            self._latch.state is _ACTIVE
            and not limits.own
            and not limits.converts
            and not pace.disabled
            and not view.blocked
            and not view.data_fault
            and not view.budgets
            and view.own_bid is None
            and view.own_ask is None
            and age_ns is not None
            and -limits.stale_ns <= age_ns <= limits.stale_ns
            and skew_ns is not None
            and -limits.skew_ns <= skew_ns <= limits.skew_ns
            and drawdown is not None
            and drawdown < limits.drawdown_pct
            and order_id != ""
            and order_id not in pace.ids
            and 0 <= of_symbol < limits.symbol_orders
            and 0 <= orders < limits.open_orders
            and not (limits.model_age_ns and MODEL in request.sources)
            and not (locks.any and locks.until_ns(symbol, now))
            and self._cooldown.until_ns(symbol) <= now
            and pace.bucket.tokens(now, limits.orders_per_s, limits.burst) - view.ahead >= 1.0
            and pace.identical_ns(request, now) is None
        )

    def _priced(self, request: OrderRequest, view: RiskView) -> bool:
        """What the order is worth, against the account and the market."""
        limits, instrument = self._limits, view.instrument
        bid, ask, equity, day_pnl, position = view.bid, view.ask, view.equity, view.day_pnl, view.position
        if not (0.0 < bid < _INF and 0.0 < ask < _INF) or instrument is None or view.rate is not None:
            return False
        if equity is None or day_pnl is None or position is None:
            return False
        quantity, buying = request.quantity, request.side is _BUY
        mid = (bid + ask) / 2.0
        away = (ask / mid - 1.0) * 100.0 if buying else (bid / mid - 1.0) * -100.0
        price = Decimal(repr(ask if buying else bid))
        notional = quantity * price
        before = position + view.working
        after = before + quantity if buying else before - quantity
        net = view.net + notional if buying else view.net - notional
        start, largest = equity - day_pnl, limits.order_quantity
        return (
            quantity > _ZERO
            and equity > _ZERO
            and equity.is_finite()
            and away <= limits.protection_pct
            and abs(request.decision_price / mid - 1.0) * 100.0 <= limits.protection_pct
            and start > _ZERO
            and (day_pnl > _ZERO or -day_pnl * 100 < self._latch.loss_limit_pct() * start)
            and instrument.quote_currency in limits.currencies
            and not quantity % instrument.lot_size
            and notional >= instrument.min_notional
            and (limits.allow_short or buying or after >= _ZERO)
            and (largest is None or quantity <= largest)
            and (not instrument.max_quantity or quantity <= instrument.max_quantity)
            and notional <= equity * limits.order_share
            and abs(after) * price <= equity * limits.position_share
            and view.gross + notional <= equity * limits.gross_share
            and abs(net) <= equity * limits.net_share
        )
