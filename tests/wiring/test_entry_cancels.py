"""A halt's cancels at a broker are asked for until they are done, and what stays at work is told."""

from __future__ import annotations

from itertools import pairwise

from engine.events import Alert, ChangeKind, OrderChange, OrderEvent, OrderState, Pending, RiskState
from engine.execution.order import Order
from tests.wiring.one_market import A, Market
from tests.wiring.placed_orders import place, the_order
from tests.wiring.silent_broker import Broker, routed


def halted() -> tuple[Market, Broker, Order]:
    market, broker = routed()
    place(market.desk, type="limit", quantity="1", price="99")
    order = the_order(market)
    market.desk.trading.take(
        [OrderEvent(order.client_order_id, A, OrderState.ACCEPTED, "", order.created_ns)]
    )
    market.desk.trading.set_state(RiskState.HALTED, "me", "enough")
    assert asked(broker) == 1
    return market, broker, order


def asked(broker: Broker) -> int:
    return sum(what == "cancel" for what, _ in broker.asked)


def refuse(market: Market, order: Order) -> None:
    name = order.client_order_id
    refused = OrderChange(name, A, ChangeKind.CANCEL_REFUSED, "pending new", order.updated_ns)
    market.desk.trading.take([refused])


def alerts(market: Market) -> list[str]:
    return [one.text for one in market.bench.kinds(Alert)]  # type: ignore[attr-defined]


def test_a_refused_cancel_of_an_entry_is_asked_again_ever_less_often_and_told() -> None:
    market, broker, order = halted()
    at: list[float] = []
    for _ in range(100):
        before = asked(broker)
        if order.pending is Pending.CANCEL:
            refuse(market, order)
        market.tick()
        if asked(broker) > before:
            at.append(market.at_s)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert 4 <= len(at) <= 6 and gaps == sorted(gaps) and gaps[-1] > 3.9, gaps
    (told,) = alerts(market)
    assert order.client_order_id in told and "10 s after" in told and "pending new" in told
    name = order.client_order_id
    market.desk.trading.take([OrderEvent(name, A, OrderState.CANCELED, "", order.updated_ns)])
    before = asked(broker)
    for _ in range(60):
        market.tick()
    assert asked(broker) == before and len(alerts(market)) == 1


def test_a_lost_cancel_is_told_and_not_doubled() -> None:
    market, broker, _ = halted()
    for _ in range(45):
        market.tick()
    assert not alerts(market)
    for _ in range(15):
        market.tick()
    assert len(alerts(market)) == 1 and asked(broker) == 1, "the gateway repeats it by itself"


def test_nothing_is_asked_again_once_entries_are_on() -> None:
    market, broker, order = halted()
    refuse(market, order)
    market.desk.trading.set_state(RiskState.ACTIVE, "me", "")
    for _ in range(60):
        market.tick()
    assert asked(broker) == 1 and not alerts(market)
