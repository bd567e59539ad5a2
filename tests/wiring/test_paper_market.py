"""Which prices the paper venue judges orders by: those of their symbols, and none of before."""

from __future__ import annotations

from engine.events import NS, OrderState
from tests.wiring.conftest import START_NS, calm, quote
from tests.wiring.one_market import A, Market
from tests.wiring.placed_orders import SLOW, place, requests, the_order

B = "sim:BBB-USD"


def test_every_symbol_of_a_list_is_waited_for() -> None:
    market = Market(overrides=SLOW)
    for events in calm(B, 50.0, 2, start=60):
        market.desk.on_events(events)
    made = requests(market.desk, type="limit", quantity="1", price="99.5", token="a")
    made += requests(market.desk, symbol=B, type="limit", quantity="1", price="49.8", token="b")
    assert all(verdict.approved for verdict in market.desk.trading.submit_list(made))
    market.desk.on_events([quote(B, 49.99, 50.01, 62.5)])
    waiting = market.desk.trading.paper.waiting()
    assert waiting[made[1].client_order_id].startswith("limit 49.8, "), "it met the market"


def test_a_print_of_before_an_order_takes_nothing_of_what_it_meets() -> None:
    market = Market(overrides=SLOW)
    market.tick(100.5)
    at = market.at_s
    market.desk.on_events([quote(A, 99.99, 100.01, at + 0.1)])
    place(market.desk, quantity="1")
    market.desk.on_events([quote(A, 99.99, 100.01, at + 0.2)])
    assert market.held == 1, "the trade at 100.50 was over when the offer at 100.01 came"


def test_a_stop_is_not_set_off_by_a_trade_of_long_ago() -> None:
    market = Market(overrides=SLOW)
    market.tick(99.0)
    at = market.at_s
    for n in range(1, 50):
        market.desk.on_events([quote(A, 99.99, 100.01, at + n / 10)])
        market.desk.advance(START_NS + int((at + n / 10) * NS))
    place(market.desk, quantity="10", stop_loss="99.5")
    for n in range(50, 55):
        market.desk.on_events([quote(A, 99.99, 100.01, at + n / 10)])
    assert market.held == 10
    stop = the_order(market)
    assert stop.state is OrderState.ACCEPTED
    assert market.desk.trading.paper.waiting()[stop.client_order_id] == "no last trade to judge it by"
