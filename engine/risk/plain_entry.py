"""The plain entry: the checks of an order as the desk makes most, in one go and without a call for each.

A market order that opens a flat symbol, quoted in the account's currency, with no limits of its own and
nothing that speaks against it. The conditions are those of ``engine.risk.checks``, which stays the
definition: the outcomes are the same to the last digit, or there are none and the checks are made one by one.
It never denies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from engine.events import OrderRequest, RiskState, Side
from engine.risk.checks import ENTRY_CHECKS, Outcome, PreTradeCheck
from engine.risk.checks.allowed import MODEL, bus_block, cooldown, model_age, symbol_lock
from engine.risk.checks.check import PRICED
from engine.risk.cooldown import Cooldown
from engine.risk.limits import Limits
from engine.risk.pace import Pace
from engine.risk.state import StateLatch
from engine.risk.stop_lock import StopLocks
from engine.risk.view import RiskView

_KNOWN = (
    *("BAD_NUMBER", "DUPLICATE_ID", "NOT_ACTIVE", "QUANT_BLOCK", "BUS_BLOCK", "STRATEGY_DISABLED"),
    *("SYMBOL_LOCKED", "COOLDOWN", "MODEL_TOO_OLD", "EQUITY_UNKNOWN", "DAILY_LOSS", "DRAWDOWN"),
    *("STALE_DATA", "CLOCK_SKEW", "MARKET_PROTECTION", "CURRENCY_UNKNOWN", "OFF_GRID", "MIN_NOTIONAL"),
    *("SHORT_NOT_ALLOWED", "ORDER_QUANTITY", "ORDER_NOTIONAL", "POSITION_LIMIT", "GROSS_LIMIT"),
    *("NET_LIMIT", "STRATEGY_BUDGET", "OPEN_ORDERS_SYMBOL", "OPEN_ORDERS", "THROTTLE", "DUPLICATE_ORDER"),
    "SELF_TRADE",
)
"""The checks that are made here, in their order."""
_OF_MARKET = tuple(check for check in ENTRY_CHECKS if check.orders != PRICED)
_ALL_KNOWN = tuple(check.code for check in _OF_MARKET) == _KNOWN
_AT_TIMES = (bus_block, symbol_lock, cooldown, model_age)

_ACTIVE, _BUY = RiskState.ACTIVE, Side.BUY
_ZERO = Decimal(0)
_INF = math.inf
_NONE: Outcome = True, "none", "none"
_IS_ACTIVE: Outcome = True, _ACTIVE, "active"
_NO_OWN: Outcome = True, None, None


class PlainEntry:
    """Of the checks that are in force: another one when these change."""

    __slots__ = ("_latch", "_limits", "_locks", "_pace", "_rests", "_with_bus", "_with_model", "usable")

    def __init__(
        self,
        checks: Sequence[PreTradeCheck],
        limits: Limits,
        latch: StateLatch,
        pace: Pace,
        locks: StopLocks,
        rests: Cooldown,
    ) -> None:
        """``checks``: what a market entry is put through."""
        self._limits = limits
        self._latch = latch
        self._pace = pace
        self._with_bus = bus_block in checks
        self._locks = locks if symbol_lock in checks else None
        self._rests = rests if cooldown in checks else None
        self._with_model = model_age in checks
        expected = tuple(one for one in _OF_MARKET if one not in _AT_TIMES or one in checks)
        self.usable = _ALL_KNOWN and tuple(checks) == expected
        """A check that this module does not know of is in force otherwise."""

    def _is_plain(self, request: OrderRequest, view: RiskView) -> bool:
        """Whether all is known that is asked for, and it is no other case; the amounts are judged later."""
        limits, pace, latch = self._limits, self._pace, self._latch
        instrument, now = view.instrument, view.now_ns
        if (
            instrument is None or view.equity is None or view.day_pnl is None or view.position is None
            or view.drawdown_pct is None or view.data_age_ns is None or view.clock_skew_ns is None
            or view.position or view.working or view.budgets or view.rate is not None
            or view.blocked or view.forbidden or view.data_fault
            or latch.state is not _ACTIVE or latch.tripped is not _ACTIVE
            or pace.disabled or limits.own or instrument.quote_currency not in limits.currencies
        ):  # fmt: skip
            return False
        order_id, newest_ns = request.client_order_id, pace.newest_ns
        if not order_id or order_id in pace.ids or (self._with_model and MODEL in request.sources):
            return False
        recent = newest_ns is not None and now - newest_ns <= limits.duplicate_ns
        if recent and pace.identical_ns(request, now) is not None:
            return False
        if self._locks is not None and self._locks.until_ns(request.symbol, now):
            return False
        return self._rests is None or self._rests.until_ns(request.symbol) <= now

    def outcomes(self, request: OrderRequest, view: RiskView) -> list[Outcome] | None:
        """What each check says of a market entry, all of them passed; None where that is not plain."""
        if not self._is_plain(request, view):
            return None
        equity, day_pnl, instrument, position = view.equity, view.day_pnl, view.instrument, view.position
        fallen_pct, age_ns, skew_ns = view.drawdown_pct, view.data_age_ns, view.clock_skew_ns
        assert equity is not None and day_pnl is not None and instrument is not None and position is not None
        assert fallen_pct is not None and age_ns is not None and skew_ns is not None
        limits, quantity = self._limits, request.quantity
        bid, ask = view.bid, view.ask
        buying = request.side is _BUY
        if (
            not (0.0 < bid < _INF and 0.0 < ask < _INF)
            or (view.own_ask if buying else view.own_bid) is not None
        ):
            return None
        mid = (bid + ask) / 2.0
        touch, protection_pct = ask if buying else bid, limits.protection_pct
        moved = abs(request.decision_price / mid - 1.0) * 100.0
        away = (touch / mid - 1.0) * (100.0 if buying else -100.0)
        if not (quantity.is_finite() and equity.is_finite()):
            return None
        price = Decimal(repr(touch))
        notional = quantity * price
        after = position + view.working
        after = after + quantity if buying else after - quantity
        worth = abs(after) * price
        gross = view.gross + notional
        net = view.net + notional if buying else view.net - notional
        order_limit, position_limit, gross_limit, net_limit = limits.shares(equity)
        start, loss_limit = equity - day_pnl, limits.reduce_pct
        most, told = limits.order_quantity, instrument.max_quantity
        if told:
            most = told if most is None or told < most else most
        tokens = self._pace.bucket.tokens(view.now_ns, limits.orders_per_s, limits.burst) - view.ahead
        at_symbol, at_all = view.symbol_orders, view.open_orders
        if not (
            quantity > _ZERO and equity > _ZERO and start > _ZERO and -day_pnl * 100 < loss_limit * start
            and fallen_pct < limits.drawdown_pct and abs(age_ns) <= limits.stale_ns
            and abs(skew_ns) <= limits.skew_ns and moved <= protection_pct and away <= protection_pct
            and not quantity % instrument.lot_size and notional >= instrument.min_notional
            and (limits.allow_short or buying or after >= _ZERO)
            and (most is None or quantity <= most) and notional <= order_limit
            and worth <= position_limit and gross <= gross_limit and abs(net) <= net_limit
            and 0 <= at_symbol < limits.symbol_orders and 0 <= at_all < limits.open_orders and tokens >= 1.0
        ):  # fmt: skip
            return None
        return [
            (True, quantity, "> 0"),
            (True, request.client_order_id, "unused"),
            _IS_ACTIVE,
            *self._at_times(),
            (True, equity, "> 0"),
            (True, (day_pnl, start), loss_limit),
            (True, fallen_pct, limits.drawdown_pct),
            (True, age_ns, limits.stale_ns),
            (True, skew_ns, limits.skew_ns),
            (True, moved if not away > moved else away, protection_pct),
            (True, instrument.quote_currency, "pegged"),
            (True, quantity, instrument.lot_size),
            (True, notional, instrument.min_notional),
            (True, after, "any" if limits.allow_short else ">= 0"),
            (True, quantity, most),
            (True, notional, order_limit),
            (True, worth, position_limit),
            (True, gross, gross_limit),
            (True, net, net_limit),
            _NONE,
            (True, at_symbol, limits.symbol_orders),
            (True, at_all, limits.open_orders),
            (True, tokens, 1),
            (True, None, limits.duplicate_ns),
            _NO_OWN,
        ]

    def _at_times(self) -> list[Outcome]:
        """Of the checks up to the model's age, which are not all made at all times."""
        limits = self._limits
        made: list[Outcome] = [_NONE, _NONE] if self._with_bus else [_NONE]
        made.append((True, "none", limits.repeats))
        if self._locks is not None:
            made.append((True, 0, self._locks.limit))
        if self._rests is not None:
            made.append((True, "free", self._rests.bars))
        if self._with_model:
            made.append((True, "not behind it", limits.model_age_ns))
        return made
