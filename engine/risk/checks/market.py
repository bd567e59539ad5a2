"""Is the market known, and are the order's prices near it?"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from engine.risk.case import Case
from engine.risk.checks.check import MARKET, PRICED, Outcome, age, check, percent

_ZERO = Decimal(0)


@check("STALE_DATA", age)
def stale_data(case: Case) -> Outcome:
    """Something of the symbol was heard of late, and nothing says that it is old or wrong all the same."""
    age_ns, limit, fault = case.view.data_age_ns, case.limits.stale_ns, case.view.data_fault
    if fault:
        return False, fault, limit
    return age_ns is not None and abs(age_ns) <= limit, age_ns, limit


@check("CLOCK_SKEW", age)
def clock_skew(case: Case) -> Outcome:
    skew_ns, limit = case.view.clock_skew_ns, case.limits.skew_ns
    return skew_ns is not None and abs(skew_ns) <= limit, skew_ns, limit


@check("MARKET_PROTECTION", percent, orders=MARKET)
def market_protection(case: Case) -> Outcome:
    """The market is still where it was at the decision, and what the order would meet is near the mid.

    Percent of the mid, the larger of the two.
    """
    mid, limit = case.mid, case.limits.protection_pct
    view = case.view
    moved = abs(case.request.decision_price / mid - 1.0) * 100.0
    if not view.bid > 0.0 or not view.ask > 0.0:  # no quote: the mid is the last price
        return moved <= limit, moved, limit
    away = ((view.ask if case.buying else view.bid) / mid - 1.0) * (100.0 if case.buying else -100.0)
    # NaN is within no limit.
    return moved <= limit and away <= limit, moved if not away > moved else away, limit


def _collar(value: Any, limit: Any) -> tuple[str, str]:
    return value if type(value) is str else f"{value[0]} {value[1]:.4f} %", f"{limit} %"


@check("PRICE_COLLAR", _collar, orders=PRICED, limit="price_collar_pct")
def price_collar(case: Case) -> Outcome:
    """Limit and trigger, and the distance of a trailing stop, are near the mid: exact, percent of it.

    The farthest of them is told.
    """
    request, limit = case.request, case.limits.collar_pct
    if not 0.0 < case.mid < math.inf:
        return False, "mid unknown", limit
    mid = Decimal(repr(case.mid))
    farthest = [
        (abs(price - distance_from), name)
        for name, price, distance_from in (
            ("price", request.price, mid),
            ("stop_price", request.stop_price, mid),
            ("trail", request.trail, _ZERO),
        )
        if price is not None
    ]
    away, name = max(farthest)
    return away * 100 <= limit * mid, (name, away * 100 / mid), limit
