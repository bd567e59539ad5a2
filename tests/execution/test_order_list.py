"""Lists: sent together or not at all; one cancels the other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.errors import OrderError
from engine.events import OrderType, Side, TimeInForce
from engine.execution.order_list import one_cancels_other, order_list
from engine.execution.ticket import Ticket, TicketView
from engine.instruments import Instrument
from tests.execution.test_ticket import SELL, ticket, view

HELD = view(position="2")


def stop(**fields: Any) -> Ticket:
    return ticket(**({"side": SELL, "type": OrderType.STOP, "stop_price": "95"} | fields))


def target(**fields: Any) -> Ticket:
    return ticket(**({"side": SELL, "type": OrderType.LIMIT, "price": "110"} | fields))


def pair(first: Ticket, second: Ticket, seen: TicketView = HELD) -> list[tuple[Ticket, TicketView]]:
    return [(first, seen), (second, seen)]


def test_one_cancels_the_other() -> None:
    first, second = one_cancels_other(pair(stop(), target()))
    assert first.siblings == (second.client_order_id,) and second.siblings == (first.client_order_id,)
    assert first.list_id == second.list_id != "" and first.parent_id == second.parent_id == ""
    assert first.reduce_only and second.reduce_only
    assert [first, second] == one_cancels_other(pair(stop(), target()))


def test_a_breakout_either_way() -> None:
    above = ticket(type=OrderType.STOP, stop_price="105")
    first, second = one_cancels_other(pair(above, stop(), view()))
    assert (first.side, second.side) == (Side.BUY, Side.SELL) and first.siblings == (second.client_order_id,)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (stop(), target(quantity="0.5"), r"differ in quantity \(1, 0.5\)"),
        (stop(), target(gateway="alpaca"), "differ in gateway"),
        (stop(quantity="2"), ticket(type=OrderType.LIMIT, price="90", quantity="2"), "differ in reduce_only"),
        (stop(), ticket(side=SELL), "have to wait"),
        (stop(), target(time_in_force=TimeInForce.IOC), "have to wait"),
        (stop(), ticket(type=OrderType.LIMIT, price="99", stop_loss="95"), "no brackets"),
        (stop(token="t"), target(token="t"), "the same token"),
        (stop(), target(price="110.001"), "take 110.00 or 110.01"),
    ],
)
def test_what_is_no_pair(first: Ticket, second: Ticket, says: str) -> None:
    with pytest.raises(OrderError, match=says):
        one_cancels_other(pair(first, second))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_pair_is_two(count: int) -> None:
    with pytest.raises(OrderError, match=f"not {count}"):
        one_cancels_other([(target(), HELD)] * count)


def test_a_pair_is_of_one_symbol() -> None:
    other = Instrument(1, "sim:ETH-USD", "USD", Decimal("0.01"), Decimal("0.001"))
    with pytest.raises(OrderError, match="differ in symbol"):
        one_cancels_other(
            [(stop(), HELD), (target(symbol="sim:ETH-USD"), view(instrument=other, position="2"))]
        )


def test_a_list_of_orders_and_brackets() -> None:
    plain = ticket()
    made = order_list([(plain, view()), (ticket(stop_loss="95", take_profit="110"), view()), (plain, view())])
    assert len(made) == 5 and len({request.client_order_id for request in made}) == 5
    assert len({request.list_id for request in made}) == 1 and made[0].list_id.startswith("tl-")
    assert [bool(request.parent_id) for request in made] == [False, False, True, True, False]
    assert made[2].siblings == (made[3].client_order_id,) and made[0].siblings == ()


def test_one_that_is_wrong_spoils_the_list() -> None:
    with pytest.raises(OrderError, match="needs a price"):
        order_list([(ticket(), view()), (ticket(type=OrderType.LIMIT), view())])
    with pytest.raises(OrderError, match="1 to 100 tickets"):
        order_list([])
    with pytest.raises(OrderError, match="1 to 100 tickets"):
        order_list([(ticket(), view())] * 101)
