"""Cancels: they wait for no disk, are asked for once, and contradict nothing that comes too late."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest

from engine.errors import OrderError
from engine.events import (
    Alert,
    Amendment,
    ChangeKind,
    OrderChange,
    OrderEvent,
    OrderState,
    Pending,
    RiskState,
)
from engine.wiring import trading_port
from engine.wiring.live import LiveEngine
from engine.wiring.trading_port import LiveTrading
from tests.wiring.conftest import Bench
from tests.wiring.one_market import A, Market
from tests.wiring.placed_orders import SLOW, changes, place, restarted, resting, the_order
from tests.wiring.silent_broker import Broker, routed


def test_a_cancel_that_was_refused_is_asked_for_no_second_time() -> None:
    """What else the venue told with it made a cancel of it that no venue was asked for, and none answered."""
    market, broker = Market(hold=True), Broker()
    market.tick()
    market.desk.trading.add_gateway(broker, [A])
    place(market.desk, type="limit", quantity="1", price="99.5")
    market.bench.release()
    order, now = the_order(market), market.desk.now_ns
    market.desk.trading.cancel(order.client_order_id, "me")
    market.bench.release()
    changed = Amendment(quantity=Decimal("0.9"))
    market.desk.trading.take(
        [
            OrderChange(order.client_order_id, A, ChangeKind.UPDATED, "at the venue", now, changed),
            OrderChange(order.client_order_id, A, ChangeKind.CANCEL_REFUSED, "too late", now),
        ]
    )
    market.bench.release()
    assert changes(market) == ["cancel_asked", "updated", "cancel_refused"]
    assert order.pending is Pending.NONE
    market.desk.trading.cancel(order.client_order_id, "once more")
    assert [what for what, _ in broker.asked] == ["submit", "cancel", "cancel"]


async def _canceled_all(market: Market, *, answered: bool) -> str:
    """The receipt, while the market goes on."""

    async def durable() -> None:
        return None

    writing = SimpleNamespace(durable=durable, failure=None)
    engine = cast("LiveEngine", SimpleNamespace(desk=market.desk, writing=writing, playback=None))
    asking = asyncio.create_task(LiveTrading(engine).cancel_all("", "me"))
    while not asking.done():
        await asyncio.sleep(0)
        if answered:
            market.tick(seconds=0.01)
    return asking.result().text


def test_the_receipt_of_a_cancel_all_waits_for_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come in a moment: nobody was told later that the others were canceled, too."""
    monkeypatch.setattr(trading_port, "_LOOK_S", 0.0)
    market = Market()
    order = resting(market)
    assert asyncio.run(_canceled_all(market, answered=True)) == "canceled 1/1"
    assert order.state is OrderState.CANCELED
    monkeypatch.setattr(trading_port, "ANSWER_S", 0.01)
    market.desk.trading.add_gateway(Broker(), [A])
    place(market.desk, type="limit", quantity="1", price="99.5")
    said = asyncio.run(_canceled_all(market, answered=False))
    assert said == "canceled 0/1; the answers to 1 are on their way"


def test_a_cancel_waits_for_no_disk() -> None:
    market = Market(hold=True, overrides=SLOW)
    order = resting(market)
    market.desk.trading.cancel(order.client_order_id, "me")
    assert not market.desk.trading.paper.waiting(), "the venue was asked at once"
    assert order.state is OrderState.ACCEPTED, "shown when it is durable"
    market.bench.release()
    assert order.state is OrderState.CANCELED and changes(market) == ["cancel_asked"]
    with pytest.raises(OrderError, match="nothing is left to cancel"):
        market.desk.trading.cancel(order.client_order_id, "me")


def test_an_order_that_is_canceled_before_it_is_durable_never_leaves() -> None:
    market = Market(hold=True)
    place(market.desk, type="limit", quantity="1", price="99.5")
    (identity,) = market.desk.trading.cancel_all(None, "changed my mind")
    market.bench.release()
    order = market.desk.trading.blotter.get(identity)
    assert order is not None and order.state is OrderState.CANCELED and order.reason == "changed my mind"
    assert not market.desk.trading.paper.waiting()


def test_a_cancel_that_comes_too_late_is_no_contradiction() -> None:
    market = Market(hold=True, overrides=("paper.response_latency_ms=300", "paper.entry_latency_ms=0"))
    order = resting(market, "99.99")
    for _ in range(3):
        market.tick()
        market.bench.release()
    assert order.state is OrderState.ACCEPTED
    market.tick(99.0)  # it fills there; nobody here knows yet
    market.desk.trading.cancel(order.client_order_id, "me")
    for _ in range(8):
        market.bench.release()
        market.tick(99.0)
    assert order.state is OrderState.FILLED and order.pending is Pending.NONE
    assert not [event for event in market.bench.journal if isinstance(event, Alert)]
    again = Bench()
    again.desk.restore(market.bench.journal, market.desk.now_ns)


def test_a_halt_cancels_fifty_resting_entries_at_once() -> None:
    wide = ("risk.max_open_orders_per_symbol=100", "risk.order_burst=1000", "risk.max_position_pct=1000",
            "risk.max_net_pct=1000", "risk.max_gross_pct=1000")  # fmt: skip
    market = Market(overrides=(*SLOW, *wide))
    for n in range(50):
        resting(market, f"{99.9 - n / 100:.2f}")
    assert market.desk.trading.work.count() == 50
    market.desk.trading.set_state(RiskState.HALTED, "me", "enough")
    assert market.desk.trading.work.count() == 0 and not market.desk.trading.paper.waiting()


def test_a_held_child_is_canceled_alone_and_stays_so_over_a_kill() -> None:
    market = Market()
    place(market.desk, type="limit", price="99.5", quantity="10", stop_loss="99", take_profit="102")
    market.tick()
    parent, stop, target = (the_order(market, n) for n in (0, 1, 2))
    kept = {"paper": market.desk.trading.paper.state()}
    market.desk.trading.cancel(stop.client_order_id, "me")
    assert stop.state is OrderState.CANCELED and target.state is OrderState.HELD
    again = restarted(market, kept)
    assert set(again.desk.trading.paper.waiting()) == {parent.client_order_id, target.client_order_id}
    for _ in range(4):
        market.tick(99.4)
    assert market.held == 10 and target.state is OrderState.ACCEPTED
    assert not [event for event in market.bench.journal if isinstance(event, Alert)]


def test_a_cancel_of_a_child_that_is_being_released_is_journaled_when_that_is_known() -> None:
    market = Market(overrides=("paper.response_latency_ms=500", "paper.latency_jitter_ms=0"))
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    market.tick()
    stop = the_order(market, 1)
    assert stop.state is OrderState.HELD and market.held == 0
    market.desk.trading.cancel(stop.client_order_id, "me")
    asked = False
    for _ in range(10):
        market.tick(seconds=0.1)
        asked = asked or stop.pending is Pending.CANCEL
    assert asked and stop.state is OrderState.CANCELED
    assert not [event for event in market.bench.journal if isinstance(event, Alert)]


def test_a_cancel_that_was_answered_with_the_release_itself_is_not_journaled_after_its_end() -> None:
    """The end is written with what releases the child: while that is folded, it is known already."""
    market, broker = routed()
    trading = market.desk.trading
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    stop = the_order(market, 1)
    assert stop.state is OrderState.HELD
    trading.cancel(stop.client_order_id, "me")
    assert broker.asked[-1] == ("cancel", stop.client_order_id)
    states = (OrderState.SUBMITTED, OrderState.ACCEPTED, OrderState.CANCELED)
    trading.take([OrderEvent(stop.client_order_id, A, state, "", stop.created_ns) for state in states])
    assert stop.state is OrderState.CANCELED
    restarted(market, {})
