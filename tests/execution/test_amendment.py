"""What of a working order may change, and to what."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.errors import OrderError
from engine.events import Amendment, ChangeKind, OrderRequest, OrderState, OrderType, Side
from engine.execution.amendment import amended
from engine.execution.order import Order
from engine.execution.ticket import TicketView
from engine.instruments import Instrument
from tests.execution.conftest import SYMBOL
from tests.execution.test_order import CHILD, WAYS, change, event, fill, order_in

Make = Callable[..., OrderRequest]
S = OrderState
INSTRUMENT = Instrument(0, SYMBOL, "USD", Decimal("0.01"), Decimal("0.001"), Decimal(10))


def view(market: float = 100.0) -> TicketView:
    return TicketView(
        instrument=INSTRUMENT,
        now_ns=0,
        bid=market - 0.01,
        ask=market + 0.01,
        last=market,
        position=Decimal(0),
        equity=None,
    )


PRICES: dict[OrderType, dict[str, Any]] = {
    OrderType.MARKET: {},
    OrderType.LIMIT: {"price": Decimal(99)},
    OrderType.STOP: {"stop_price": Decimal(101)},
    OrderType.STOP_LIMIT: {"stop_price": Decimal(101), "price": Decimal(102)},
    OrderType.TRAILING_STOP: {"trail": Decimal(2), "stop_price": Decimal(103)},
    OrderType.TAKE_PROFIT: {"stop_price": Decimal(99)},
}
CHANGEABLE = {
    OrderType.MARKET: {"quantity"},
    OrderType.LIMIT: {"quantity", "price"},
    OrderType.STOP: {"quantity", "stop_price"},
    OrderType.STOP_LIMIT: {"quantity", "price", "stop_price"},
    OrderType.TRAILING_STOP: {"quantity", "trail"},
    OrderType.TAKE_PROFIT: {"quantity", "stop_price"},
}


def working(request_: Make, kind: OrderType, state: OrderState = S.ACCEPTED, **fields: Any) -> Order:
    return order_in(state, request_(**({"type": kind} | PRICES[kind] | fields)))


def amendment(**fields: str) -> Amendment:
    return Amendment(**{name: Decimal(text) for name, text in fields.items()})


def refusal(order: Order, **fields: str) -> str:
    before = msgspec.structs.astuple(order)
    with pytest.raises(OrderError) as caught:
        amended(order, amendment(**fields), view())
    assert msgspec.structs.astuple(order) == before and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", Amendment.__struct_fields__)
@pytest.mark.parametrize("kind", OrderType)
def test_which_fields_of_which_type(kind: OrderType, name: str, request_: Make) -> None:
    order = working(request_, kind)
    now = getattr(order, name)
    value = "101.5" if name == "price" else "101.25"
    if name in CHANGEABLE[kind]:
        market = view(103.0 if kind is OrderType.TAKE_PROFIT else 100.0)
        request = amended(order, amendment(**{name: value}), market)
        assert getattr(request, name) == Decimal(value) != now
        assert msgspec.structs.replace(request, **{name: getattr(order.request, name)}) == order.request
    else:
        assert f"has no {name} to change" in refusal(order, **{name: value})


@pytest.mark.parametrize("state", S)
def test_in_which_states(state: OrderState, request_: Make) -> None:
    fields = CHILD if state is S.HELD else {}
    order = working(request_, OrderType.STOP, state, **fields)
    if state in (S.SUBMITTED, S.ACCEPTED, S.TRIGGERED, S.PARTIALLY_FILLED):
        assert amended(order, amendment(quantity="5"), view()).quantity == 5
    else:
        refusal(order, quantity="5")


@pytest.mark.parametrize("kind", [ChangeKind.UPDATE_ASKED, ChangeKind.CANCEL_ASKED])
def test_while_something_is_pending(kind: ChangeKind, request_: Make) -> None:
    order = working(request_, OrderType.LIMIT)
    order.apply(change(kind, order.request))
    assert "wait for the answer" in refusal(order, quantity="2")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "nothing to change"),
        ({"price": "99"}, "nothing to change"),
        ({"price": "99.00", "quantity": "1"}, "nothing to change"),
        ({"price": "99.001"}, "take 99.00 or 99.01"),
        ({"price": "0"}, "price 0"),
        ({"price": "NaN"}, "price NaN"),
        ({"quantity": "-1"}, "quantity -1"),
        ({"quantity": "NaN"}, "quantity NaN"),
        ({"quantity": "1.0001"}, "take 1.000 or 1.001"),
        ({"quantity": "0.01"}, "worth 0.99, less than 10"),
        ({"price": "98", "trail": "1"}, "a limit order has no trail"),
    ],
    ids=str,
)
def test_to_what(fields: dict[str, str], says: str, request_: Make) -> None:
    assert says in refusal(working(request_, OrderType.LIMIT), **fields)


def test_not_below_what_is_filled(request_: Make) -> None:
    order = working(request_, OrderType.LIMIT)
    order.apply(fill(order.request, "0.4"))
    for quantity in ("0.3", "0.4"):
        assert "has 0.4 filled" in refusal(order, quantity=quantity)
    assert amended(order, amendment(quantity="0.401"), view()).quantity == Decimal("0.401")


def test_from_what_it_was_amended_to(request_: Make) -> None:
    order = working(request_, OrderType.LIMIT)
    order.apply(change(ChangeKind.UPDATED, order.request, amendment(price="98", quantity="3")))
    request = amended(order, amendment(price="99"), view())
    assert (request.price, request.quantity) == (99, 3)
    assert "nothing to change" in refusal(order, price="98")


def test_a_trigger_that_went_off_is_past(request_: Make) -> None:
    order = working(request_, OrderType.STOP_LIMIT, S.TRIGGERED)
    assert "was triggered" in refusal(order, stop_price="104")
    assert amended(order, amendment(price="100"), view()).price == 100  # below its stop: that is past
    order.apply(fill(order.request, "0.1"))
    assert "was triggered" in refusal(order, stop_price="104")


def test_a_stop_limit_stays_able_to_fill(request_: Make) -> None:
    order = working(request_, OrderType.STOP_LIMIT)
    assert "could not fill" in refusal(order, price="100")
    assert "could not fill" in refusal(order, stop_price="103")
    assert amended(order, amendment(price="104", stop_price="103"), view()).price == 104


def test_the_size_of_what_is_linked_follows_the_others(request_: Make) -> None:
    for link in ({"parent_id": "td-0"}, {"siblings": ("td-2",)}):
        order = working(request_, OrderType.LIMIT, **link)
        assert "is linked" in refusal(order, quantity="2")
        assert amended(order, amendment(price="98"), view()).price == 98


def test_an_exit_may_become_tiny(request_: Make) -> None:
    order = working(request_, OrderType.LIMIT, reduce_only=True)
    assert amended(order, amendment(quantity="0.001"), view()).quantity == Decimal("0.001")


def test_an_order_that_is_not_sent(request_: Make) -> None:
    order = Order.begin(event(S.INITIALIZED, request_(), request=request_()))
    assert "is not sent yet" in refusal(order, quantity="2")
    assert set(WAYS) == set(S)


@pytest.mark.parametrize(
    ("kind", "side", "fields", "says"),
    [
        (OrderType.STOP, Side.SELL, {"stop_price": "102"}, "of a stop sell has to be below the market, 100"),
        (OrderType.STOP, Side.SELL, {"stop_price": "100"}, "has to be below the market, 100"),
        (OrderType.STOP, Side.BUY, {"stop_price": "99"}, "of a stop buy has to be above the market, 100"),
        (OrderType.STOP_LIMIT, Side.BUY, {"stop_price": "99"}, "of a stop limit buy has to be above the"),
        (OrderType.TAKE_PROFIT, Side.BUY, {"stop_price": "101"}, "of a take profit buy has to be below the"),
        (OrderType.TRAILING_STOP, Side.SELL, {"trail": "100"}, "trail 100 reaches below zero from 100"),
    ],
)
def test_a_trigger_is_not_moved_beyond_the_market(
    kind: OrderType, side: Side, fields: dict[str, str], says: str, request_: Make
) -> None:
    assert says in refusal(working(request_, kind, side=side, reduce_only=True), **fields)


def test_what_else_of_an_order_changes_though_the_market_is_beyond_its_trigger(request_: Make) -> None:
    order = working(request_, OrderType.STOP)
    assert amended(order, amendment(quantity="2"), view(105.0)).quantity == 2
    trailing = working(request_, OrderType.TRAILING_STOP)
    assert amended(trailing, amendment(trail="1"), view(105.0)).trail == 1


def test_an_exit_is_moved_without_a_market(request_: Make) -> None:
    order = working(request_, OrderType.STOP, reduce_only=True)
    assert amended(order, amendment(stop_price="90"), view(math.nan)).stop_price == 90
    with pytest.raises(OrderError, match="is unknown: wait for data"):
        amended(working(request_, OrderType.STOP), amendment(stop_price="90"), view(math.nan))
