"""Is it small enough?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.risk.case import Case
from engine.risk.checks.check import Outcome, Scoped, check, known, money


def _most(value: Any, limit: Any) -> tuple[str, str]:
    return str(value), "any" if limit is None else f"<= {limit}"


@check("ORDER_QUANTITY", _most, limit="max_order_quantity")
def order_quantity(case: Case) -> Outcome:
    """The instrument's own maximum and the configured one, units of the base asset."""
    quantity, limit, instrument = case.request.quantity, case.limits.order_quantity, case.view.instrument
    if instrument is not None and instrument.max_quantity:
        told = instrument.max_quantity
        limit = told if limit is None or told < limit else limit
    return limit is None or quantity <= limit, quantity, limit


@check("ORDER_NOTIONAL", money, limit="max_order_notional_pct")
def order_notional(case: Case) -> Outcome:
    limit, value = case.order_limit, case.whole
    if limit is None or value is None:
        return False, value, limit
    return value <= limit, value, limit


@check("POSITION_LIMIT", money, limit="max_position_pct")
def position_limit(case: Case) -> Outcome:
    """The symbol's position with this and all working entries filled."""
    limit = case.position_limit
    if limit is None or case.after is None or case.price is None:
        return False, None, limit
    value = abs(case.after) * case.price
    return value <= limit or not case.adds, value, limit


def _gross_limit(case: Case) -> Outcome:
    """All positions and working entries, longs and shorts added up."""
    limit = case.gross_limit
    if limit is None or case.notional is None:
        return False, None, limit
    value = case.view.gross + case.notional if case.adds else case.view.gross
    return value <= limit or not case.adds, value, limit


def _own_gross(case: Case) -> Outcome:
    outcome = _gross_limit(case)
    if outcome[0] and case.adds and case.equity is not None and case.notional is not None:
        for use in case.view.scopes:
            share = case.limits.own[use.scope].gross_share
            if share is not None:
                value, limit = use.gross + case.notional, case.equity * share
                if value > limit:
                    return False, value, Scoped(limit, use.scope)
                if limit - value < _room(outcome):
                    outcome = True, value, Scoped(limit, use.scope)
    return outcome


gross_limit = check("GROSS_LIMIT", money, scoped=_own_gross)(_gross_limit)


def _net_limit(case: Case) -> Outcome:
    """Longs less shorts, working entries included."""
    limit = case.net_limit
    if limit is None or case.notional is None:
        return False, None, limit
    net = case.view.net
    value = net + case.notional if case.buying else net - case.notional
    return abs(value) <= limit or abs(value) < abs(net), value, limit


def _own_net(case: Case) -> Outcome:
    outcome = _net_limit(case)
    if outcome[0] and case.equity is not None and case.notional is not None:
        signed = case.notional if case.buying else -case.notional
        for use in case.view.scopes:
            share = case.limits.own[use.scope].net_share
            if share is not None:
                value, limit = use.net + signed, case.equity * share
                if abs(value) > limit and abs(value) >= abs(use.net):
                    return False, value, Scoped(limit, use.scope)
                if limit - abs(value) < _room(outcome):
                    outcome = True, value, Scoped(limit, use.scope)
    return outcome


net_limit = check("NET_LIMIT", money, scoped=_own_net)(_net_limit)


def _room(outcome: Outcome) -> Decimal:
    """How much is left under the limit that the outcome tells of."""
    _, value, limit = outcome
    most = limit.limit if type(limit) is Scoped else limit
    return Decimal(most - abs(value))


def _budget(value: Any, limit: Any) -> tuple[str, str]:
    if isinstance(value, tuple):
        source, used = value
        return f"{source}: {used:.2f}", f"{limit:.2f}"
    return known(value), known(limit)


@check("STRATEGY_BUDGET", _budget)
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
