"""Is it too much at once?"""

from __future__ import annotations

from typing import Any

from engine.risk.case import Case
from engine.risk.checks.check import Outcome, Scoped, ago, below_count, check
from engine.risk.price import reach


@check("OPEN_ORDERS_SYMBOL", below_count)
def open_orders_symbol(case: Case) -> Outcome:
    count, limit = case.view.symbol_orders, case.limits.symbol_orders
    return 0 <= count < limit, count, limit


def _open_orders(case: Case) -> Outcome:
    count, limit = case.view.open_orders, case.limits.open_orders
    return 0 <= count < limit, count, limit


def _own_orders(case: Case) -> Outcome:
    outcome = _open_orders(case)
    for use in case.view.scopes:
        limit = case.limits.own[use.scope].open_orders
        if outcome[0] and limit is not None:
            outcome = 0 <= use.orders < limit, use.orders, Scoped(limit, use.scope)
    return outcome


open_orders = check("OPEN_ORDERS", below_count, scoped=_own_orders)(_open_orders)


def _tokens_left(value: Any, limit: Any) -> tuple[str, str]:
    return f"{value:.1f} left", f">= {limit}"


def _throttle(case: Case) -> Outcome:
    """A token bucket: the value is how many orders may leave now."""
    view, limits = case.view, case.limits
    tokens = case.pace.bucket.tokens(view.now_ns, limits.orders_per_s, limits.burst) - view.ahead
    return tokens >= 1.0, tokens, 1


def _own_throttle(case: Case) -> Outcome:
    outcome, view = _throttle(case), case.view
    for use in view.scopes:
        per_s = case.limits.own[use.scope].orders_per_s
        if outcome[0] and per_s is not None:
            tokens = case.pace.own_tokens(use.scope, per_s, view.now_ns) - view.ahead
            outcome = tokens >= 1.0, tokens, Scoped(1, use.scope)
    return outcome


throttle = check("THROTTLE", _tokens_left, scoped=_own_throttle)(_throttle)


@check("DUPLICATE_ORDER", ago)
def duplicate_order(case: Case) -> Outcome:
    """No order with the same content, prices included, was sent a moment ago."""
    since = case.pace.identical_ns(case.request, case.view.now_ns)
    return since is None, since, case.limits.duplicate_ns


def _own(value: Any, limit: Any) -> tuple[str, str]:
    if value is None:
        return "none", "none"
    return f"own order at {value}" if value and value.is_finite() else "own market order", "none"


@check("SELF_TRADE", _own)
def self_trade(case: Case) -> Outcome:
    """It meets no working order of ours. Orders that rest on both sides without crossing are fine.

    An order without a limit is taken to reach as far from the touch, or its trigger, as market protection
    lets it; what waits for a trigger is not in the market yet.
    """
    own = case.view.own_ask if case.buying else case.view.own_bid
    if own is None:
        return True, None, None
    far = None if case.touch is None else reach(case.request, case.touch, case.limits.protection_share)
    if far is None:
        return False, own, None
    meets = far >= own if case.buying else far <= own
    return not meets, own if meets else None, None
