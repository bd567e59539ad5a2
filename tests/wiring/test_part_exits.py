"""A part of a position is closed, and the rest stays protected."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.events import Purpose, RiskState
from tests.wiring.one_market import A, Market, opened
from tests.wiring.placed_orders import place, the_order
from tests.wiring.silent_broker import Broker


def test_a_part_of_a_position_goes_and_the_rest_stays_protected() -> None:
    market = Market()
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    market.desk.trading.close_part(A, Decimal(40), limited=True)
    for _ in range(4):
        market.tick()
    assert market.held == 6
    assert {order.leaves for order in market.desk.trading.blotter.open_orders(A)} == {Decimal(6)}


@pytest.mark.parametrize("purpose", [Purpose.STOP_LOSS, Purpose.FLATTEN])
def test_a_part_that_takes_its_time_to_close_keeps_no_exit_from_the_rest(purpose: Purpose) -> None:
    market, broker = opened(), Broker()  # the broker says nothing: the part stays at work
    trading, held = market.desk.trading, market.held
    trading.add_gateway(broker, [A])
    trading.close_part(A, Decimal(25), limited=False)
    part = the_order(market).quantity
    if purpose is Purpose.FLATTEN:
        trading.set_state(RiskState.HALTED, "me", "")
        trading.flatten()
    for _ in range(4):
        market.tick(98.0 if purpose is Purpose.STOP_LOSS else 100.0)
    rest = the_order(market)
    assert (rest.request.purpose, rest.quantity) == (purpose, held - part) and 0 < part < held
    assert len(broker.asked) == 2, "once, and no more than is held"
    assert trading.work.closing(A) == held
