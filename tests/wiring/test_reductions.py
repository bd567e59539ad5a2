"""Resting exits at a gateway that clamps nothing: as small as their position, or gone."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.api.trading_protocol import OrderList
from engine.events import Alert, Amendment, ChangeKind, OrderChange, OrderEvent, OrderState
from engine.execution.gateway import Report
from engine.execution.order import Order
from engine.wiring.tickets import Tickets
from tests.wiring.one_market import A, Market
from tests.wiring.placed_orders import filled, place, the_order
from tests.wiring.silent_broker import Broker

D = Decimal


class Kept(Broker):
    """Also keeps what orders were to become."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[tuple[str, Decimal | None]] = []

    def amend(self, client_order_id: str, amendment: Amendment, now_ns: int) -> list[Report]:
        self.wanted.append((client_order_id, amendment.quantity))
        return super().amend(client_order_id, amendment, now_ns)


class Desk:
    """A long position of 4 at a broker that answers when it is told to."""

    def __init__(self, *overrides: str) -> None:
        self.market, self.broker, self.fills = Market(overrides=overrides), Kept(), 0
        self.market.desk.trading.add_gateway(self.broker, [A])
        self.fill(self.place(quantity="4"), "4")

    def place(self, **ticket: object) -> Order:
        self.market.tick(seconds=0.01)
        (verdict,) = place(self.market.desk, **ticket)
        assert verdict.approved, verdict
        order = the_order(self.market)
        self.tell(order, OrderState.ACCEPTED)
        return order

    def rest(self, quantity: str, price: str = "101") -> Order:
        return self.place(side="sell", type="limit", quantity=quantity, price=price, reduce_only=True)

    def sell(self, quantity: str) -> None:
        """A part is sold beside what rests."""
        self.fill(self.place(side="sell", quantity=quantity, reduce_only=True), quantity)

    def fill(self, order: Order, quantity: str) -> None:
        self.fills += 1
        self.market.desk.trading.take([filled(order, D(quantity), self.fills)])

    def tell(self, order: Order, state: OrderState) -> None:
        told = OrderEvent(order.client_order_id, A, state, "", order.created_ns)
        self.market.desk.trading.take([told])

    def answer(self, order: Order, kind: ChangeKind, quantity: str = "") -> None:
        to = Amendment(quantity=D(quantity)) if quantity else None
        told = OrderChange(order.client_order_id, A, kind, "", order.updated_ns, to)
        self.market.desk.trading.take([told])

    def canceled(self) -> list[str]:
        return [identity for what, identity in self.broker.asked if what == "cancel"]


def test_a_resting_exit_shrinks_with_its_position_and_turns_nothing() -> None:
    desk = Desk()
    target = desk.rest("3")
    desk.sell("1")
    assert desk.broker.wanted == [], "3 are left for 3"
    desk.sell("1")
    assert desk.broker.wanted == [(target.client_order_id, D(2))]
    desk.market.tick(seconds=2)
    assert len(desk.broker.wanted) == 1, "asked once"
    desk.answer(target, ChangeKind.UPDATED, "2")
    desk.sell("1")
    assert desk.broker.wanted[1:] == [(target.client_order_id, D(1))] and desk.canceled() == []


def test_what_a_person_enlarged_after_it_had_shrunk_shrinks_again() -> None:
    desk = Desk()
    target = desk.rest("4")
    desk.sell("2")
    desk.answer(target, ChangeKind.UPDATED, "2")
    desk.fill(desk.place(type="limit", price="100", quantity="2"), "2")
    desk.market.desk.trading.amend(target.client_order_id, Amendment(quantity=D(4)), "me")
    desk.answer(target, ChangeKind.UPDATED, "4")
    desk.sell("1")
    asked = [D(2), D(4), D(3)]
    assert desk.broker.wanted == [(target.client_order_id, one) for one in asked] and not desk.canceled()


def test_the_other_exits_go_when_one_has_closed_the_position() -> None:
    """Singly, as crypto's have to be sent to Alpaca."""
    desk = Desk()
    target, stop = (
        desk.rest("4"),
        desk.place(side="sell", type="stop", quantity="4", stop_price="99", reduce_only=True),
    )
    desk.fill(target, "4")
    assert desk.market.held == 0
    assert desk.canceled() == [stop.client_order_id] and desk.broker.wanted == []
    desk.answer(stop, ChangeKind.CANCEL_REFUSED)
    desk.market.tick(seconds=2)
    assert len(desk.canceled()) == 1
    for _ in range(4):
        desk.market.tick(seconds=2)
    assert desk.canceled() == [stop.client_order_id] * 2, "asked again, after a pause"


def test_what_cannot_shrink_goes() -> None:
    desk = Desk()
    target, partly = desk.rest("3"), desk.rest("4", "101.5")
    desk.fill(partly, "0.5")
    desk.sell("1.5")
    desk.answer(target, ChangeKind.UPDATE_REFUSED)
    assert set(desk.canceled()) == {target.client_order_id, partly.client_order_id}
    assert desk.broker.wanted == [(target.client_order_id, D(2))], "a part of the other is filled"
    told = [event.text for event in desk.market.bench.journal if isinstance(event, Alert)]
    assert [sum(order.client_order_id in text for text in told) for order in (target, partly)] == [1, 1]


def test_a_sibling_is_its_venues_to_shrink() -> None:
    desk = Desk()
    size = {"symbol": A, "side": "sell", "quantity": "4", "reduce_only": True}
    tickets = ({**size, "type": "limit", "price": "101"}, {**size, "type": "stop", "stop_price": "99"})
    wanted = msgspec.convert({"tickets": tickets, "kind": "oco"}, OrderList)
    trading = desk.market.desk.trading
    trading.submit_list(Tickets(desk.market.desk).list_requests(wanted, "me"))
    first, second = (the_order(desk.market, n) for n in (-2, -1))
    for order in (first, second):
        desk.tell(order, OrderState.ACCEPTED)
    desk.fill(first, "1")
    assert desk.market.held == 3 and desk.canceled() == [] and desk.broker.wanted == []
    desk.sell("1")
    assert set(desk.canceled()) == {first.client_order_id, second.client_order_id}


def test_a_bracket_is_left_alone_while_its_entrys_fills_are_on_their_way() -> None:
    market, broker = Market(), Kept()
    market.desk.trading.add_gateway(broker, [A])
    place(market.desk, quantity="4", stop_loss="99", take_profit="102")
    parent, stop, target = (the_order(market, n) for n in (0, 1, 2))
    ns = parent.created_ns
    told: list[Report] = [OrderEvent(parent.client_order_id, A, OrderState.ACCEPTED, "", ns)]
    for child in (stop, target):
        told += [
            OrderEvent(child.client_order_id, A, state, "", ns)
            for state in (OrderState.SUBMITTED, OrderState.ACCEPTED)
        ]
    market.desk.trading.take(told)
    market.tick(seconds=2)
    market.desk.trading.take([filled(parent, D(4))])
    market.tick(seconds=2)
    assert market.held == 4 and [what for what, _ in broker.asked] == ["submit"] * 3


def test_a_bracket_is_left_alone_while_its_entrys_fill_is_only_written() -> None:
    """Its legs are told to work in the same breath, before it."""
    market, broker = Market(hold=True), Kept()
    market.desk.trading.add_gateway(broker, [A])
    market.tick()
    place(market.desk, quantity="4", stop_loss="99", take_profit="102")
    market.bench.release()
    parent, stop, target = (the_order(market, n) for n in (0, 1, 2))
    told: list[Report] = [OrderEvent(parent.client_order_id, A, OrderState.ACCEPTED, "", parent.created_ns)]
    for child in (stop, target):
        told += [
            OrderEvent(child.client_order_id, A, state, "", parent.created_ns)
            for state in (OrderState.SUBMITTED, OrderState.ACCEPTED)
        ]
    market.desk.trading.take([*told, filled(parent, D(4))])
    market.bench.release()
    assert market.held == 4 and [what for what, _ in broker.asked] == ["submit"] * 3


def test_a_desk_that_keeps_its_hands_off_changes_nothing() -> None:
    desk = Desk("engine.hands_off=true")
    desk.rest("3")
    desk.sell("2")
    desk.market.tick(seconds=2)
    assert desk.broker.wanted == [] and desk.canceled() == []
