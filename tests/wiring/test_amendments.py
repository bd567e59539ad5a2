"""Amendments: judged like orders, counted as what they ask for, sent when they are durable."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.api.trading_protocol import AmendPatch
from engine.errors import OrderError
from engine.events import Amendment, OrderEvent, OrderState, Pending, RiskState
from engine.wiring.tickets import Tickets
from tests.wiring.one_market import A, Market
from tests.wiring.placed_orders import SLOW, changes, place, requests, restarted, resting, the_order
from tests.wiring.silent_broker import routed


def test_an_amendment_leaves_when_it_is_durable() -> None:
    market = Market(hold=True, overrides=SLOW)
    order = resting(market)
    verdict = market.desk.trading.amend(order.client_order_id, Amendment(price=Decimal("99.4")), "me")
    assert verdict.approved and changes(market) == ["update_asked"]
    assert order.pending is Pending.NONE and order.price == Decimal("99.5")
    with pytest.raises(OrderError, match="update is on its way"):
        market.desk.trading.amend(order.client_order_id, Amendment(price=Decimal("99.3")), "me")
    market.bench.release()
    market.tick()
    market.bench.release()
    assert changes(market) == ["update_asked", "updated"] and order.price == Decimal("99.4")
    assert order.pending is Pending.NONE


def test_an_amendment_is_judged_like_an_order() -> None:
    market = Market(overrides=SLOW)
    order = resting(market)
    verdict = market.desk.trading.amend(order.client_order_id, Amendment(quantity=Decimal(10_000)), "me")
    assert not verdict.approved and changes(market) == []
    assert market.desk.trading.denied[verdict.code] == 1
    market.desk.trading.set_state(RiskState.HALTED, "me", "")
    with pytest.raises(OrderError):  # the halt has canceled it
        market.desk.trading.amend(order.client_order_id, Amendment(price=Decimal("99.4")), "me")


def test_an_entry_s_price_stays_on_its_side_of_its_bracket() -> None:
    """A fill beyond its own stop would be stopped at once."""
    market = Market(overrides=SLOW)
    trading = market.desk.trading
    place(market.desk, type="limit", quantity="1", price="99", stop_loss="98.5", take_profit="101")
    entry, stop, _ = trading.blotter.recent(3)[::-1]
    market.tick()
    market.tick()

    def amend(**fields: str) -> None:
        changed = Amendment(**{name: Decimal(text) for name, text in fields.items()})
        assert trading.amend(entry.client_order_id, changed, "me").approved
        market.tick()
        market.tick()

    for price in ("98.5", "98.2"):
        with pytest.raises(OrderError, match=rf"^stop_loss 98\.50? of a buy has to be below {price}"):
            amend(price=price)
    amend(price="98.6")
    amend(quantity="2")
    trading.cancel(stop.client_order_id, "me")
    market.tick()
    amend(price="98.2")
    assert entry.price == Decimal("98.2")


def test_a_growing_order_counts_as_what_it_was_approved_to_be() -> None:
    """Until the venue has answered, too: two orders may not each grow into the same room."""
    market = Market(hold=True, overrides=(*SLOW, "risk.max_order_notional_pct=15", "risk.max_net_pct=20"))
    trading = market.desk.trading
    first, second = resting(market), resting(market, "99.4")
    assert trading.amend(first.client_order_id, Amendment(quantity=Decimal(130)), "me").approved
    grow = Amendment(quantity=Decimal(120))
    assert first.quantity == 1
    verdict = trading.amend(second.client_order_id, grow, "me")
    assert not verdict.approved and verdict.code in ("POSITION_LIMIT", "NET_LIMIT"), verdict
    for _ in range(3):
        market.tick()
        market.bench.release()
    assert first.quantity == 130 and not trading.work.asked
    assert trading.amend(first.client_order_id, Amendment(quantity=Decimal(2)), "me").approved
    verdict = trading.amend(second.client_order_id, grow, "me")
    assert not verdict.approved, "what is to become smaller is not so yet"
    for _ in range(3):
        market.bench.release()
        market.tick()
    assert trading.amend(second.client_order_id, grow, "me").approved


def test_what_a_broker_was_asked_to_make_of_an_order_counts_after_a_restart_too() -> None:
    market, broker = routed()
    place(market.desk, type="limit", quantity="1", price="99.5")
    order = the_order(market)
    market.desk.trading.take([OrderEvent(order.client_order_id, A, OrderState.ACCEPTED, "", 1)])
    assert market.desk.trading.amend(order.client_order_id, Amendment(quantity=Decimal(30)), "me").approved
    assert broker.asked[-1] == ("amend", order.client_order_id)
    again = restarted(market)
    asked = again.desk.trading.work.asked
    assert asked == {order.client_order_id: Amendment(quantity=Decimal(30))}


def test_an_amendment_is_not_counted_beside_the_order_that_it_changes() -> None:
    market = Market()
    trading = market.desk.trading
    trading._flow.views.budget_pct = lambda strategy: 2.0
    (made,) = requests(market.desk, type="limit", quantity="12", price="99.5")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None
    assert trading.submit(msgspec.structs.replace(made, sources=("trend",)), instrument).approved
    verdict = trading.amend(made.client_order_id, Amendment(quantity=Decimal(15)), "me")
    assert verdict.approved, verdict.detail


@pytest.mark.parametrize("patch", [AmendPatch(price="abc"), AmendPatch(quantity="NaN")])
def test_an_amendment_that_is_no_number(patch: AmendPatch) -> None:
    with pytest.raises(OrderError, match="is no number"):
        Tickets(Market().desk).amendment(patch)


@pytest.mark.parametrize("quantity", ["8", "10000"])
def test_an_amendment_is_previewed_without_being_asked_for(quantity: str) -> None:
    market = Market()
    place(market.desk, type="limit", price="99.5", quantity="10")
    market.tick()
    order, written = the_order(market), len(market.bench.journal)
    preview = Tickets(market.desk).preview_amendment(
        order.client_order_id, AmendPatch(quantity=quantity, price="99.4")
    )
    assert (preview.quantity, preview.price) == (quantity, "99.4")
    assert preview.approved is (quantity == "8") and len(preview.verdicts) == 1
    assert order.pending is Pending.NONE and order.price == Decimal("99.5")
    assert len(market.bench.journal) == written
    with pytest.raises(OrderError, match="so already"):
        Tickets(market.desk).preview_amendment(order.client_order_id, AmendPatch(quantity="10"))
