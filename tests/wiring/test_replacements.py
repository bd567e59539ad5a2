"""Exits beside exits: none closes a position twice, at brokers that clamp nothing least of all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.errors import OrderError
from engine.events import Alert, ChangeKind, Fill, OrderChange, OrderEvent, OrderState, Purpose
from engine.execution.order import Order
from tests.wiring.one_market import A, Market, opened
from tests.wiring.placed_orders import SLOW, place, the_order
from tests.wiring.silent_broker import Broker

WIDE = ("exits.stop_loss_pct=1", "exits.take_profit_pct=40", "exits.sweep_s=1", "exits.cooldown_bars=0")


def at_broker(**options: object) -> tuple[Market, Broker]:
    market, broker = opened(overrides=WIDE, **options), Broker()
    market.desk.trading.add_gateway(broker, [A])
    return market, broker


def accept(market: Market, order: Order) -> None:
    market.desk.trading.take([_event(order, OrderState.ACCEPTED)])


def _event(order: Order, state: OrderState) -> OrderEvent:
    return OrderEvent(order.client_order_id, A, state, "", order.updated_ns)


def cancel(market: Market, order: Order) -> None:
    market.desk.trading.take([_event(order, OrderState.CANCELED)])


def fill(market: Market, order: Order, quantity: Decimal) -> None:
    request = order.request
    n = len(market.bench.kinds(Fill))
    market.desk.trading.take(
        [
            Fill(
                *(f"f-{n}", order.client_order_id, A, request.side, quantity, Decimal(100), Decimal(0)),
                *("taker", request.decision_price, order.updated_ns),
            )
        ]
    )


def guarded() -> tuple[Market, Broker, Order]:
    """A position with an exit of all of it resting at the broker."""
    market, broker = at_broker()
    market.desk.trading.close_part(A, Decimal(100), limited=True)
    order = the_order(market)
    accept(market, order)
    return market, broker, order


def sent(broker: Broker) -> list[str]:
    return [name for what, name in broker.asked if what == "submit"]


def alerts(market: Market) -> list[str]:
    return [one.text for one in market.bench.kinds(Alert)]  # type: ignore[attr-defined]


# --- parts and limits ---


@pytest.mark.parametrize("paper", [False, True])
def test_an_exit_at_a_limit_is_not_placed_twice(paper: bool) -> None:
    market = opened(overrides=SLOW) if paper else at_broker()[0]
    trading = market.desk.trading
    if paper:  # it rests above the market
        place(
            market.desk, type="limit", side="sell", price="101", quantity=str(market.held), reduce_only=True
        )
    else:
        trading.close_part(A, Decimal(100), limited=True)
    first = the_order(market)
    with pytest.raises(OrderError, match=f"cancel them first: {first.client_order_id}"):
        trading.close_part(A, Decimal(100), limited=True)
    assert the_order(market) is first


@pytest.mark.parametrize("limited", [False, True])
def test_a_part_is_no_larger_than_what_resting_exits_leave(limited: bool) -> None:
    market, _ = at_broker()
    trading, held = market.desk.trading, market.held
    trading.close_part(A, Decimal(75), limited=True)
    rests = the_order(market)
    accept(market, rests)
    trading.close_part(A, Decimal(50), limited=limited)
    assert the_order(market).quantity == held - rests.quantity < held / 2


# --- a market exit in place of resting ones ---


def test_a_market_exit_leaves_when_the_cancels_of_what_it_replaces_are_answered() -> None:
    market, broker, rests = guarded()
    for _ in range(4):
        market.tick(98.0)
    exit_order = the_order(market)
    assert exit_order.request.purpose is Purpose.STOP_LOSS and exit_order.state is OrderState.SUBMITTED
    assert sent(broker) == [rests.client_order_id]
    assert broker.asked[-1] == ("cancel", rests.client_order_id)
    assert "being canceled" in market.desk.trading.waiting()[exit_order.client_order_id]
    cancel(market, rests)
    assert sent(broker) == [rests.client_order_id, exit_order.client_order_id]
    for _ in range(4):
        market.tick(98.0)
    assert the_order(market) is exit_order and len(sent(broker)) == 2 and not alerts(market)


def test_a_market_exit_closes_only_what_the_replaced_one_has_not() -> None:
    market, broker, rests = guarded()
    held = market.held
    market.tick(98.0)
    exit_order = the_order(market)
    fill(market, rests, held / 4)
    cancel(market, rests)
    rest = the_order(market)
    assert exit_order.state is OrderState.CANCELED and rest is not exit_order
    assert (rest.quantity, rest.request.purpose) == (held - held / 4, Purpose.STOP_LOSS)
    assert sent(broker) == [rests.client_order_id, rest.client_order_id]
    fill(market, rest, rest.quantity)
    assert market.held == 0


def test_a_market_exit_goes_when_the_replaced_one_closes_the_position() -> None:
    market, broker, rests = guarded()
    market.tick(98.0)
    fill(market, rests, rests.quantity)
    market.tick(98.0)
    assert market.held == 0 and the_order(market).state is OrderState.CANCELED
    assert sent(broker) == [rests.client_order_id] and not market.desk.trading.work.count()


def test_cancels_that_are_not_answered_are_told_and_only_the_uncovered_rest_is_closed() -> None:
    market, broker = at_broker()
    trading, held = market.desk.trading, market.held
    trading.close_part(A, Decimal(75), limited=True)
    rests = the_order(market)
    accept(market, rests)
    market.tick(98.0)
    for _ in range(20):
        market.tick(98.0)
    assert len(sent(broker)) == 1 and not alerts(market)
    for _ in range(40):
        market.tick(98.0)
    late, last = (the_order(market, n) for n in (-2, -1))
    assert last.client_order_id not in sent(broker), "the rest goes on waiting"
    assert late.quantity == held - rests.quantity and late.client_order_id in sent(broker)
    assert sum(rests.client_order_id in text for text in alerts(market)) == 1, alerts(market)
    at_work = [one for one in trading.blotter.open_orders(A) if one.client_order_id in sent(broker)]
    assert sum((one.leaves for one in at_work), Decimal(0)) == held, "they cannot turn it together"


def test_a_refused_cancel_of_what_is_replaced_is_asked_again() -> None:
    market, broker, rests = guarded()
    market.tick(98.0)
    name = rests.client_order_id
    market.desk.trading.take([OrderChange(name, A, ChangeKind.CANCEL_REFUSED, "not now", rests.updated_ns)])
    for _ in range(8):
        market.tick(98.0)
    assert broker.asked.count(("cancel", name)) == 2 and len(sent(broker)) == 1


def test_a_waiting_exit_can_be_canceled_and_never_leaves() -> None:
    market, broker, rests = guarded()
    market.tick(98.0)
    exit_order = the_order(market)
    market.desk.trading.cancel(exit_order.client_order_id, "me")
    assert exit_order.state is OrderState.CANCELED
    cancel(market, rests)
    assert exit_order.client_order_id not in sent(broker)


# --- stops that were set off ---


def test_a_stop_that_was_set_off_is_the_exit() -> None:
    market, broker = at_broker()
    place(
        market.desk, type="stop", side="sell", stop_price="99.5", quantity=str(market.held), reduce_only=True
    )
    stop = the_order(market)
    accept(market, stop)
    assert not market.desk.trading.work.exiting(A)
    market.desk.trading.take([_event(stop, OrderState.TRIGGERED)])
    assert market.desk.trading.work.closing(A) == market.held
    for _ in range(6):
        market.tick(98.0)
    assert the_order(market) is stop and sent(broker) == [stop.client_order_id]
    cancel(market, stop)
    market.tick(98.0)
    assert the_order(market).request.purpose is Purpose.STOP_LOSS, "and the desk's own takes over after it"
