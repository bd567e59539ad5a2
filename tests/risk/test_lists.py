"""Orders that leave together: children are exits of what their parent opens, siblings count once."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import OrderRequest, OrderType, Purpose, RiskState, Side
from engine.risk.gate import RiskGate
from engine.risk.judgement import Judgement
from engine.risk.legs import seen_by
from engine.risk.view import RiskView, ScopeUse
from engine.slices import at_once
from tests.risk.conftest import SYMBOL, T0, entry, gate, view

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def parent(**changes: Any) -> OrderRequest:
    return entry(**({"client_order_id": "td-p", "list_id": "td-p"} | changes))


def child(name: str = "stop", **changes: Any) -> OrderRequest:
    prices: dict[str, Any] = (
        {"type": OrderType.STOP, "stop_price": D(95), "purpose": Purpose.STOP_LOSS}
        if name == "stop"
        else {"type": OrderType.LIMIT, "price": D(110), "purpose": Purpose.TAKE_PROFIT}
    )
    other = "target" if name == "stop" else "stop"
    fields = {
        "client_order_id": f"td-{name}", "side": SELL, "reduce_only": True, "list_id": "td-p",
        "parent_id": "td-p", "siblings": (f"td-{other}",),
    }  # fmt: skip
    return entry(**(prices | fields | changes))


def bracket(**changes: Any) -> list[OrderRequest]:
    return [parent(**changes), child("stop"), child("target")]


def judge(desk: RiskGate, requests: list[OrderRequest], *views: RiskView) -> list[Judgement]:
    return at_once(desk.judging_list(requests, views or [view() for _ in requests]))


def failed(judgement: Judgement) -> list[str]:
    return [check.code for check in judgement.verdict().checks if not check.passed]


@pytest.mark.parametrize(
    ("changes", "closing"),
    [({}, D(10)), ({"symbol": "sim:OTHER"}, 0), ({"type": OrderType.LIMIT, "price": D(101)}, 0)],
)
def test_only_an_exit_of_the_symbol_that_waits_for_no_price_closes_before_another(
    changes: dict[str, Any], closing: Decimal
) -> None:
    out: dict[str, Any] = {"side": SELL, "reduce_only": True, "purpose": Purpose.FLATTEN}
    legs = [entry(client_order_id="td-1", **(out | changes)), entry(client_order_id="td-2", **out)]
    seen = view(position=D(10))
    assert seen_by(legs, [seen, seen], 1).exiting == closing
    assert judge(gate(), legs, seen, seen)[1].approved is not bool(closing)


def test_a_leg_of_the_other_side_makes_no_room() -> None:
    """What is sold at a limit may never fill: the buy beside it is judged without it."""
    sale = entry(client_order_id="td-s", side=SELL, type=OrderType.LIMIT, price=D(101), list_id="td-s")
    buy = entry(client_order_id="td-b", quantity=D(11), list_id="td-s")
    seen = view(position=D(190), gross=D(19_000), net=D(59_000))
    judged = judge(gate(), [sale, buy], seen, seen)
    assert {"POSITION_LIMIT", "NET_LIMIT"} <= set(failed(judged[1]))
    with_limits = view(scopes=(ScopeUse(f"symbol:{SYMBOL}", 0, D(0), D(0)),))
    after = seen_by([sale, buy], [with_limits, with_limits], 1)
    assert (after.working, after.net, after.gross) == (0, 0, D(1010))
    assert (after.scopes[0].net, after.scopes[0].gross, after.scopes[0].orders) == (0, D(1010), 1)


def test_a_bracket_without_a_position_is_approved_leg_by_leg() -> None:
    judged = judge(gate(), bracket())
    assert [one.approved for one in judged] == [True, True, True], [one.verdict().detail for one in judged]
    for one in judged:
        told = one.verdict().checks
        assert all(check.value and check.limit for check in told) and told[-1].code == "BAD_LEG"
    closing = next(check for check in judged[1].verdict().checks if check.code == "NOT_REDUCING")
    assert (closing.value, closing.limit) == ("10", "<= 10")


def test_children_are_never_asked_what_an_entry_is_asked() -> None:
    """Prices far from the market and off the grid, a full desk: only their parent is denied."""
    full = {"open_orders": 100, "symbol_orders": 10, "gross": D(100_000), "data_age_ns": None}
    far = {"stop_price": D("1.23456")}
    judged = judge(gate(), [parent(), child("stop", **far), child("target")], *[view(**full)] * 3)
    assert {"OPEN_ORDERS", "OPEN_ORDERS_SYMBOL", "GROSS_LIMIT", "STALE_DATA"} <= set(failed(judged[0]))
    assert failed(judged[1]) == failed(judged[2]) == ["LIST_DENIED"]
    assert judged[1].verdict().detail == "td-p: STALE_DATA, limit every leg approved"


@pytest.mark.parametrize(
    ("position", "quantity", "side", "passes"),
    [
        (D(0), "10", SELL, True),
        (D(0), "10.001", SELL, False),  # more than the parent opens
        (D(0), "5", SELL, True),
        (D(0), "10", BUY, False),  # adds to it
        (D(5), "10", SELL, True),
        (D(5), "15", SELL, False),  # of the position that is held already, too
        (D(-4), "6", SELL, True),  # the parent closes 4 and opens 6
        (D(-4), "6.001", SELL, False),
        (D(-10), "1", SELL, False),  # it opens nothing
        (D(-15), "1", SELL, False),
        (None, "10", SELL, True),  # the parent is denied for it, not the child
    ],
)
def test_children_reduce_what_their_parent_opens(
    position: Decimal | None, quantity: str, side: Side, passes: bool
) -> None:
    requests = [parent(), child("stop", quantity=D(quantity), side=side)]
    judged = judge(gate(), requests, *[view(position=position)] * 2)
    assert ("NOT_REDUCING" not in failed(judged[1])) is passes


def test_a_child_of_a_parent_that_works_already_is_judged_by_the_view() -> None:
    late = child("stop")
    assert gate().check(late, view(opening=D(4), opened=D(10), position=D(6))).approved
    assert not gate().check(late, view(opening=D(4), opened=D(10), position=D(5))).approved
    assert not gate().check(late, view(opening=D(4), opened=D(9), position=D(6))).approved


def test_one_impossible_child_denies_the_bracket() -> None:
    judged = judge(gate(), [parent(), child("stop", stop_price=D("NaN")), child("target")])
    assert [failed(one) for one in judged] == [["LIST_DENIED"], ["BAD_PRICE"], ["LIST_DENIED"]]
    assert not any(one.approved for one in judged)


@pytest.mark.parametrize(
    ("requests", "number", "why"),
    [
        ([parent(), child(client_order_id="td-p")], 1, "the id of another leg"),
        ([parent(), child(symbol="sim:ETH-USD")], 1, "another symbol or gateway than its parent"),
        ([parent(), child(gateway="alpaca")], 1, "another symbol or gateway than its parent"),
        ([parent(), child(purpose=Purpose.ENTRY, reduce_only=False)], 1, "a child must be an exit"),
        ([parent(), child(), child("target", parent_id="td-stop")], 2, "its parent is no entry"),
        ([parent(), parent(client_order_id="td-2", list_id="td-x", quantity=D(1))], 1, "of another list"),
        ([parent(), parent(client_order_id="td-2")], 1, "identical to another leg"),
    ],
)
def test_legs_that_do_not_fit(requests: list[OrderRequest], number: int, why: str) -> None:
    judged = judge(gate(), requests)
    assert "BAD_LEG" in failed(judged[number])
    assert next(c.value for c in judged[number].verdict().checks if c.code == "BAD_LEG") == why
    assert not any(one.approved for one in judged if not one.request.reduce_only)


def oco(**changes: Any) -> list[OrderRequest]:
    """Two entries of which one fills."""
    limit = {"type": OrderType.LIMIT, "list_id": "l"}
    first = entry(client_order_id="td-1", siblings=("td-2",), price=D(99), **(limit | changes))
    second = entry(client_order_id="td-2", siblings=("td-1",), price=D("98.5"), **(limit | changes))
    return [first, second]


def test_of_siblings_one_counts_of_others_all() -> None:
    # Each is worth about 3.9 % of equity; together they pass a limit of 7 % only as siblings.
    desk = gate(max_gross_pct=7.0, max_position_pct=7.0, max_net_pct=7.0)
    assert [one.approved for one in judge(desk, oco(quantity=D(40)))] == [True, True]
    apart = [
        entry(client_order_id=f"td-{n}", type=OrderType.LIMIT, price=D(99) - n, quantity=D(40), list_id="l")
        for n in range(2)
    ]
    judged = judge(desk, apart)
    assert failed(judged[1])[:3] == ["POSITION_LIMIT", "GROSS_LIMIT", "NET_LIMIT"]
    assert failed(judged[0]) == ["LIST_DENIED"]


def test_open_orders_and_tokens_count_every_leg() -> None:
    for limits, code in (
        ({"max_open_orders": 1}, "OPEN_ORDERS"),
        ({"max_open_orders_per_symbol": 1}, "OPEN_ORDERS_SYMBOL"),
    ):
        judged = judge(gate(**limits), oco())
        assert failed(judged[1]) == [code]
    apart = [parent(quantity=D(n + 1), client_order_id=f"td-{n}") for n in range(3)]
    judged = judge(gate(order_burst=2), apart)
    assert failed(judged[1]) == ["LIST_DENIED"] and failed(judged[2]) == ["THROTTLE"]


def test_budgets_and_scopes_count_the_legs_before() -> None:
    both = [parent(client_order_id=f"td-{n}", quantity=D(n + 10), sources=("trend",)) for n in range(2)]
    seen = view(budgets=(("trend", D("0.015"), D(0)),))
    judged = judge(gate(), both, seen, view(budgets=(("trend", D("0.015"), D(0)),)))
    assert failed(judged[1]) == ["STRATEGY_BUDGET"]
    desk = gate(strategies={"trend": {"max_gross_pct": 1.5}})
    use = (ScopeUse("strategy:trend", 0, D(0), D(0)),)
    judged = judge(desk, both, view(scopes=use), view(scopes=use))
    assert failed(judged[1]) == ["GROSS_LIMIT"]


def test_two_legs_never_meet_each_other() -> None:
    legs = [
        entry(client_order_id="td-1", type=OrderType.LIMIT, price=D(100), list_id="l"),
        entry(client_order_id="td-2", side=SELL, type=OrderType.LIMIT, price=D(100), list_id="l"),
    ]
    assert failed(judge(gate(), legs)[1]) == ["SELF_TRADE"]
    siblings = [
        entry(client_order_id="td-1", type=OrderType.LIMIT, price=D(99), list_id="l", siblings=("td-2",)),
        entry(client_order_id="td-2", side=SELL, type=OrderType.LIMIT, price=D(101), list_id="l"),
    ]
    assert [one.approved for one in judge(gate(), siblings)] == [True, True], "a straddle"


def exits_of(position: int, *quantities: int, linked: bool) -> list[OrderRequest]:
    ids = [f"td-{n}" for n in range(len(quantities))]
    return [
        child(
            "stop", client_order_id=name, quantity=D(quantity), parent_id="",
            type=OrderType.STOP if linked else OrderType.MARKET,
            siblings=tuple(other for other in ids if other != name) if linked else (),
            side=SELL if position > 0 else BUY,
        )
        for name, quantity in zip(ids, quantities, strict=True)
    ]  # fmt: skip


def test_siblings_may_each_close_the_whole_position_others_share_it() -> None:
    held = view(position=D(10))
    assert [one.approved for one in judge(gate(), exits_of(10, 10, 10, linked=True), held, held)] == [
        True,
        True,
    ]
    assert [one.approved for one in judge(gate(), exits_of(10, 6, 4, linked=False), held, held)] == [
        True,
        True,
    ]
    assert [one.approved for one in judge(gate(), exits_of(10, 6, 5, linked=False), held, held)] == [
        True,
        False,
    ]


def test_an_exit_of_what_is_held_is_not_kept_back_by_a_denied_entry_beside_it() -> None:
    requests = [*exits_of(10, 10, linked=True), entry(client_order_id="td-new", list_id="td-p")]
    halted = gate()
    halted.restore(RiskState.HALTED)
    judged = judge(halted, requests, view(position=D(10)), view(position=D(10)))
    assert judged[0].approved and failed(judged[1]) == ["NOT_ACTIVE"]


def test_a_leg_whose_numbers_are_none_is_denied_not_raised() -> None:
    judged = judge(gate(), [parent(), parent(client_order_id="td-2", quantity=D("sNaN"))])
    assert not judged[0].approved and not judged[1].approved


def test_judging_a_list_changes_nothing() -> None:
    desk, views = gate(), [view() for _ in range(3)]
    first = [one.verdict() for one in judge(desk, bracket(), *views)]
    assert [one.verdict() for one in judge(desk, bracket(), *views)] == first
    assert views == [view() for _ in range(3)]


junk = st.sampled_from([0.0, -1.0, math.nan, math.inf, 100.0])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(RiskState),
    st.integers(1, 10_000),
    st.booleans(),
    st.fixed_dictionaries(
        {
            "bid": junk,
            "ask": junk,
            "last": junk,
            "equity": st.sampled_from([None, D(0), D("NaN"), D(100_000)]),
            "data_age_ns": st.none() | st.integers(-T0, T0),
            "open_orders": st.integers(-1, 200),
            "blocked": st.sampled_from(["", "panic"]),
            "own_bid": st.sampled_from([None, D("Infinity"), D(99)]),
            "own_ask": st.sampled_from([None, D(0), D(101)]),
        }
    ),
)
def test_no_exit_leg_is_ever_denied_by_an_entry_check(
    state: RiskState, quantity: int, long: bool, seen: dict[str, Any]
) -> None:
    desk = gate(symbols={SYMBOL: {"max_open_orders": 1, "max_gross_pct": 0.1}}, max_model_age_s=1.0)
    desk.restore(state)
    for n in range(30):
        desk.sent(entry(client_order_id=f"td-used-{n}"), T0)
    held = D(quantity) if long else D(-quantity)
    requests = [
        *exits_of(int(held), quantity, quantity, linked=True),
        entry(client_order_id="td-e", list_id="td-p"),
    ]
    judged = judge(desk, requests, *[view(position=held, **seen) for _ in requests])
    assert judged[0].approved and judged[1].approved, [one.verdict().detail for one in judged]
    legs = [child(name, quantity=D(10)) for name in ("stop", "target")]
    judged = judge(desk, [parent(), *legs], *[view(position=D(0), **seen) for _ in range(3)])
    for one in judged[1:]:
        assert set(failed(one)) <= {"LIST_DENIED"}, "only with the entry that it was to close"
