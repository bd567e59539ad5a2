"""The pre-trade checks: one function each, its reason code beside it.

A check answers (passed, value, limit), the last two as they are shown to a person. What cannot be evaluated
fails: the check returns False or raises, both deny. Entries pass ``ENTRY_CHECKS``; exits ``EXIT_CHECKS``,
which ask only whether the order is possible and reduces the position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from engine.events import OrderRequest, RiskState, Side
from engine.risk.limits import Limits
from engine.risk.pace import Pace
from engine.risk.state import StateLatch
from engine.risk.view import RiskView

_ZERO = Decimal(0)
_MS = 1_000_000


class Case:
    """One order before the checks, with the figures that several of them need."""

    __slots__ = ("after", "before", "latch", "limits", "mid", "notional", "pace", "price", "request", "view")

    def __init__(
        self, request: OrderRequest, view: RiskView, limits: Limits, latch: StateLatch, pace: Pace
    ) -> None:
        self.request = request
        self.view = view
        self.limits = limits
        self.latch = latch
        self.pace = pace
        self.mid = _mid(view)
        """Mid, or the last price without a quote; NaN when unknown."""
        self.price: Decimal | None = None
        """What the order would fill at: the ask for a buy, the bid for a sell, else the mid."""
        self.notional: Decimal | None = None
        """Of the order at that price."""
        self.before: Decimal | None = None
        """Signed quantity with all working entries filled."""
        self.after: Decimal | None = None
        """The same with this order filled too."""
        quantity = request.quantity
        if quantity.is_finite():
            touch = view.ask if request.side is Side.BUY else view.bid
            price = touch if _usable(touch) else self.mid
            if _usable(price):
                self.price = Decimal(repr(price))
                self.notional = quantity * self.price
            if view.position is not None and view.position.is_finite():
                self.before = view.position + view.working
                self.after = self.before + (quantity if request.side is Side.BUY else -quantity)

    @property
    def adds(self) -> bool:
        """Whether the order makes the position larger, or turns it; True when unknown."""
        return self.before is None or self.after is None or abs(self.after) > abs(self.before)


Outcome = tuple[bool, str, str]
CheckFunction = Callable[[Case], Outcome]

ENTRY_CHECKS: list[tuple[str, CheckFunction]] = []
"""(reason code, check), in the order in which they are made and the first failure is named."""
EXIT_CHECKS: list[tuple[str, CheckFunction]] = []


def _entry(code: str) -> Callable[[CheckFunction], CheckFunction]:
    def register(check: CheckFunction) -> CheckFunction:
        ENTRY_CHECKS.append((code, check))
        return check

    return register


def _exit(code: str) -> Callable[[CheckFunction], CheckFunction]:
    def register(check: CheckFunction) -> CheckFunction:
        EXIT_CHECKS.append((code, check))
        return check

    return register


# --- is the order possible? ------------------------------------------------------------------------


@_exit("BAD_NUMBER")
@_entry("BAD_NUMBER")
def numbers(case: Case) -> Outcome:
    """The quantity is finite and above zero."""
    quantity = case.request.quantity
    return quantity.is_finite() and quantity > 0, str(quantity), "> 0"


@_exit("DUPLICATE_ID")
@_entry("DUPLICATE_ID")
def duplicate_id(case: Case) -> Outcome:
    """The client order id was never sent before: this is the same order again, not another one."""
    order_id = case.request.client_order_id
    return bool(order_id) and not case.pace.used(order_id), order_id, "unused"


@_exit("NOT_REDUCING")
def reduces(case: Case) -> Outcome:
    """An exit is on the side that closes the position and, with the exits at work, never more than it."""
    position = case.view.position
    if position is None or not position.is_finite():
        return False, "position unknown", "reduces the position"
    if not position or (position > 0) is (case.request.side is Side.BUY):
        return False, f"{case.request.side.value} of {position}", "reduces the position"
    closing = case.request.quantity + case.view.exiting
    return closing <= abs(position), str(closing), str(abs(position))


# --- may the desk open positions at all? -----------------------------------------------------------


@_entry("NOT_ACTIVE")
def trading_state(case: Case) -> Outcome:
    """The kill switch and its latch: entries in ACTIVE only."""
    state = case.latch.state
    return state is RiskState.ACTIVE, state.value, "active"


@_entry("STRATEGY_DISABLED")
def repeated_execution(case: Case) -> Outcome:
    """No strategy behind the order was disabled for repeating itself."""
    disabled = case.pace.disabled
    for source in case.view.sources:
        if source in disabled:
            return False, f"{source}: {disabled[source]}", f"< {case.limits.repeats}"
    return True, "none", f"< {case.limits.repeats}"


@_entry("EQUITY_UNKNOWN")
def equity(case: Case) -> Outcome:
    value = case.view.equity
    known = value is not None and value.is_finite()
    return known and value > 0, f"{value:.2f}" if known else _text(value), "> 0"  # type: ignore[operator]


@_entry("DAILY_LOSS")
def daily_loss(case: Case) -> Outcome:
    """Loss since the start of the UTC day against what equity was then."""
    day_pnl = case.view.day_pnl
    limit = case.latch.loss_limit_pct()
    if day_pnl is None or case.view.equity is None:
        return False, "unknown", f"< {limit} %"
    start = case.view.equity - day_pnl
    loss = -day_pnl * 100 / start
    return start > 0 and loss < limit, f"{loss:.3f} %", f"< {limit} %"


@_entry("DRAWDOWN")
def drawdown(case: Case) -> Outcome:
    """Below the highest equity so far."""
    value, limit = case.view.drawdown_pct, case.limits.drawdown_pct
    text = "unknown" if value is None else f"{value:.3f} %"
    return value is not None and value < limit, text, f"< {limit} %"


# --- is the market known? --------------------------------------------------------------------------


@_entry("STALE_DATA")
def stale_data(case: Case) -> Outcome:
    return _age(case.view.data_age_ns, case.limits.stale_ns)


@_entry("CLOCK_SKEW")
def clock_skew(case: Case) -> Outcome:
    return _age(case.view.clock_skew_ns, case.limits.skew_ns)


@_entry("PRICE_COLLAR")
def price_collar(case: Case) -> Outcome:
    """The market is still where it was at the decision, percent of the mid."""
    away = abs(case.request.decision_price / case.mid - 1.0) * 100.0
    return away <= case.limits.collar_pct, f"{away:.4f} %", f"{case.limits.collar_pct} %"


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
    return (
        not case.request.quantity % instrument.lot_size,
        str(case.request.quantity),
        str(instrument.lot_size),
    )


@_entry("MIN_NOTIONAL")
def min_notional(case: Case) -> Outcome:
    instrument = case.view.instrument
    if instrument is None or case.notional is None:
        return False, "unknown", "the venue's minimum"
    return case.notional >= instrument.min_notional, f"{case.notional:.2f}", str(instrument.min_notional)


@_entry("SHORT_NOT_ALLOWED")
def short_selling(case: Case) -> Outcome:
    allowed = case.limits.allow_short
    passed = allowed or (case.after is not None and (case.after >= 0 or case.request.side is Side.BUY))
    return passed, _text(case.after), "any" if allowed else ">= 0"


# --- is it small enough? ---------------------------------------------------------------------------


@_entry("ORDER_NOTIONAL")
def order_notional(case: Case) -> Outcome:
    limit = _limit(case, case.limits.order_share)
    if limit is None or case.notional is None:
        return False, _money(case.notional), _money(limit)
    return case.notional <= limit, f"{case.notional:.2f}", f"{limit:.2f}"


@_entry("POSITION_LIMIT")
def position_limit(case: Case) -> Outcome:
    """The symbol's position with this and all working entries filled."""
    limit = _limit(case, case.limits.position_share)
    if limit is None or case.after is None or case.price is None:
        return False, "unknown", _money(limit)
    value = abs(case.after) * case.price
    return value <= limit or not case.adds, f"{value:.2f}", f"{limit:.2f}"


@_entry("GROSS_LIMIT")
def gross_limit(case: Case) -> Outcome:
    """All positions and working entries, longs and shorts added up."""
    limit = _limit(case, case.limits.gross_share)
    if limit is None or case.notional is None:
        return False, "unknown", _money(limit)
    value = case.view.gross + (case.notional if case.adds else _ZERO)
    return value <= limit or not case.adds, f"{value:.2f}", f"{limit:.2f}"


@_entry("NET_LIMIT")
def net_limit(case: Case) -> Outcome:
    """Longs less shorts, working entries included."""
    limit = _limit(case, case.limits.net_share)
    if limit is None or case.notional is None:
        return False, "unknown", _money(limit)
    net = case.view.net
    value = net + case.notional if case.request.side is Side.BUY else net - case.notional
    return abs(value) <= limit or abs(value) < abs(net), f"{value:.2f}", f"{limit:.2f}"


# --- is it too much at once? -----------------------------------------------------------------------


@_entry("OPEN_ORDERS_SYMBOL")
def open_orders_symbol(case: Case) -> Outcome:
    count, limit = case.view.symbol_orders, case.limits.symbol_orders
    return 0 <= count < limit, str(count), f"< {limit}"


@_entry("OPEN_ORDERS")
def open_orders(case: Case) -> Outcome:
    count, limit = case.view.open_orders, case.limits.open_orders
    return 0 <= count < limit, str(count), f"< {limit}"


@_entry("THROTTLE")
def throttle(case: Case) -> Outcome:
    """A token bucket: the value is how many orders may leave now."""
    tokens = case.pace.tokens(case.view.now_ns)
    return tokens >= 1.0, f"{tokens:.1f} left", ">= 1"


@_entry("DUPLICATE_ORDER")
def duplicate_order(case: Case) -> Outcome:
    """No order with the same content was sent a moment ago."""
    ago = case.pace.identical_ns(case.request, case.view.now_ns)
    window = f"> {case.limits.duplicate_ns // _MS} ms ago"
    return ago is None, "none" if ago is None else f"{ago // _MS} ms ago", window


@_entry("SELF_TRADE")
def self_trade(case: Case) -> Outcome:
    """No order of ours works on the other side of the symbol."""
    view, buying = case.view, case.request.side is Side.BUY
    against_entry = view.working < 0 if buying else view.working > 0
    position = view.position or _ZERO
    against_exit = bool(view.exiting) and (position > 0 if buying else position < 0)
    return (
        not (against_entry or against_exit),
        "own order" if against_entry or against_exit else "none",
        "none",
    )


def _mid(view: RiskView) -> float:
    if _usable(view.bid) and _usable(view.ask):
        return (view.bid + view.ask) / 2.0
    return view.last if _usable(view.last) else math.nan


def _usable(price: float) -> bool:
    return 0.0 < price < math.inf


def _limit(case: Case, share: Decimal) -> Decimal | None:
    value = case.view.equity
    return value * share if value is not None and value.is_finite() else None


def _age(age_ns: int | None, limit_ns: int) -> Outcome:
    limit = f"<= {limit_ns // _MS} ms"
    if age_ns is None:
        return False, "unknown", limit
    return abs(age_ns) <= limit_ns, f"{age_ns // _MS} ms", limit


def _text(value: object) -> str:
    return "unknown" if value is None else str(value)


def _money(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
