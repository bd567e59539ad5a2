"""A person's own stop and target stand in place of the desk's while they close all of a position."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.events import Amendment, OrderEvent, OrderState, Purpose
from engine.wiring.own_exits import OwnExits
from engine.wiring.tickets import Tickets
from tests.wiring.one_market import QUIET, A, Market, opened
from tests.wiring.placed_orders import SLOW, requests, the_order
from tests.wiring.test_order_lists import exits, place
from tests.wiring.test_view import frame

STILL = tuple(f"strategies.{name}.enabled=false" for name in (*QUIET, "breakout"))
NEAR = (*SLOW, *STILL, "exits.stop_loss_pct=0.5", "exits.take_profit_pct=1", "exits.sweep_s=1")
OWN = {"stop_loss": "95", "take_profit": "110"}


def bracketed(**given: str) -> Market:
    market = Market(overrides=NEAR)
    market.tick()
    market.desk.trading.submit_list(requests(market.desk, quantity="10", **(given or OWN)))
    market.tick()
    market.tick()
    assert market.held == 10
    return market


def at(market: Market, price: float, ticks: int = 12) -> list[Purpose]:
    """What the desk sends of its own while the market is there."""
    before = len(market.purposes())
    for _ in range(ticks):
        market.tick(price)
    return market.purposes()[before:]


@pytest.mark.parametrize("price", [98.0, 104.0])
def test_a_bracket_is_left_at_its_own_levels(price: float) -> None:
    market = bracketed()
    assert at(market, price) == [] and market.held == 10
    assert at(market, 94.9 if price < 100 else 110.1) == [], "its own orders close it"
    assert market.held == 0


def test_a_position_shows_the_levels_that_count() -> None:
    levels = bracketed().desk.trading.watch.levels(A)
    assert levels is not None and (levels.stop, levels.target) == (95, 110)


def test_a_side_that_is_not_covered_is_the_desks() -> None:
    market = bracketed(stop_loss="95")
    assert at(market, 98.0) == []
    assert at(market, 101.5) == [Purpose.TAKE_PROFIT] and market.held == 0
    market = bracketed(take_profit="110")
    assert at(market, 104.0) == []
    assert at(market, 98.0) == [Purpose.STOP_LOSS] and market.held == 0


def test_the_desks_stop_is_back_at_once_when_the_own_one_is_canceled() -> None:
    market = bracketed()
    assert at(market, 98.0) == []
    market.desk.trading.cancel(the_order(market, 1).client_order_id, "me")
    assert at(market, 98.0, 4) == [Purpose.STOP_LOSS] and market.held == 0


def test_orders_that_close_a_part_stand_in_for_nothing() -> None:
    market = opened(overrides=NEAR)
    half = Decimal(4)
    wanted = requests(
        market.desk, side="sell", type="stop", quantity=f"{half:f}", stop_price="95", reduce_only=True
    )
    market.desk.trading.submit(wanted[0], market.desk.instruments[0])
    market.tick()
    covers = OwnExits(market.desk.trading.work).covers
    assert covers(A, half).stop is not None and covers(A, market.held).stop is None
    assert covers(A, -half).stop is None, "it is of the other side"
    assert Purpose.STOP_LOSS in at(market, 99.0)


def test_exits_given_to_a_position_that_is_held_count_alike() -> None:
    market = opened(overrides=NEAR)
    assert place(market, exits(market, target="110", stop="95")).ok
    market.tick()
    assert at(market, 98.0) == [] and at(market, 104.0) == []
    assert at(market, 94.9) == [] and market.held == 0


def test_an_own_trailing_stop_is_shown_where_it_has_moved_to() -> None:
    market = opened(overrides=NEAR)
    trading, part = market.desk.trading, Decimal(4)

    def shown() -> tuple[str, str]:
        (row,) = frame(market.bench, market.desk.now_ns).positions
        return row.stop_price, row.trailing_price

    stop = shown()[0]
    assert stop and shown() == (stop, "")
    for trail, quantity in (("3", part), ("2", market.held - part)):
        given = {"side": "sell", "type": "trailing_stop", "reduce_only": True}
        (wanted,) = requests(market.desk, quantity=f"{quantity:f}", trail=trail, **given)
        assert trading.submit(wanted, market.desk.instruments[0]).approved
        market.tick()
        market.tick(100.5)
        market.tick()
        assert shown() == ((stop, "") if trail == "3" else ("", "98.5")), "a part is not covered"


def test_an_amended_level_is_shown() -> None:
    market = bracketed()
    stop = the_order(market, 1)
    market.desk.trading.amend(stop.client_order_id, Amendment(stop_price=Decimal(97)), "me")
    market.tick()
    levels = market.desk.trading.watch.levels(A)
    assert levels is not None and levels.stop == 97


def test_the_trailing_stop_and_the_time_exit_stay() -> None:
    market = Market(overrides=(*NEAR, "exits.trailing_stop_pct=1"))
    market.tick()
    market.desk.trading.submit_list(requests(market.desk, quantity="10", **OWN))
    market.tick()
    market.tick()
    assert at(market, 98.5) == [Purpose.TRAILING_STOP] and market.held == 0


def test_a_preview_tells_where_the_position_is_left() -> None:
    market = Market(overrides=NEAR)
    market.tick()
    tickets = Tickets(market.desk)

    def told(**given: str) -> str:
        return tickets.preview(requests(market.desk, quantity="10", **given)).text.partition("; ")[2]

    assert told() == "exits of the desk: stop 0.5 %, target 1 %"
    assert told(**OWN) == "exits: own stop 95, own target 110"
    assert told(stop_loss="95") == "exits: own stop 95, the desk's target 1 %"


def test_children_that_an_exit_of_the_desk_replaces_say_so() -> None:
    market = bracketed()
    market.desk.trading.flatten()
    for _ in range(6):
        market.tick()
    children = [the_order(market, n) for n in (1, 2)]
    assert {order.state for order in children} == {OrderState.CANCELED} and market.held == 0
    assert {order.reason for order in children} == {"replaced: flatten asked for"}
    ends = [
        event.reason
        for event in market.bench.journal
        if isinstance(event, OrderEvent) and event.state is OrderState.CANCELED
    ]
    assert ends == ["replaced: flatten asked for"] * 2
