"""Amendments: judged as the order that they make, less what it was; an order may always become smaller."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import NS, Amendment, OrderRequest, OrderType, RiskState, Side, Verdict
from engine.risk.checks import AMENDED_ENTRY, ENTRY_CHECKS
from tests.risk.conftest import T0, entry, exit_, gate, view

D = Decimal


def limit(**changes: Any) -> OrderRequest:
    return entry(**({"type": OrderType.LIMIT, "price": D(99)} | changes))


def stop(**changes: Any) -> OrderRequest:
    return exit_(**({"type": OrderType.STOP, "stop_price": D(95)} | changes))


def amend(
    request: OrderRequest,
    amendment: Amendment,
    filled: int = 0,
    seen: dict[str, Any] | None = None,
    **limits: Any,
) -> Verdict:
    desk = gate(**limits)
    desk.sent(request, T0)
    return desk.judge_amendment(request, amendment, D(filled), view(**(seen or {}))).verdict()


def failed(verdict: Verdict) -> list[str]:
    return [check.code for check in verdict.checks if not check.passed]


NOTHING_WORKS: dict[str, Any] = {
    "equity": None, "bid": math.nan, "ask": math.nan, "last": math.nan, "data_age_ns": None,
    "open_orders": 100, "symbol_orders": 10, "blocked": "panic", "instrument": None, "position": None,
}  # fmt: skip


def test_a_raised_entry_is_judged_like_a_new_one_but_for_its_id() -> None:
    verdict = amend(limit(), Amendment(quantity=D(20)))
    assert verdict.approved, verdict.detail
    made = [check.code for check in verdict.checks]
    assert "DUPLICATE_ID" not in made and {"ORDER_NOTIONAL", "THROTTLE", "PRICE_COLLAR", "NOT_ACTIVE"} <= set(
        made
    )
    assert {check.code for check in ENTRY_CHECKS} - {check.code for check in AMENDED_ENTRY} == {
        "COOLDOWN",
        "DUPLICATE_ID",
    }


@pytest.mark.parametrize(
    ("amendment", "filled", "seen", "code"),
    [
        (Amendment(quantity=D("50.506")), 0, {}, "ORDER_NOTIONAL"),  # 5000.09
        (Amendment(quantity=D("50.506")), 9, {}, "ORDER_NOTIONAL"),  # the whole order counts
        (Amendment(price=D("97.99")), 0, {}, "PRICE_COLLAR"),
        (Amendment(price=D("99.005")), 0, {}, "OFF_TICK"),
        (Amendment(price=D("NaN")), 0, {}, "BAD_PRICE"),
        (Amendment(price=D(0)), 0, {}, "BAD_PRICE"),
        (Amendment(quantity=D("10.0005")), 0, {}, "OFF_GRID"),
        (Amendment(quantity=D("Infinity")), 0, {}, "BAD_NUMBER"),
        (Amendment(price=D(100)), 0, {"own_ask": D(100)}, "SELF_TRADE"),
        (Amendment(price=D(98)), 0, {"data_age_ns": 4 * NS}, "STALE_DATA"),
        (Amendment(quantity=D(11)), 0, {"blocked": "panic"}, "QUANT_BLOCK"),
        (Amendment(quantity=D(11)), 0, {"equity": None}, "EQUITY_UNKNOWN"),
        (Amendment(quantity=D(20)), 0, {"gross": D("98020.01")}, "GROSS_LIMIT"),
    ],
)
def test_each_check_of_an_amended_entry(
    amendment: Amendment, filled: int, seen: dict[str, Any], code: str
) -> None:
    assert code in failed(amend(limit(), amendment, filled, seen))


def test_only_what_is_still_open_adds_to_the_position() -> None:
    """8 of 10 are filled and in the position and the gross; raised to 20, 12 may still be added, at 99."""
    raised = Amendment(quantity=D(20))
    seen = {"position": D(8), "gross": D("98812"), "net": D("58812")}
    assert amend(limit(), raised, 8, seen).approved
    assert failed(amend(limit(), raised, 8, seen | {"gross": D("98812.01"), "net": D("58812.01")})) == [
        "GROSS_LIMIT", "NET_LIMIT",
    ]  # fmt: skip


@pytest.mark.parametrize("state", [RiskState.REDUCING, RiskState.HALTED])
def test_entries_grow_or_move_in_active_only_and_shrink_always(state: RiskState) -> None:
    desk = gate()
    desk.restore(state)

    def approved(amendment: Amendment) -> bool:
        return desk.judge_amendment(limit(), amendment, D(0), view()).approved

    assert not approved(Amendment(quantity=D("10.001"))) and not approved(Amendment(price=D("98.99")))
    assert approved(Amendment(quantity=D("9.999"))) and approved(Amendment(quantity=D(10)))
    held = view(position=D(10))
    assert desk.judge_amendment(stop(), Amendment(stop_price=D(96)), D(0), held).approved


def test_an_entry_may_always_become_smaller() -> None:
    for quantity in ("9.999", "0.001", "9.99999"):
        verdict = amend(limit(), Amendment(quantity=D(quantity)), 0, NOTHING_WORKS)
        assert verdict.approved, verdict.detail
    assert failed(amend(limit(), Amendment(quantity=D(4)), 4)) == ["BAD_NUMBER"], "nothing would be left"
    assert failed(amend(limit(), Amendment(quantity=D(3)), 4)) == ["BAD_NUMBER"]
    assert amend(limit(), Amendment(quantity=D("4.001")), 4).approved


def test_an_exit_may_always_move_and_become_smaller() -> None:
    for amendment in (
        Amendment(stop_price=D("94.12345")),
        Amendment(stop_price=D(1)),
        Amendment(quantity=D("0.0001")),
        Amendment(quantity=D(5), stop_price=D(99)),
    ):
        verdict = amend(stop(), amendment, 0, NOTHING_WORKS)
        assert verdict.approved, verdict.detail
    for wrong in (D("NaN"), D(0), D(-1), D("Infinity")):
        assert failed(amend(stop(), Amendment(stop_price=wrong), 0, {"position": D(10)})) == ["BAD_PRICE"]


@pytest.mark.parametrize(
    ("quantity", "filled", "position", "passes"),
    [
        ("15", 0, "15", True),
        ("15.001", 0, "15", False),
        ("15", 5, "10", True),  # 10 are still open
        ("15.001", 5, "10", False),
        ("15", 0, "-15", False),
    ],
)
def test_an_exit_that_grows_must_reduce(quantity: str, filled: int, position: str, passes: bool) -> None:
    verdict = amend(stop(), Amendment(quantity=D(quantity)), filled, {"position": D(position)})
    assert verdict.approved is passes and (passes or failed(verdict) == ["NOT_REDUCING"])


def test_amendments_count_for_the_rate_and_are_no_duplicates_of_themselves() -> None:
    desk = gate(max_orders_per_s=1.0, order_burst=3)
    request = limit()
    desk.sent(request, T0)
    for price in (D(98), D(99)):  # there and back, within the second
        judged = desk.judge_amendment(request, Amendment(price=price), D(0), view())
        assert judged.approved, judged.verdict().detail
        request = judged.request
        assert request.price == price
        desk.amended(request, T0)
    verdict = desk.judge_amendment(request, Amendment(price=D(98)), D(0), view()).verdict()
    assert failed(verdict) == ["THROTTLE"]
    fresh = desk.check(limit(client_order_id="td-2"), view(now_ns=T0 + NS))
    assert failed(fresh) == ["DUPLICATE_ORDER"], "another order that is what this one has become"


def test_limits_of_its_strategy_apply_to_an_amended_entry() -> None:
    own: dict[str, Any] = {"strategies": {"trend": {"max_order_notional_pct": 1.5}}}
    request = limit(sources=("trend",))
    verdict = amend(request, Amendment(quantity=D(20)), **own)
    assert failed(verdict) == ["ORDER_NOTIONAL"] and verdict.detail.endswith("(strategy:trend)")
    assert amend(request, Amendment(quantity=D(15)), **own).approved
    assert amend(limit(sources=("trend",), quantity=D(90)), Amendment(quantity=D(80)), **own).approved


anything = st.sampled_from([D("NaN"), D("sNaN"), D("Infinity"), D(0), D(-5), D(1), D("12.3456"), D(10**9)])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(RiskState),
    st.sampled_from([OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP]),
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.booleans(),
)
def test_no_exit_is_kept_from_moving_or_shrinking(
    state: RiskState, kind: OrderType, quantity: int, price: int, long: bool
) -> None:
    desk = gate(order_burst=1, max_model_age_s=1.0)
    desk.restore(state)
    desk.sent(limit(client_order_id="td-used"), T0)
    new = D(price).scaleb(-3)
    request = exit_(
        type=kind, quantity=D(10_001), price=D(95), stop_price=D(95), trail=D(1),
        side=Side.SELL if long else Side.BUY,
    )  # fmt: skip
    amendment = Amendment(quantity=D(quantity), price=new, stop_price=new, trail=new)
    judged = desk.judge_amendment(request, amendment, D(0), view(**NOTHING_WORKS))
    assert judged.approved, judged.verdict().detail


@settings(max_examples=100, deadline=None)
@given(anything, anything, anything, st.booleans())
def test_every_amendment_gets_a_verdict(
    quantity: Decimal, price: Decimal, stop_price: Decimal, entering: bool
) -> None:
    request = limit() if entering else stop(price=D(95))
    verdict = (
        gate()
        .judge_amendment(
            request,
            Amendment(quantity=quantity, price=price, stop_price=stop_price),
            D(0),
            view(position=D(10)),
        )
        .verdict()
    )
    impossible = not all(value.is_finite() and value > 0 for value in (quantity, price, stop_price))
    assert not (impossible and verdict.approved) and verdict.approved is not bool(failed(verdict))
