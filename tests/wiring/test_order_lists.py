"""Lists of tickets on a whole desk: judged as a whole, sent once; of two exits one fills, or both go."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.api.trading_protocol import OrderList, OrderReply
from engine.errors import OrderError
from engine.events import OrderState, Purpose, RiskState
from engine.slices import at_once
from engine.wiring.placed import list_reply, placed_before
from engine.wiring.tickets import Tickets
from tests.wiring.one_market import A, Market, opened
from tests.wiring.placed_orders import SLOW, restarted, the_order

State = OrderState


def orders(*tickets: dict[str, Any], kind: str = "list", token: str = "") -> OrderList:
    given = [{"symbol": A, "side": "buy", "type": "limit", **ticket} for ticket in tickets]
    return msgspec.convert({"kind": kind, "tickets": given, "token": token}, OrderList)


def place(market: Market, wanted: OrderList) -> OrderReply:
    trading, tickets = market.desk.trading, Tickets(market.desk)
    before = tickets.placed(wanted)
    if before:
        return placed_before([order for order in map(trading.blotter.get, before) if order is not None])
    requests = tickets.list_requests(wanted, "me")
    return list_reply(requests, trading.submit_list(requests))


def exits(market: Market, target: str = "102", stop: str = "98", token: str = "") -> OrderList:
    """A target and a stop for all that is held."""
    size = {"side": "sell", "quantity": f"{market.held:f}", "reduce_only": True}
    return orders(
        {**size, "price": target}, {**size, "type": "stop", "stop_price": stop}, kind="oco", token=token
    )


def guarded(**more: Any) -> tuple[Market, OrderReply]:
    """A position with a target and a stop of a person's at the venue, beyond the desk's own exits."""
    wide = ("exits.stop_loss_pct=20", "exits.take_profit_pct=40")
    market = opened(overrides=(*SLOW, *wide))
    reply = place(market, exits(market, **more))
    for _ in range(3):
        market.tick()
    return market, reply


def states(market: Market) -> list[State]:
    return [the_order(market, n).state for n in (1, 2)]


def test_a_target_and_a_stop_rest_beside_a_position() -> None:
    market, reply = guarded()
    assert reply.ok and len(reply.ids) == 2, reply.text
    held = f"{market.held.normalize():f}"
    assert reply.text == f"sell {held} {A} limit at 102 or sell {held} {A} stop 98: sent"
    assert states(market) == [State.ACCEPTED] * 2
    assert {the_order(market, n).request.purpose for n in (1, 2)} == {Purpose.FLATTEN}


@pytest.mark.parametrize(("price", "ends"), [(102.5, (State.FILLED, State.CANCELED)), (97.5, None)])
def test_one_cancels_the_other(price: float, ends: tuple[State, State] | None) -> None:
    market, _ = guarded()
    for _ in range(6):
        market.tick(price)
    assert market.held == 0
    assert states(market) == list(ends or (State.CANCELED, State.FILLED))


def test_both_go_with_a_position_that_something_else_closes() -> None:
    market, _ = guarded()
    market.desk.trading.flatten()
    for _ in range(6):
        market.tick()
    assert market.held == 0 and states(market) == [State.CANCELED] * 2
    assert not market.desk.trading.work.count()


def test_both_go_with_a_position_that_the_desks_own_stop_closes() -> None:
    market, _ = guarded(stop="70")
    for _ in range(6):
        market.tick(79.0)
    assert market.held == 0 and states(market) == [State.CANCELED] * 2
    assert not market.desk.trading.work.count()


def test_both_shrink_with_a_part_that_is_closed() -> None:
    market, _ = guarded()
    held = market.held
    market.desk.trading.close_part(A, Decimal(50), limited=False)
    for _ in range(6):
        market.tick()
    assert 0 < market.held < held
    assert [the_order(market, n).leaves for n in (1, 2)] == [market.held] * 2


@pytest.mark.parametrize("kept", [True, False])
def test_one_still_cancels_the_other_after_a_restart(kept: bool) -> None:
    market, reply = guarded()
    again = restarted(market, {"paper": market.desk.trading.paper.state()} if kept else None)
    market.bench, market.desk = again, again.desk
    for _ in range(8):
        market.tick(102.5)
    assert market.held == 0
    ended = [again.desk.trading.blotter.get(identity) for identity in reply.ids]
    assert [order and order.state for order in ended] == [State.FILLED, State.CANCELED]


@pytest.mark.parametrize("state", [RiskState.REDUCING, RiskState.HALTED])
def test_two_exits_are_taken_in_every_state(state: RiskState) -> None:
    market = opened(overrides=SLOW)
    market.desk.trading.set_state(state, "me", "enough")
    reply = place(market, exits(market, "100.5", "99.8"))
    assert reply.ok, reply.text


def test_a_list_is_placed_once() -> None:
    market, first = guarded(token="mine")
    count, held = len(market.desk.trading.blotter), market.held
    again = place(market, exits(market, token="mine"))
    assert again.ids == first.ids and again.ok and again.text.endswith("placed before, accepted, accepted")
    assert len(market.desk.trading.blotter) == count and market.held == held
    assert place(market, exits(market, "101.5", token="other")).ids != first.ids


def test_another_list_under_a_token_is_not_answered_as_the_first() -> None:
    """It would never be placed, and who sent it would believe that it was."""
    market, _ = guarded(token="mine")
    count = len(market.desk.trading.blotter)
    alone = orders({"side": "sell", "quantity": "1", "price": "102"}, token="mine")
    for other in (exits(market, "101.5", token="mine"), exits(market, stop="97", token="mine"), alone):
        with pytest.raises(OrderError, match=r"was used for another order, sell .* limit at 102: take a new"):
            place(market, other)
    assert len(market.desk.trading.blotter) == count


def test_a_list_of_entries_and_brackets_is_one_commit() -> None:
    market = Market(hold=True, overrides=SLOW)
    wanted = orders(
        {"price": "99.5", "quantity": "1"},
        {"price": "99.4", "quantity": "2", "stop_loss": "99", "take_profit": "101"},
    )
    reply = place(market, wanted)
    assert reply.ok and len(reply.ids) == 4, reply.text
    assert len(market.bench.waiting) == 1 and not market.desk.trading.paper.waiting()
    market.bench.release()
    assert len(market.desk.trading.paper.waiting()) == 4


def test_one_that_is_denied_keeps_all_entries_back_and_says_which() -> None:
    market = Market(overrides=SLOW)
    reply = place(market, orders({"price": "99.5", "quantity": "1"}, {"price": "90", "quantity": "1"}))
    assert not reply.ok and reply.text.startswith(f"none sent; buy 1 {A} limit at 90: denied:")
    assert reply.verdict is not None and reply.verdict.code == "PRICE_COLLAR"
    assert not market.desk.trading.work.count()


def test_an_exit_leaves_although_an_entry_of_its_list_is_denied() -> None:
    market = opened(overrides=SLOW)
    close = {"side": "sell", "price": "101", "quantity": f"{market.held:f}"}
    reply = place(market, orders({"price": "90", "quantity": "1"}, close))
    assert not reply.ok and reply.text.startswith("1 of 2 sent; buy 1")
    ((exit, _),) = market.desk.trading.work
    assert exit.reduce_only


def test_no_tick_waits_for_a_long_list_to_be_judged() -> None:
    """Each order is judged with all before it: of a hundred brackets that takes a few tenths of a second."""
    market = Market(overrides=SLOW)
    tickets = Tickets(market.desk)
    wanted = orders(*({"price": f"{50 + n}", "quantity": "1", "stop_loss": "40"} for n in range(40)))
    requests = tickets.list_requests(wanted, "me")
    assert len(requests) == 80
    assert sum(1 for _ in tickets.previewing_list(requests)) >= 80 + 80 + 40


def test_a_list_is_judged_with_the_orders_before_it() -> None:
    market = Market(overrides=(*SLOW, "risk.max_open_orders_per_symbol=2"))
    wanted = orders(*({"price": f"99.{n}", "quantity": "1"} for n in (5, 6, 7)))
    tickets = Tickets(market.desk)
    preview = at_once(tickets.previewing_list(tickets.list_requests(wanted, "me")))
    assert not preview.approved and preview.text == "3 orders: 3 denied"
    assert [one.verdicts[0].code for one in preview.previews] == [
        "LIST_DENIED",
        "LIST_DENIED",
        "OPEN_ORDERS_SYMBOL",
    ]
    assert not market.bench.journal and not market.desk.trading.work.count()


def test_tickets_of_a_list_have_no_token_of_their_own() -> None:
    market = Market()
    with pytest.raises(OrderError, match="one token for all of it"):
        place(market, orders({"price": "99", "quantity": "1", "token": "t"}))
    with pytest.raises(OrderError, match="1 to 100 tickets"):
        place(market, orders())
    with pytest.raises(OrderError, match="longer than 200"):
        place(market, orders({"price": "99", "quantity": "1"}, token="t" * 300))
