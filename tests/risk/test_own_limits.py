"""Limits of single strategies and symbols: the tightest applies, and is told with whose it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.events import NS, OrderType, Side, Verdict
from engine.risk.checks import ENTRY_CHECKS
from engine.risk.gate import RiskGate
from engine.risk.view import ScopeUse
from tests.risk.conftest import SYMBOL, T0, entry, exit_, gate, view

D = Decimal
TREND, MODEL, OURS = "strategy:trend", "strategy:model", f"symbol:{SYMBOL}"


def own(**limits: float) -> RiskGate:
    return gate(strategies={"trend": limits})


def use(scope: str = TREND, orders: int = 0, gross: str = "0", net: str = "0") -> ScopeUse:
    return ScopeUse(scope, orders, D(gross), D(net))


def failed(verdict: Verdict) -> list[str]:
    return [check.code for check in verdict.checks if not check.passed]


def limit_of(verdict: Verdict, code: str) -> str:
    return next(check.limit for check in verdict.checks if check.code == code)


def behind(
    desk: RiskGate, sources: tuple[str, ...] = ("trend",), request: Any = None, **seen: Any
) -> Verdict:
    return desk.check(request or entry(sources=sources), view(**({"scopes": (use(),)} | seen)))


@pytest.mark.parametrize(
    ("limits", "code", "passes", "fails", "told"),
    [
        # The order buys 10 at 100.01: 1000.1 of 100,000.
        ({"max_order_notional_pct": 1.0001}, "ORDER_NOTIONAL", {}, {"equity": D("99999.99")}, "1000.10"),
        ({"max_order_quantity": 10}, "ORDER_QUANTITY", {}, None, "<= 10.0"),
        (
            {"max_position_pct": 2}, "POSITION_LIMIT",
            {"position": D("9.998")}, {"position": D("9.999")}, "2000.00",
        ),
        (
            {"max_gross_pct": 3}, "GROSS_LIMIT",
            {"scopes": (use(gross="1999.9"),)}, {"scopes": (use(gross="1999.91"),)}, "3000.00",
        ),
        (
            {"max_net_pct": 3}, "NET_LIMIT",
            {"scopes": (use(net="1999.9"),)}, {"scopes": (use(net="1999.91"),)}, "3000.00",
        ),
        (
            {"max_open_orders": 2}, "OPEN_ORDERS",
            {"scopes": (use(orders=1),)}, {"scopes": (use(orders=2),)}, "< 2",
        ),
    ],
)  # fmt: skip
def test_a_strategys_own_limit_is_exact(
    limits: dict[str, float], code: str, passes: dict[str, Any], fails: dict[str, Any] | None, told: str
) -> None:
    desk = own(**limits)
    good = behind(desk, **passes)
    assert code not in failed(good), good.detail
    assert limit_of(good, code) == f"{told} ({TREND})"
    if fails is None:
        bad = behind(desk, request=entry(sources=("trend",), quantity=D("10.001")))
    else:
        bad = behind(desk, **fails)
    assert code in failed(bad) and limit_of(bad, code).endswith(f"({TREND})")
    # Those of others are the desk's.
    other = behind(desk, ("model",), **(fails or {}) | {"scopes": ()})
    assert code not in failed(other) and "(" not in limit_of(other, code)


def test_the_first_order_of_a_strategy_is_not_too_many() -> None:
    assert "OPEN_ORDERS" not in failed(behind(own(max_open_orders=1), scopes=(use(orders=0),)))


def test_a_strategys_collar() -> None:
    desk = own(price_collar_pct=0.5)
    near = entry(sources=("trend",), type=OrderType.LIMIT, price=D("99.5"))
    far = entry(sources=("trend",), type=OrderType.LIMIT, price=D("99.49"))
    assert behind(desk, request=near).approved
    verdict = behind(desk, request=far)
    assert failed(verdict) == ["PRICE_COLLAR"] and limit_of(verdict, "PRICE_COLLAR") == f"0.5 % ({TREND})"


def test_a_strategys_rate_is_its_own() -> None:
    desk = own(max_orders_per_s=2.0)
    for n in range(2):
        assert behind(desk).approved
        desk.sent(entry(client_order_id=f"td-{n + 10}", quantity=D(n + 1), sources=("trend",)), T0)
    verdict = behind(desk)
    assert failed(verdict) == ["THROTTLE"] and limit_of(verdict, "THROTTLE") == f">= 1 ({TREND})"
    assert behind(desk, ("model",), scopes=()).approved
    assert behind(desk, now_ns=T0 + NS // 2).approved, "refilled at two a second"


def test_of_several_the_tightest_applies() -> None:
    desk = gate(
        strategies={"trend": {"max_position_pct": 8}, "model": {"max_position_pct": 4}},
        symbols={SYMBOL: {"max_position_pct": 6, "max_order_notional_pct": 50}},
    )
    for sources, told in (
        (("trend",), f"6000.00 ({OURS})"),
        (("trend", "model"), f"4000.00 ({MODEL})"),
        ((), f"6000.00 ({OURS})"),
    ):
        verdict = desk.check(entry(sources=sources), view())
        assert verdict.approved and limit_of(verdict, "POSITION_LIMIT") == told
        assert limit_of(verdict, "ORDER_NOTIONAL") == "5000.00", "looser than the desk's: the desk's"
    assert limit_of(desk.check(entry(symbol="sim:ETH-USD"), view()), "POSITION_LIMIT") == "20000.00"


def test_every_scope_is_compared_with_what_it_uses() -> None:
    desk = gate(strategies={"trend": {"max_gross_pct": 50}, "model": {"max_gross_pct": 2}})
    both = entry(sources=("trend", "model"))
    verdict = desk.check(both, view(scopes=(use(gross="40000"), use(MODEL, gross="999.9"))))
    assert verdict.approved and limit_of(verdict, "GROSS_LIMIT") == f"2000.00 ({MODEL})", "the least room"
    verdict = desk.check(both, view(scopes=(use(gross="0"), use(MODEL, gross="999.91"))))
    assert failed(verdict) == ["GROSS_LIMIT"] and verdict.detail == f"2000.01, limit 2000.00 ({MODEL})"


def test_an_entry_that_makes_a_scope_smaller_is_not_too_large_for_it() -> None:
    desk = own(max_net_pct=1, max_gross_pct=1)
    short = use(gross="9000", net="-9000")
    bought = behind(desk, scopes=(short,), position=D(-90), net=D(-9000))
    assert bought.approved, bought.detail
    sold = behind(desk, request=entry(side=Side.SELL, sources=("trend",)), scopes=(short,), position=D(-90))
    assert {"NET_LIMIT", "GROSS_LIMIT"} <= set(failed(sold))


def test_what_a_scope_uses_and_cannot_be_told_denies() -> None:
    for limits in ({"max_gross_pct": 5.0}, {"max_net_pct": 5.0}):
        assert not behind(own(**limits), scopes=(use(gross="NaN", net="NaN"),)).approved
    assert not behind(own(max_open_orders=5), scopes=(use(orders=-1),)).approved


def test_exits_know_no_limits_of_their_own() -> None:
    desk = own(max_order_notional_pct=0.001, max_open_orders=1, max_orders_per_s=0.001)
    desk.sent(entry(sources=("trend",)), T0)
    order = exit_(client_order_id="td-exit", sources=("trend",))
    assert desk.check(order, view(position=D(10), scopes=(use(orders=9),))).approved


def test_a_limit_set_live_for_a_scope_works_and_ends() -> None:
    desk = gate()
    plain = desk.check(entry(sources=("trend",)), view())
    desk.book.set(TREND, "max_order_notional_pct", 1.0, "me", T0)
    assert failed(behind(desk)) == ["ORDER_NOTIONAL"]
    assert behind(desk, ("model",), scopes=()).approved
    desk.book.set(TREND, "max_order_notional_pct", None, "me", T0)
    assert desk.check(entry(sources=("trend",)), view()) == plain


def test_without_limits_of_its_own_no_scope_is_looked_at() -> None:
    desk = gate()
    assert desk.book.limits.of(entry(sources=("trend",))) is desk.book.limits
    assert desk.book.limits.bound(SYMBOL, ("trend",)) == []
    assert own(max_net_pct=5).book.limits.bound(SYMBOL, ("model", "trend")) == [TREND]


def test_the_scoped_checks_have_the_plain_ones_codes() -> None:
    desk = own(max_net_pct=5)
    plain, scoped = gate().check(entry(), view()), desk.check(entry(sources=("trend",)), view())
    assert [check.code for check in scoped.checks] == [check.code for check in plain.checks]
    assert {check.code for check in ENTRY_CHECKS if check.scoped} == {
        "GROSS_LIMIT", "NET_LIMIT", "OPEN_ORDERS", "THROTTLE",
    }  # fmt: skip
