"""The pre-trade checks: one function each, its reason code beside it.

A check answers (passed, value, limit), the last two as they are: an order that waits is judged first, and how
they read to a person is made of them afterwards by the check's ``Teller``. What cannot be evaluated fails:
the check returns False or raises, both deny. Entries pass ``ENTRY_CHECKS``; exits ``EXIT_CHECKS``, which ask
only whether the order is possible and reduces the position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from engine.events import OrderRequest, RiskState, Side
from engine.risk.limits import Limits
from engine.risk.pace import Pace
from engine.risk.state import StateLatch
from engine.risk.view import RiskView

_ZERO = Decimal(0)
_BUY = Side.BUY
_ACTIVE = RiskState.ACTIVE
_MS = 1_000_000
_INF = math.inf


class Case:
    """One order before the checks, with the figures that several of them need."""

    __slots__ = (
        "adds",
        "after",
        "buying",
        "equity",
        "gross_limit",
        "latch",
        "limits",
        "mid",
        "net_limit",
        "notional",
        "order_limit",
        "pace",
        "position_limit",
        "price",
        "request",
        "view",
    )

    def __init__(
        self,
        request: OrderRequest,
        view: RiskView,
        limits: Limits,
        latch: StateLatch,
        pace: Pace,
        *,
        sized: bool = True,
    ) -> None:
        """``sized``: what the order would make of the position is asked, as it is of an entry."""
        self.request = request
        self.view = view
        self.limits = limits
        self.latch = latch
        self.pace = pace
        self.buying = request.side is _BUY
        bid, ask = view.bid, view.ask
        quoted = 0.0 < bid < _INF and 0.0 < ask < _INF
        mid = (bid + ask) / 2.0 if quoted else view.last if 0.0 < view.last < _INF else math.nan
        self.mid = mid
        """Mid, or the last price without a quote; NaN when unknown."""
        equity = self.equity = view.equity if view.equity is not None and view.equity.is_finite() else None
        self.price: Decimal | None = None
        """What the order would fill at: the ask for a buy, the bid for a sell, else the mid."""
        self.notional: Decimal | None = None
        """Of the order at that price."""
        self.after: Decimal | None = None
        """Signed quantity with this order and all working entries filled."""
        self.order_limit = self.position_limit = self.gross_limit = self.net_limit = None
        """Shares of equity; None while that is unknown."""
        self.adds = True
        """Whether the order makes the position larger, or turns it; True when unknown."""
        quantity = request.quantity
        if sized and equity is not None:
            self.order_limit = equity * limits.order_share
            self.position_limit = equity * limits.position_share
            self.gross_limit = equity * limits.gross_share
            self.net_limit = equity * limits.net_share
        if sized and quantity.is_finite():
            touch = ask if self.buying else bid
            price = touch if 0.0 < touch < _INF else mid
            if 0.0 < price < _INF:
                self.price = Decimal(repr(price))
                self.notional = quantity * self.price
            position = view.position
            if position is not None and position.is_finite():
                before = position + view.working
                after = before + quantity if self.buying else before - quantity
                if after.is_finite():
                    self.after = after
                    self.adds = abs(after) > abs(before)


Outcome = tuple[bool, Any, Any]
"""(passed, value, limit)"""
CheckFunction = Callable[[Case], Outcome]
Teller = Callable[[Any, Any], tuple[str, str]]
"""How a value and its limit read."""


class PreTradeCheck(NamedTuple):
    """A check with its reason code."""

    code: str
    judge: CheckFunction
    tell: Teller


ENTRY_CHECKS: list[PreTradeCheck] = []
"""In the order in which they are made and the first failure is named."""
EXIT_CHECKS: list[PreTradeCheck] = []


def _plain(value: Any, limit: Any) -> tuple[str, str]:
    if type(value) is str and type(limit) is str:
        return value, limit
    return _known(value), _known(limit)


def _known(value: Any) -> str:
    return value if type(value) is str else "unknown" if value is None else str(value)


def _money(value: Any, limit: Any) -> tuple[str, str]:
    return _amount(value), _amount(limit)


def _amount(value: Any) -> str:
    return f"{value:.2f}" if type(value) is Decimal else _known(value)


def _below_percent(value: Any, limit: Any) -> tuple[str, str]:
    return "unknown" if value is None else f"{value:.3f} %", f"< {limit} %"


def _age(value: Any, limit: Any) -> tuple[str, str]:
    return "unknown" if value is None else f"{value // _MS} ms", f"<= {limit // _MS} ms"


def _below_count(value: Any, limit: Any) -> tuple[str, str]:
    return str(value), f"< {limit}"


def _entry(code: str, tell: Teller = _plain) -> Callable[[CheckFunction], CheckFunction]:
    def register(check: CheckFunction) -> CheckFunction:
        ENTRY_CHECKS.append(PreTradeCheck(code, check, tell))
        return check

    return register


def _exit(code: str, tell: Teller = _plain) -> Callable[[CheckFunction], CheckFunction]:
    def register(check: CheckFunction) -> CheckFunction:
        EXIT_CHECKS.append(PreTradeCheck(code, check, tell))
        return check

    return register


# --- is the order possible? ------------------------------------------------------------------------


@_exit("BAD_NUMBER")
@_entry("BAD_NUMBER")
def numbers(case: Case) -> Outcome:
    """The quantity is finite and above zero."""
    quantity = case.request.quantity
    return quantity.is_finite() and quantity > 0, quantity, "> 0"


@_exit("DUPLICATE_ID")
@_entry("DUPLICATE_ID")
def duplicate_id(case: Case) -> Outcome:
    """The client order id was never sent before: this is the same order again, not another one."""
    order_id = case.request.client_order_id
    return bool(order_id) and order_id not in case.pace.ids, order_id, "unused"


@_exit("NOT_REDUCING")
def reduces(case: Case) -> Outcome:
    """An exit is on the side that closes the position and, with the exits at work, never more than it."""
    position = case.view.position
    if position is None or not position.is_finite():
        return False, "position unknown", "reduces the position"
    if not position or (position > 0) is case.buying:
        return False, f"{case.request.side.value} of {position}", "reduces the position"
    closing = case.request.quantity + case.view.exiting
    return closing <= abs(position), closing, abs(position)


# --- may the desk open positions at all? -----------------------------------------------------------


@_entry("NOT_ACTIVE")
def trading_state(case: Case) -> Outcome:
    """The kill switch and its latch: entries in ACTIVE only."""
    state = case.latch.state
    return state is _ACTIVE, state, "active"


@_entry("QUANT_BLOCK")
def quant_block(case: Case) -> Outcome:
    """No quant module or server blocks the symbol: a block beats any signal."""
    blocked = case.view.blocked
    return not blocked, blocked or "none", "none"


@_entry("STRATEGY_DISABLED", _below_count)
def repeated_execution(case: Case) -> Outcome:
    """No strategy behind the order was disabled for repeating itself."""
    disabled = case.pace.disabled
    if disabled:
        for source in case.request.sources:
            if source in disabled:
                return False, f"{source}: {disabled[source]}", case.limits.repeats
    return True, "none", case.limits.repeats


@_entry("EQUITY_UNKNOWN", _money)
def equity(case: Case) -> Outcome:
    value = case.equity
    return value is not None and value > 0, case.view.equity if value is None else value, "> 0"


def _loss(value: Any, limit: Any) -> tuple[str, str]:
    if value is None:
        return "unknown", f"< {limit} %"
    day_pnl, start = value
    return f"{-day_pnl * 100 / start:.3f} %" if start else "all", f"< {limit} %"


@_entry("DAILY_LOSS", _loss)
def daily_loss(case: Case) -> Outcome:
    """Loss since the start of the UTC day against what equity was then."""
    day_pnl = case.view.day_pnl
    limit = case.latch.loss_limit_pct()
    if day_pnl is None or case.view.equity is None:
        return False, None, limit
    start = case.view.equity - day_pnl
    return start > 0 and -day_pnl * 100 < limit * start, (day_pnl, start), limit


@_entry("DRAWDOWN", _below_percent)
def drawdown(case: Case) -> Outcome:
    """Below the highest equity so far."""
    value, limit = case.view.drawdown_pct, case.limits.drawdown_pct
    return value is not None and value < limit, value, limit


# --- is the market known? --------------------------------------------------------------------------


@_entry("STALE_DATA", _age)
def stale_data(case: Case) -> Outcome:
    age_ns, limit = case.view.data_age_ns, case.limits.stale_ns
    return age_ns is not None and abs(age_ns) <= limit, age_ns, limit


@_entry("CLOCK_SKEW", _age)
def clock_skew(case: Case) -> Outcome:
    skew_ns, limit = case.view.clock_skew_ns, case.limits.skew_ns
    return skew_ns is not None and abs(skew_ns) <= limit, skew_ns, limit


def _collar(value: Any, limit: Any) -> tuple[str, str]:
    return f"{value:.4f} %", f"{limit} %"


@_entry("PRICE_COLLAR", _collar)
def price_collar(case: Case) -> Outcome:
    """The market is still where it was at the decision, percent of the mid."""
    away = abs(case.request.decision_price / case.mid - 1.0) * 100.0
    return away <= case.limits.collar_pct, away, case.limits.collar_pct


# --- does the order fit the instrument? ------------------------------------------------------------


@_entry("CURRENCY_UNKNOWN")
def currency(case: Case) -> Outcome:
    """The quote currency counts as the account's own."""
    instrument = case.view.instrument
    if instrument is None:
        return False, "instrument unknown", "pegged"
    quoted = instrument.quote_currency
    return quoted in case.limits.currencies, quoted or "unknown", "pegged"


@_entry("OFF_GRID")
def grid(case: Case) -> Outcome:
    """Whole lots."""
    instrument = case.view.instrument
    if instrument is None:
        return False, "instrument unknown", "whole lots"
    quantity, lot = case.request.quantity, instrument.lot_size
    return not quantity % lot, quantity, lot


def _least(value: Any, limit: Any) -> tuple[str, str]:
    return _amount(value), str(limit)


@_entry("MIN_NOTIONAL", _least)
def min_notional(case: Case) -> Outcome:
    instrument = case.view.instrument
    if instrument is None or case.notional is None:
        return False, "unknown", "the venue's minimum"
    return case.notional >= instrument.min_notional, case.notional, instrument.min_notional


@_entry("SHORT_NOT_ALLOWED")
def short_selling(case: Case) -> Outcome:
    if case.limits.allow_short:
        return True, case.after, "any"
    return case.after is not None and (case.after >= 0 or case.buying), case.after, ">= 0"


# --- is it small enough? ---------------------------------------------------------------------------


@_entry("ORDER_NOTIONAL", _money)
def order_notional(case: Case) -> Outcome:
    limit = case.order_limit
    if limit is None or case.notional is None:
        return False, case.notional, limit
    return case.notional <= limit, case.notional, limit


@_entry("POSITION_LIMIT", _money)
def position_limit(case: Case) -> Outcome:
    """The symbol's position with this and all working entries filled."""
    limit = case.position_limit
    if limit is None or case.after is None or case.price is None:
        return False, None, limit
    value = abs(case.after) * case.price
    return value <= limit or not case.adds, value, limit


@_entry("GROSS_LIMIT", _money)
def gross_limit(case: Case) -> Outcome:
    """All positions and working entries, longs and shorts added up."""
    limit = case.gross_limit
    if limit is None or case.notional is None:
        return False, None, limit
    value = case.view.gross + case.notional if case.adds else case.view.gross
    return value <= limit or not case.adds, value, limit


@_entry("NET_LIMIT", _money)
def net_limit(case: Case) -> Outcome:
    """Longs less shorts, working entries included."""
    limit = case.net_limit
    if limit is None or case.notional is None:
        return False, None, limit
    net = case.view.net
    value = net + case.notional if case.buying else net - case.notional
    return abs(value) <= limit or abs(value) < abs(net), value, limit


def _budget(value: Any, limit: Any) -> tuple[str, str]:
    if isinstance(value, tuple):
        source, amount = value
        return f"{source}: {amount:.2f}", f"{limit:.2f}"
    return _known(value), _known(limit)


@_entry("STRATEGY_BUDGET", _budget)
def strategy_budget(case: Case) -> Outcome:
    """No strategy behind the order holds more than its budget with it: the order counts in full for each.

    Of several, the one with the least room is told.
    """
    budgets = case.view.budgets
    if not budgets:
        return True, "none", "none"
    if case.equity is None or case.notional is None:
        return False, None, None
    room, source, value, limit = min(
        (case.equity * share - used - case.notional, source, used + case.notional, case.equity * share)
        for source, share, used in budgets
    )
    return room >= 0, (source, value), limit


# --- is it too much at once? -----------------------------------------------------------------------


@_entry("OPEN_ORDERS_SYMBOL", _below_count)
def open_orders_symbol(case: Case) -> Outcome:
    count, limit = case.view.symbol_orders, case.limits.symbol_orders
    return 0 <= count < limit, count, limit


@_entry("OPEN_ORDERS", _below_count)
def open_orders(case: Case) -> Outcome:
    count, limit = case.view.open_orders, case.limits.open_orders
    return 0 <= count < limit, count, limit


def _tokens_left(value: Any, limit: Any) -> tuple[str, str]:
    return f"{value:.1f} left", f">= {limit}"


@_entry("THROTTLE", _tokens_left)
def throttle(case: Case) -> Outcome:
    """A token bucket: the value is how many orders may leave now."""
    tokens = case.pace.tokens(case.view.now_ns)
    return tokens >= 1.0, tokens, 1


def _ago(value: Any, limit: Any) -> tuple[str, str]:
    return "none" if value is None else f"{value // _MS} ms ago", f"> {limit // _MS} ms ago"


@_entry("DUPLICATE_ORDER", _ago)
def duplicate_order(case: Case) -> Outcome:
    """No order with the same content was sent a moment ago."""
    ago = case.pace.identical_ns(case.request, case.view.now_ns)
    return ago is None, ago, case.limits.duplicate_ns


@_entry("SELF_TRADE")
def self_trade(case: Case) -> Outcome:
    """No order of ours works on the other side of the symbol."""
    view, buying = case.view, case.buying
    if not view.working and not view.exiting:
        return True, "none", "none"
    against_entry = view.working < 0 if buying else view.working > 0
    position = view.position or _ZERO
    against_exit = bool(view.exiting) and (position > 0 if buying else position < 0)
    against = against_entry or against_exit
    return not against, "own order" if against else "none", "none"
