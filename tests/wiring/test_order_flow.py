"""Orders on their way: lists as one commit, exits instead of those that wait, each report booked once."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.errors import OrderError
from engine.events import Alert, Funding, OrderEvent, OrderState, Pending, RiskState
from tests.wiring.conftest import Bench
from tests.wiring.one_market import A, Market, opened
from tests.wiring.placed_orders import filled, place, requests, the_order
from tests.wiring.silent_broker import routed


def test_a_bracket_is_one_commit_and_its_children_wait_for_its_fills() -> None:
    market = Market()
    verdicts = place(market.desk, quantity="10", stop_loss="99", take_profit="101.5")
    assert [verdict.approved for verdict in verdicts] == [True] * 3
    events = [event for event in market.bench.journal if isinstance(event, OrderEvent)][:6]
    assert [event.state.value for event in events] == [
        *("initialized", "submitted", "initialized", "held", "initialized", "held"),
    ]
    assert all(event.verdict is not None for event in events[1::2])
    for _ in range(3):
        market.tick()
    parent, stop, target = (the_order(market, n) for n in (0, 1, 2))
    assert parent.state is OrderState.FILLED and market.held == 10
    assert {stop.state, target.state} == {OrderState.ACCEPTED}
    for _ in range(3):
        market.tick(101.6)
    assert market.held == 0 and target.state is OrderState.FILLED
    assert stop.state is OrderState.CANCELED and not market.desk.trading.work.count()


def test_a_denied_leg_denies_the_list_and_nothing_leaves() -> None:
    market = Market()
    made = requests(market.desk, quantity="10", stop_loss="99", take_profit="101.5")
    made[0] = msgspec.structs.replace(made[0], quantity=Decimal(10_000))
    verdicts = market.desk.trading.submit_list(made)
    assert not any(verdict.approved for verdict in verdicts)
    assert {verdict.code for verdict in verdicts[1:]} <= {"LIST_DENIED", "BAD_LEG", "NOT_REDUCING"}
    assert {order.state for order in market.desk.trading.blotter} == {OrderState.DENIED}
    assert not market.desk.trading.paper.waiting() and not market.desk.trading.work.count()


def test_a_list_is_refused_whole_for_an_id_that_was_used() -> None:
    market = Market()
    made = requests(market.desk, quantity="1", stop_loss="99", token="t")
    market.desk.trading.submit_list(made)
    before = len(market.bench.journal)
    with pytest.raises(OrderError, match="was sent before"):
        market.desk.trading.submit_list(made)
    assert len(market.bench.journal) == before


def test_an_exit_takes_the_place_of_those_that_wait() -> None:
    market = Market()
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    assert market.held == 10 and market.desk.trading.work.count() == 2
    assert not market.desk.trading.work.busy(A), "what waits for a price stands in nobody's way"
    market.desk.trading.flatten()
    for _ in range(4):
        market.tick()
    assert market.held == 0 and market.desk.trading.flat


def test_an_exit_leaves_no_dust_when_the_lot_became_coarser() -> None:
    market = opened()
    assert market.held % 1
    market.desk.instruments.set_grid(A, Decimal("0.01"), Decimal(1), Decimal(1))
    market.desk.trading.flatten()
    for _ in range(4):
        market.tick()
    assert market.held == 0 and market.desk.trading.flat


def test_orders_go_to_the_gateway_of_their_symbol() -> None:
    market, broker = routed()
    market.act()
    order = the_order(market)
    assert broker.asked == [("submit", order.client_order_id)] and order.gateway == "broker"
    assert not market.desk.trading.paper.waiting()
    market.desk.trading.set_state(RiskState.HALTED, "me", "")
    assert broker.asked[-1] == ("cancel", order.client_order_id)
    assert order.pending is Pending.CANCEL and order.state is OrderState.SUBMITTED


@pytest.mark.parametrize("slow", [False, True])
def test_money_that_the_books_refuse_is_not_journaled_and_halts(slow: bool) -> None:
    """Else the next start would refuse the directory. What closes a position is booked all the same."""
    market, _ = routed()
    market.act()
    order, trading, bench = the_order(market), market.desk.trading, market.bench
    bench.hold = slow
    part = order.quantity / 4
    first, second = (msgspec.structs.replace(filled(order, part, n), currency="USD") for n in (0, 1))
    trading.take([first, msgspec.structs.replace(second, currency="EUR")])
    trading.take([Funding("paid", A, Decimal(1), "USD", 0.0, order.created_ns)])
    trading.take([Funding("paid", A, Decimal(2), "USD", 0.0, order.created_ns)])
    bench.release()
    assert market.held == part and market.states().count("fill") == 1 and len(bench.kinds(Funding)) == 1
    assert trading.gate.state is RiskState.HALTED and "cannot be booked" in trading.gate.reason
    told = [event.text for event in bench.kinds(Alert) if isinstance(event, Alert)]
    assert any("EUR" in text for text in told) and any("paid" in text for text in told)
    trading.flatten()
    bench.release()
    out = the_order(market)
    assert out.request.reduce_only
    trading.take([msgspec.structs.replace(filled(out, part, 2), currency="EUR")])
    bench.release()
    assert market.held == 0 and trading.books.check() == []
    again = Bench()
    again.desk.restore(bench.journal, market.desk.now_ns)
    assert again.desk.trading.ledger.cash == trading.ledger.cash


def test_what_comes_later_is_booked_once_and_what_cannot_be_is_left_out() -> None:
    market, _ = routed()
    market.act()
    order = the_order(market)
    take = market.desk.trading.take
    take([OrderEvent(order.client_order_id, A, OrderState.ACCEPTED, "", order.created_ns)])
    part = filled(order, order.quantity / 2)
    take([part])
    take([part])
    assert market.held == order.quantity / 2 and market.states().count("fill") == 1
    take([filled(order, order.quantity, 1)])  # more than the order is
    take([OrderEvent("td-nobody", A, OrderState.ACCEPTED, "", order.created_ns)])
    told = [event.text for event in market.bench.journal if isinstance(event, Alert)]
    assert len(told) == 2 and all(text.startswith("a report was left out") for text in told)
    assert market.held == order.quantity / 2 and market.states().count("fill") == 1
    again = Bench()
    again.desk.restore(market.bench.journal, market.desk.now_ns)
    assert again.desk.trading.ledger.quantity(A) == market.held
    assert again.desk.trading.blotter.open_orders(), "a broker's order stays open over a restart"
