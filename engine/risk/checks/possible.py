"""Is the order possible? Entries and exits are asked this."""

from __future__ import annotations

from typing import Any

from engine.events import OrderType
from engine.risk.case import Case
from engine.risk.checks.check import PRICED, Outcome, amount, check

_TYPE_NEEDS = {
    OrderType.LIMIT: ("price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("price", "stop_price"),
    OrderType.TAKE_PROFIT: ("stop_price",),
    OrderType.TRAILING_STOP: ("trail",),
}
_PRICES = ("price", "stop_price", "trail")


@check("BAD_NUMBER")
def numbers(case: Case) -> Outcome:
    """The quantity is finite, and above zero: of an amended order, above what is filled."""
    quantity = case.open
    return quantity.is_finite() and quantity > 0, quantity, "> 0"


@check("DUPLICATE_ID")
def duplicate_id(case: Case) -> Outcome:
    """The client order id was never sent before: this is the same order again, not another one."""
    order_id = case.request.client_order_id
    return bool(order_id) and order_id not in case.pace.ids, order_id, "unused"


@check("BAD_PRICE", orders=PRICED)
def prices(case: Case) -> Outcome:
    """The prices that the order's type needs are there, and all that are there are finite and above zero."""
    request = case.request
    told = []
    for name in _PRICES:
        value = getattr(request, name)
        if value is None:
            if name in _TYPE_NEEDS.get(request.type, ()):
                return False, f"no {name}", "finite, > 0"
        elif not (value.is_finite() and value > 0):
            return False, f"{name} {value}", "finite, > 0"
        else:
            told.append(f"{name} {value}")
    return True, ", ".join(told) or "none", "finite, > 0"


def _closing(value: Any, limit: Any) -> tuple[str, str]:
    return str(value), f"<= {limit}" if type(limit) is not str else limit


@check("NOT_REDUCING", _closing)
def reduces(case: Case) -> Outcome:
    """An exit is on the side that closes the position and, with the exits that close it now, no larger.

    A bracket's child reduces what its parent opens: the position as it will be when the parent is filled.
    """
    view, quantity = case.view, case.open
    position = view.position
    if view.opening is not None:
        position = view.opening if position is None or not position.is_finite() else position + view.opening
    elif position is None or not position.is_finite():
        return False, "position unknown", "reduces the position"
    if not position or (position > 0) is case.buying:
        return False, f"{case.request.side.value} of {position}", "reduces the position"
    most = abs(position)
    if view.opening is not None:
        return quantity <= min(most, view.opened), quantity, min(most, view.opened)
    closing = quantity + view.exiting
    return closing <= most, closing, most


def _least(value: Any, limit: Any) -> tuple[str, str]:
    return amount(value), str(limit)


@check("CURRENCY_UNKNOWN")
def currency(case: Case) -> Outcome:
    """The quote currency counts as the account's own, or its rate is known."""
    instrument = case.view.instrument
    if instrument is None:
        return False, "instrument unknown", "pegged"
    quoted = instrument.quote_currency
    if quoted in case.limits.currencies:
        return True, quoted, "pegged"
    counted = case.view.counted_in
    if counted is not None:
        told = f"in {counted}" if counted else "one to one"
        return False, f"{quoted}, older fills are counted {told}", "one currency: add it to account.pegged"
    rate = case.view.rate
    if rate is not None and rate.is_finite() and rate > 0:
        return True, f"{quoted} at {rate}", "pegged, or with a rate"
    return False, quoted or "unknown", "pegged, or with a rate"


@check("OFF_GRID")
def lots(case: Case) -> Outcome:
    """Whole lots."""
    instrument = case.view.instrument
    if instrument is None:
        return False, "instrument unknown", "whole lots"
    quantity, lot = case.request.quantity, instrument.lot_size
    return not quantity % lot, quantity, lot


@check("OFF_TICK", orders=PRICED)
def ticks(case: Case) -> Outcome:
    """Whole ticks. Exits are not asked: theirs are rounded where they are built."""
    instrument, request = case.view.instrument, case.request
    if instrument is None:
        return False, "instrument unknown", "whole ticks"
    tick = instrument.tick_size
    for name in _PRICES:
        value = getattr(request, name)
        if value is not None and (not value.is_finite() or value % tick):
            return False, f"{name} {value}", tick
    return True, "whole ticks", tick


@check("MIN_NOTIONAL", _least)
def min_notional(case: Case) -> Outcome:
    """In the quote currency."""
    instrument = case.view.instrument
    if instrument is None or case.quoted is None:
        return False, "unknown", "the venue's minimum"
    return case.quoted >= instrument.min_notional, case.quoted, instrument.min_notional


@check("SHORT_NOT_ALLOWED")
def short_selling(case: Case) -> Outcome:
    if case.limits.allow_short:
        return True, case.after, "any"
    return case.after is not None and (case.after >= 0 or case.buying), case.after, ">= 0"
