"""Exits that a broker refuses: sent again, but not with every tick, and the person is told."""

from __future__ import annotations

from engine.events import Alert, OrderEvent, OrderState, OrderType, RiskState
from engine.execution.order import Order
from tests.wiring.one_market import A, opened
from tests.wiring.placed_orders import filled, place, the_order
from tests.wiring.silent_broker import Broker


class Refusing:
    """A long position whose exits go to a broker that refuses them."""

    def __init__(self) -> None:
        self.market, self.broker = opened(), Broker()
        self.market.desk.trading.add_gateway(self.broker, [A])

    def refuse(self, order: Order) -> None:
        told = OrderEvent(order.client_order_id, A, OrderState.REJECTED, "venue: closed", order.created_ns)
        self.market.desk.trading.take([told])

    def falls(self, seconds: float) -> int:
        """The market is below the stop for so long, and each exit is refused; how many were sent."""
        before = len(self.broker.asked)
        for _ in range(int(seconds / 0.1)):
            self.market.tick(98.0, seconds=0.1)
            order = the_order(self.market)
            if not order.state.terminal and order.gateway == "broker":
                self.refuse(order)
        return len(self.broker.asked) - before

    def alerts(self) -> list[str]:
        return [event.text for event in self.market.bench.journal if isinstance(event, Alert)]


def test_a_refused_exit_is_sent_again_at_growing_intervals_and_told_once() -> None:
    desk = Refusing()
    assert desk.falls(0.9) == 1
    assert desk.falls(3.0) == 2, "after 1 s, and after 2 s"
    assert 3 <= desk.falls(30.0) <= 5, "every 8 s"
    (told,) = [text for text in desk.alerts() if "refused" in text]
    assert "venue: closed" in told


def test_it_starts_over_when_one_is_taken() -> None:
    desk = Refusing()
    desk.falls(5.0)
    desk.market.tick(98.0, seconds=9.0)
    order = the_order(desk.market)
    desk.market.desk.trading.take([filled(order, order.quantity / 2, 7)])
    desk.refuse(order)  # too late: what was accepted cannot be
    desk.market.desk.trading.take(
        [OrderEvent(order.client_order_id, A, OrderState.CANCELED, "venue: halted", order.created_ns)]
    )
    assert not desk.market.desk.trading.work.count(A)
    assert desk.falls(0.5) == 1, "at once"


def test_another_position_of_the_symbol_has_nothing_to_do_with_it() -> None:
    desk = Refusing()
    desk.falls(5.0)
    trading = desk.market.desk.trading
    desk.market.tick(98.0, seconds=9.0)
    order = the_order(desk.market)
    desk.refuse(order)
    desk.market.tick(100.0, seconds=0.1)  # what closes it is an order that rests
    place(
        desk.market.desk,
        side="sell",
        type="limit",
        price="100.5",
        quantity=str(desk.market.held),
        reduce_only=True,
    )
    rests = the_order(desk.market)
    assert rests.request.type is OrderType.LIMIT
    trading.take([filled(rests, rests.quantity, 7)])
    assert desk.market.held == 0
    desk.market.tick(100.0, seconds=0.1)
    place(desk.market.desk, quantity="4")
    bought = the_order(desk.market)
    trading.take([filled(bought, bought.quantity, 8)])
    assert desk.falls(0.5) == 1, "at once"
    assert len([text for text in desk.alerts() if "refused" in text]) == 2, "and told"


def test_what_a_person_asks_to_close_does_not_wait_for_long() -> None:
    desk = Refusing()
    trading = desk.market.desk.trading
    trading.set_state(RiskState.HALTED, "me", "enough")
    trading.flatten()
    desk.refuse(the_order(desk.market))
    sent = len(desk.broker.asked)
    trading.flatten()
    assert len(desk.broker.asked) == sent
    desk.market.tick(seconds=1.1)
    trading.flatten()
    assert len(desk.broker.asked) == sent + 1
    desk.refuse(the_order(desk.market))
    desk.market.tick(seconds=0.1)
    trading.flatten()
    assert len(desk.broker.asked) == sent + 1
    trading.want_flat()  # asked anew
    trading.flatten()
    assert len(desk.broker.asked) == sent + 2
