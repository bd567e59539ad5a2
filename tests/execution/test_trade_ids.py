"""Trade ids of an order: as a tuple has them, in constant time, whatever copies of the order do."""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from engine.events import Fill, OrderEvent, OrderRequest, OrderState, OrderType, Purpose, Side
from engine.execution.order import Order
from engine.execution.trade_ids import FEW, TradeIds, with_one_more
from tests.execution.conftest import SYMBOL, T0

REQUEST = OrderRequest(
    "td-1", SYMBOL, Side.BUY, OrderType.MARKET, Decimal(100_000), Purpose.ENTRY, False, T0, 100.0
)


def submitted() -> Order:
    order = Order.begin(OrderEvent("td-1", SYMBOL, OrderState.INITIALIZED, "", T0, REQUEST))
    order.apply(OrderEvent("td-1", SYMBOL, OrderState.SUBMITTED, "", T0))
    return order


def fill(trade_id: str) -> Fill:
    one, price = Decimal(1), Decimal(100)
    return Fill(trade_id, "td-1", SYMBOL, Side.BUY, one, price, Decimal(0), "taker", 100.0, T0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30))))
def test_copies_that_go_on_apart_have_what_tuples_have(steps: list[tuple[int, int]]) -> None:
    """Each step goes on with one of those so far, the newest first."""
    known: list[tuple[tuple[str, ...], tuple[str, ...] | TradeIds]] = [((), ())]
    for back, number in steps:
        expected, found = known[-1 - back % len(known)]
        name = f"tx-{number}"
        assert (name in found) is (name in expected)
        if name not in expected:
            known.append(((*expected, name), with_one_more(found, name)))
    for expected, found in known:
        assert tuple(found) == expected and len(found) == len(expected)
        assert isinstance(found, tuple) is (len(expected) <= FEW)


def test_an_order_of_many_fills_takes_time_in_proportion() -> None:
    count = 20_000
    order = submitted()
    fills: list[Fill] = [fill(f"tx-{number}") for number in range(count)]
    began = perf_counter()
    for one in fills:
        assert order.apply(one)
    assert perf_counter() - began < 5.0, "as tuples: a minute"
    assert len(order.trade_ids) == count and not order.apply(fills[77])


def test_a_copy_of_an_order_goes_on_by_itself() -> None:
    order = submitted()
    for number in range(FEW + 2):
        order.apply(fill(f"tx-{number}"))
    ahead = copy(order)
    assert ahead.apply(fill("tx-ahead")) and "tx-ahead" not in order.trade_ids
    assert order.apply(fill("tx-other")) and "tx-other" not in ahead.trade_ids
    assert len(order.trade_ids) == len(ahead.trade_ids) == FEW + 3
    assert order != ahead
    assert ahead.apply(fill("tx-other")) and order.apply(fill("tx-ahead"))
    assert set(order.trade_ids) == set(ahead.trade_ids)
