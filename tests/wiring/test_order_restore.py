"""Orders over a restart: what rests goes on resting, what cannot wait is canceled, and both are told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.events import (
    Alert,
    Amendment,
    ChangeKind,
    OrderChange,
    OrderState,
    Pending,
    RiskChange,
    RiskState,
)
from tests.wiring.conftest import Bench
from tests.wiring.one_market import Market, opened
from tests.wiring.placed_orders import SLOW, place, restarted, resting, the_order


def test_what_rests_goes_on_resting() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    settings = {"paper": market.desk.trading.paper.state()}
    again = restarted(market, settings)
    trading = again.desk.trading
    kept = {one.client_order_id: one.state for one in trading.blotter.open_orders()}
    assert len(kept) == 3 and kept[order.client_order_id] is OrderState.ACCEPTED
    assert set(trading.paper.waiting()) == set(kept)
    (told,) = again.kinds(Alert)
    assert isinstance(told, Alert) and "3 rest again" in told.text and "behind" not in told.text
    (without,) = restarted(market).kinds(Alert)
    assert isinstance(without, Alert) and "taken up behind everything displayed" in without.text


def test_what_was_asked_for_and_not_answered_is_answered_by_a_restart() -> None:
    market = Market(overrides=("paper.entry_latency_ms=5000",))
    canceled, changed = resting(market), resting(market, "99.4")
    for _ in range(30):
        market.tick()
    assert changed.state is OrderState.ACCEPTED
    market.desk.trading.cancel(canceled.client_order_id, "me")
    market.desk.trading.amend(changed.client_order_id, Amendment(price=Decimal("99.3")), "me")
    again = restarted(market, {"paper": market.desk.trading.paper.state()})
    found = {one.client_order_id: one for one in again.desk.trading.blotter}
    assert found[canceled.client_order_id].state is OrderState.CANCELED
    assert found[changed.client_order_id].pending is Pending.NONE
    assert [event.kind for event in again.kinds(OrderChange)] == [ChangeKind.UPDATE_REFUSED]  # type: ignore[attr-defined]
    assert set(again.desk.trading.paper.waiting()) == {changed.client_order_id}


def test_a_bracket_whose_entry_cannot_wait_goes_with_it() -> None:
    market = Market(overrides=("paper.entry_latency_ms=5000",))
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    market.tick()
    again = restarted(market)
    assert {one.state for one in again.desk.trading.blotter} == {OrderState.CANCELED}
    assert not again.desk.trading.paper.waiting()


@pytest.mark.parametrize("slow", [False, True])
def test_what_a_start_cancels_is_not_said_to_rest(slow: bool) -> None:
    """Nor before the disk has answered."""
    market = Market(overrides=("paper.entry_latency_ms=5000",))
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    resting(market)
    market.tick()
    again = Bench(market.bench.config, hold=slow)
    again.desk.restore(market.bench.journal, market.desk.now_ns, {})
    again.release()
    (told,) = again.kinds(Alert)
    assert isinstance(told, Alert)
    assert "1 rest again: buy" in told.text and "3 canceled: buy 10" in told.text


def test_entries_that_a_halt_had_not_canceled_when_the_engine_died_are_canceled() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    place(market.desk, quantity="10", stop_loss="99", take_profit="102")
    for _ in range(4):
        market.tick()
    settings = {"paper": market.desk.trading.paper.state()}
    market.desk.trading.set_state(RiskState.HALTED, "me", "enough")
    last = next(n for n, event in enumerate(market.bench.journal) if isinstance(event, RiskChange))
    del market.bench.journal[last + 1 :]  # the cancels were not written any more
    again = restarted(market, settings)
    kept = again.desk.trading.blotter
    ended = kept.get(order.client_order_id)
    assert ended is not None and ended.state is OrderState.CANCELED
    assert again.desk.trading.gate.state is RiskState.HALTED and not again.desk.trading.entries()
    assert len(kept.open_orders()) == 2, "exits go on"


def test_an_entry_whose_stop_was_set_off_takes_no_price_of_after_a_restart() -> None:
    market = Market(overrides=(*SLOW, "account.starting_cash=100000000"))
    place(market.desk, type="stop", quantity="3000", stop_price="100.5")
    market.tick()
    market.tick(100.6)
    order = the_order(market)
    assert order.filled == 1000 and not order.state.terminal
    again = restarted(market, {"paper": market.desk.trading.paper.state()})
    ended = again.desk.trading.blotter.get(order.client_order_id)
    assert ended is not None and ended.state is OrderState.CANCELED


def test_a_kept_state_that_is_none_costs_places_only() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    again = restarted(market, {"paper": {"orders": "nonsense"}})
    assert set(again.desk.trading.paper.waiting()) == {order.client_order_id}


def test_a_trailing_order_whose_best_price_is_lost_says_that_it_starts_anew() -> None:
    market = opened(overrides=(*SLOW, "exits.stop_loss_pct=20"))
    place(
        market.desk, type="trailing_stop", side="sell", trail="5", quantity=str(market.held), reduce_only=True
    )
    market.tick()
    state = {"paper": market.desk.trading.paper.state()}
    (known,), (lost,) = restarted(market, state).kinds(Alert), restarted(market).kinds(Alert)
    assert isinstance(known, Alert) and "anew" not in known.text
    assert isinstance(lost, Alert) and "1 trailing stop starts its best price anew" in lost.text
