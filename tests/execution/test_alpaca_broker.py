"""Alpaca's gateway over real connections to a local server of its wire format, faults included."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from engine.events import Amendment, Fill, OrderEvent, OrderState, OrderType, Pending, Side
from engine.execution.alpaca.gateway import AlpacaGateway
from engine.execution.gateway import Report
from engine.wiring.broker import BrokerError
from tests.execution.alpaca_desk import AAPL, BTC, DeskSide, ask
from tests.execution.alpaca_server import GARBAGE, SECRET, AlpacaServer

S = OrderState


@pytest.fixture
async def server() -> AsyncIterator[AlpacaServer]:
    async with AlpacaServer() as running:
        yield running


@pytest.fixture
async def desk(server: AlpacaServer) -> AsyncIterator[DeskSide]:
    async with DeskSide(server).running() as running:
        yield running


async def test_an_order_is_accepted_filled_in_parts_and_done(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    assert desk.order().venue_order_id == server.order("td-1")["id"]
    server.fill("td-1", "0.5", "99.5")
    await desk.reaches(S.PARTIALLY_FILLED)
    server.fill("td-1", "1.5", "100")
    order = await desk.reaches(S.FILLED)
    assert order.filled == 2 and order.notional == Decimal("199.75")
    assert desk.kinds() == ["accepted", "fill 0.5", "fill 1.5"]
    fill = next(r for r in desk.reports if isinstance(r, Fill))
    assert fill.currency == "USD" and fill.trade_id.startswith("alpaca-") and fill.fee == 0
    assert server.placed == {"td-1": 1} and server.forms[0]["qty"] == "2"
    assert desk.gateway.waiting() == {}


async def test_a_market_order_that_fills_before_its_answer(server: AlpacaServer, desk: DeskSide) -> None:
    server.auto_fill = lambda row: [("0.75", "100"), ("1.25", "101")]
    server.faults.place = ["slow"]
    desk.place(ask(type=OrderType.MARKET, price=None))
    order = await desk.reaches(S.FILLED)
    assert order.filled == 2
    await desk.until(lambda: desk.gateway.waiting() == {})


@pytest.mark.parametrize("fault", ["hang", "error_after", "cut_after", "garbage"])
async def test_an_order_that_arrived_unheard_is_found(
    server: AlpacaServer, desk: DeskSide, fault: str
) -> None:
    """Without any update: only the question by client order id can tell."""
    server.faults.deaf = True
    server.faults.place = [fault]
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    assert server.placed == {"td-1": 1} and server.requests["lookup"] >= 1


@pytest.mark.parametrize("fault", ["error", "cut"])
async def test_an_order_that_never_arrived_is_rejected_when_that_is_certain(
    server: AlpacaServer, desk: DeskSide, fault: str
) -> None:
    server.faults.place = [fault]
    began = time.monotonic()
    desk.place(ask())
    await asyncio.sleep(0.3)
    assert desk.state() is S.SUBMITTED and "unknown" in desk.gateway.waiting()["td-1"]
    order = await desk.reaches(S.REJECTED)
    assert order.reason == "never arrived at the venue"
    assert time.monotonic() - began >= 0.75 and server.requests["lookup"] >= 3
    assert server.placed == {"td-1": 1} and server.orders == {}


async def test_an_order_is_unresolved_for_as_long_as_the_venue_does_not_answer(
    server: AlpacaServer, desk: DeskSide
) -> None:
    server.faults.place = ["cut_after"]
    server.faults.read = ["error"] * 6
    server.faults.deaf = True
    desk.place(ask())
    await desk.until(lambda: len(server.faults.read) <= 3)
    assert desk.state() is S.SUBMITTED
    await desk.reaches(S.ACCEPTED, timeout_s=20)


async def test_an_order_that_arrives_after_it_was_given_up_is_canceled_at_the_venue(
    server: AlpacaServer, desk: DeskSide
) -> None:
    server.faults.place = ["cut"]
    desk.place(ask())
    await desk.reaches(S.REJECTED)
    form = {"symbol": "BTC/USD", "qty": "2", "side": "buy", "type": "limit", "limit_price": "100"}
    server._accept({**form, "time_in_force": "gtc", "client_order_id": "td-1"})
    await desk.until(lambda: server.order("td-1")["status"] == "canceled")
    assert desk.state() is S.REJECTED and desk.kinds() == ["rejected"]


async def test_a_duplicate_id_is_a_success_that_was_not_heard(server: AlpacaServer, desk: DeskSide) -> None:
    form = {"symbol": "BTC/USD", "qty": "2", "side": "buy", "type": "limit", "limit_price": "100"}
    server._accept({**form, "time_in_force": "gtc", "client_order_id": "td-1"})
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    assert len(server.orders) == 1


async def test_an_id_that_is_another_orders_is_rejected(server: AlpacaServer, desk: DeskSide) -> None:
    form = {"symbol": "BTC/USD", "qty": "2", "side": "sell", "type": "limit", "limit_price": "100"}
    server._accept({**form, "time_in_force": "gtc", "client_order_id": "td-1"})
    desk.place(ask())
    order = await desk.reaches(S.REJECTED)
    assert "another order" in order.reason and server.order("td-1")["status"] == "new"


@pytest.mark.parametrize("status", ["403", "422", "400"])
async def test_a_refusal_is_told_in_the_venues_words_cleaned(
    server: AlpacaServer, desk: DeskSide, status: str
) -> None:
    server.faults.place = [status]
    desk.place(ask())
    order = await desk.reaches(S.REJECTED)
    assert order.reason == f"venue: refused [31m{status}"
    assert desk.gateway.waiting() == {}


async def test_too_many_requests_wait_as_long_as_is_asked(server: AlpacaServer, desk: DeskSide) -> None:
    server.faults.place = ["limit"]
    began = time.monotonic()
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    assert time.monotonic() - began >= 0.9 and server.placed == {"td-1": 2}
    assert len(server.orders) == 1


async def test_cancels_go_first_and_are_sent_again_until_they_are_heard(
    server: AlpacaServer, desk: DeskSide
) -> None:
    for n in range(3):
        desk.place(ask(f"td-{n}"))
    for n in range(3):
        await desk.reaches(S.ACCEPTED, f"td-{n}")
    server.faults.cancel = ["cut", "error", "hang"]
    for n in range(3):
        desk.cancel(f"td-{n}")
        assert desk.order(f"td-{n}").pending is Pending.CANCEL
    for n in range(3):
        await desk.reaches(S.CANCELED, f"td-{n}")
    assert {row["status"] for row in server.orders.values()} == {"canceled"}


async def test_what_the_venue_does_not_know_any_more_is_over_when_a_person_cancels_it(
    server: AlpacaServer, desk: DeskSide
) -> None:
    """It was being canceled for ever: no exit could take its place, and nothing was ever flat."""
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    known = dict(server.orders)
    server.orders.clear()
    before = server.requests["get"]
    desk.cancel("td-1")
    await desk.until(lambda: server.requests["get"] > before)
    assert desk.state() is S.ACCEPTED, "not by one answer"
    canceled = await desk.reaches(S.CANCELED)
    assert canceled.reason == "the venue does not know it any more"
    server.orders.update(known)
    server.fill("td-1", "2", "100")
    await desk.reaches(S.FILLED)


async def test_fifty_cancels_leave_within_a_second(server: AlpacaServer, desk: DeskSide) -> None:
    for n in range(50):
        desk.place(ask(f"td-{n}"))
    for n in range(50):
        await desk.reaches(S.ACCEPTED, f"td-{n}")
    began = time.monotonic()
    for n in range(50):
        desk.cancel(f"td-{n}")
    await desk.until(lambda: server.requests["cancel"] == 50)
    assert time.monotonic() - began < 1.0
    for n in range(50):
        await desk.reaches(S.CANCELED, f"td-{n}")


def test_an_exit_stands_behind_no_entries_that_wait_for_the_rate_limit() -> None:
    gateway = AlpacaGateway({BTC: "BTC/USD"}, requests_per_min=200, settle_ns=1)
    gateway.connected = True
    for n in range(3):
        gateway.submit(ask(f"td-{n}"), 1)
    gateway.submit(ask("td-exit", side=Side.SELL, reduce_only=True), 1)
    calls = [gateway.next_call(2) for _ in range(4)]
    assert [call and call.client_order_id for call in calls] == ["td-exit", "td-0", "td-1", "td-2"]


async def test_a_cancel_of_a_filled_order_ends_as_its_fill(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = True
    server.fill("td-1", "2", "100")
    desk.cancel("td-1")
    order = await desk.reaches(S.FILLED)
    assert order.filled == 2 and order.pending is Pending.NONE


@pytest.mark.parametrize("quantity", ["0.5", "2"])
async def test_a_fill_after_the_cancel_is_booked(server: AlpacaServer, desk: DeskSide, quantity: str) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    desk.cancel("td-1")
    await desk.reaches(S.CANCELED)
    server.fill("td-1", quantity, "100")
    await desk.until(lambda: desk.order().filled == Decimal(quantity))
    assert desk.state() is (S.FILLED if quantity == "2" else S.CANCELED)


async def test_a_cancel_before_the_answer_waits_for_the_orders_id(
    server: AlpacaServer, desk: DeskSide
) -> None:
    server.faults.deaf = True
    server.faults.place = ["hang"]
    desk.place(ask())
    await desk.until(lambda: server.placed["td-1"] == 1)
    desk.cancel("td-1")
    await desk.reaches(S.CANCELED)


async def test_an_order_that_has_not_left_is_canceled_at_once(server: AlpacaServer) -> None:
    desk = DeskSide(server)
    desk.gateway.connected = True
    desk.place(ask())
    desk.cancel("td-1")
    assert desk.state() is S.CANCELED and server.placed == {}


async def test_lost_updates_are_fetched_after_a_cut(server: AlpacaServer, desk: DeskSide) -> None:
    for n in range(3):
        desk.place(ask(f"td-{n}"))
        await desk.reaches(S.ACCEPTED, f"td-{n}")
    server.fill("td-0", "0.5", "99")
    await desk.reaches(S.PARTIALLY_FILLED, "td-0")
    server.faults.deaf = True
    server.fill("td-0", "1.5", "100")
    server.fill("td-1", "1", "100")
    server.end("td-1", "canceled")
    server.end("td-2", "expired")
    server.hang_up()
    server.faults.deaf = False
    assert (await desk.reaches(S.FILLED, "td-0")).filled == 2
    assert (await desk.reaches(S.CANCELED, "td-1")).filled == 1
    await desk.reaches(S.EXPIRED, "td-2")
    assert desk.kinds("td-1") == ["accepted", "fill 1", "canceled"]
    assert len({r.trade_id for r in desk.reports if isinstance(r, Fill)}) == 3


async def test_updates_twice_late_and_out_of_order(server: AlpacaServer, desk: DeskSide) -> None:
    told: list[dict[str, object]] = []
    server.send = told.append  # type: ignore[method-assign]
    desk.place(ask())
    await desk.until(lambda: len(told) == 2)
    server.fill("td-1", "0.5", "99")
    server.fill("td-1", "1.5", "100")
    del server.send  # type: ignore[method-assign]
    pending, new, first, last = told
    for update in (last, last, first, pending, new, first, new):
        server.send(update)  # type: ignore[arg-type]
    order = await desk.reaches(S.FILLED)
    assert order.filled == 2 and order.notional == Decimal("199.5")
    await desk.until(lambda: desk.gateway.waiting() == {})
    assert sum(kind.startswith("fill") for kind in desk.kinds()) == 2


async def test_garbage_on_the_stream_costs_nothing(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    for frame in GARBAGE:
        server.raw(frame)
    server.raw(json.dumps({"stream": "trade_updates", "data": {"event": "fill", "order": {}}}).encode())
    server.fill("td-1", "2", "100")
    await desk.reaches(S.FILLED)


async def test_an_unknown_update_has_the_order_asked_for(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = True
    server.fill("td-1", "2", "100")
    server.faults.deaf = False
    server.tell("trade_moved", server.order("td-1"))
    assert (await desk.reaches(S.FILLED)).filled == 2


async def test_a_state_that_says_nothing_is_asked_for_at_growing_intervals(
    server: AlpacaServer, desk: DeskSide
) -> None:
    """Asked at once, each answer led to the next question."""
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    before, began = server.requests["get"], time.monotonic()
    server.end("td-1", "pending_review")
    await desk.until(lambda: server.requests["get"] >= before + 3)
    assert time.monotonic() - began > 0.7, "a quarter of a second, then half of one"
    server.end("td-1", "canceled")
    await desk.reaches(S.CANCELED)


async def test_an_amendment_replaces_the_order_and_keeps_our_id(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    first = (await desk.reaches(S.ACCEPTED)).venue_order_id
    desk.amend("td-1", Amendment(price=Decimal("98.5"), quantity=Decimal(3)))
    await desk.until(lambda: desk.order().pending is Pending.NONE)
    order = desk.order()
    assert (order.price, order.quantity) == (Decimal("98.5"), 3)
    assert order.venue_order_id != first and order.venue_order_id == server.order("td-1")["id"]
    server.fill("td-1", "3", "98")
    assert (await desk.reaches(S.FILLED)).filled == 3
    assert desk.kinds() == ["accepted", "update_asked", "updated", "fill 3"]


@pytest.mark.parametrize("fault", ["hang", "error_after", "cut_after", "garbage", "limit"])
async def test_an_amendment_whose_answer_is_lost_is_found(
    server: AlpacaServer, desk: DeskSide, fault: str
) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = True
    server.faults.amend = [fault]
    desk.amend("td-1", Amendment(price=Decimal(97)))
    await desk.until(lambda: desk.order().price == 97)
    assert desk.order().pending is Pending.NONE
    desk.cancel("td-1")
    await desk.reaches(S.CANCELED)
    assert server.order("td-1")["status"] == "canceled"


@pytest.mark.parametrize("fault", ["cut", "error"])
async def test_an_amendment_that_never_arrived_is_refused(
    server: AlpacaServer, desk: DeskSide, fault: str
) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.amend = [fault]
    desk.amend("td-1", Amendment(price=Decimal(97)))
    await desk.until(lambda: "update_refused" in desk.kinds())
    assert desk.state() is S.ACCEPTED and desk.order().price == 100


@pytest.mark.parametrize("parts", [("1.5", "0.5"), ("0.4", "1.6"), ("2",), ("0.5", "0.5", "1")])
@pytest.mark.parametrize("counts", [False, True])
async def test_no_fill_is_lost_of_an_amendment_that_meets_one(
    server: AlpacaServer, desk: DeskSide, parts: tuple[str, ...], counts: bool
) -> None:
    """Whether the replacement counts what its predecessor filled or not: here the venue does both."""
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = True
    server.fill("td-1", "0.5", "100")
    server.faults.deaf = False
    desk.amend("td-1", Amendment(price=Decimal(101)))
    await desk.until(lambda: server.requests["amend"] and "updated" in desk.kinds())
    if counts:
        server.order("td-1")["filled_qty"] = "0.5"
        parts = {("1.5", "0.5"): ("1", "0.5"), ("0.4", "1.6"): ("0.4", "1.1")}.get(parts, ("1.5",))
    for part in parts:
        server.fill("td-1", part, "101")
    order = await desk.reaches(S.FILLED)
    assert order.filled == order.quantity == Decimal("0.5") + sum(map(Decimal, parts))
    await desk.until(lambda: desk.gateway.waiting() == {})


@pytest.mark.parametrize("counts", [False, True])
async def test_an_order_that_a_person_replaces_again_and_again_is_done(
    server: AlpacaServer, desk: DeskSide, counts: bool
) -> None:
    """Each replacement tells what those before it filled, or none does: what they tell is not added up."""
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.fill("td-1", "0.5", "100")
    await desk.reaches(S.PARTIALLY_FILLED)
    for price in ("101", "102"):
        server.replace("td-1", price, counts=counts)
        await desk.until(lambda price=price: desk.order().price == Decimal(price))
    for part in ("1", "0.5" if counts else "1"):
        server.fill("td-1", part, "102")
    order = await desk.reaches(S.FILLED)
    assert order.filled == order.quantity == Decimal("2" if counts else "2.5")
    await desk.until(lambda: desk.gateway.waiting() == {})


async def test_an_amendment_that_meets_a_fill_is_refused(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = True
    server.fill("td-1", "2", "100")
    server.faults.deaf = False
    desk.amend("td-1", Amendment(price=Decimal(97)))
    assert (await desk.reaches(S.FILLED)).filled == 2
    desk.place(ask("td-2"))
    await desk.reaches(S.ACCEPTED, "td-2")
    server.fill("td-2", "1", "100")
    await desk.reaches(S.PARTIALLY_FILLED, "td-2")
    desk.amend("td-2", Amendment(price=Decimal(97)))
    assert desk.kinds("td-2")[-1] == "update_refused" and "partly filled" in desk.order("td-2").reason


async def test_a_bracket_is_one_order_at_the_venue(server: AlpacaServer, desk: DeskSide) -> None:
    of = {"symbol": AAPL, "list_id": "l-1"}
    child = {**of, "side": Side.SELL, "reduce_only": True, "parent_id": "td-1"}
    desk.place(
        ask(**of),
        ask("td-s", type=OrderType.STOP, price=None, stop_price=Decimal(90), siblings=("td-t",), **child),
        ask("td-t", price=Decimal(110), siblings=("td-s",), **child),
    )
    await desk.reaches(S.ACCEPTED)
    assert len(server.forms) == 1 and server.forms[0]["order_class"] == "bracket"
    assert desk.state("td-s") is desk.state("td-t") is S.HELD
    server.fill("td-1", "2", "100")
    await desk.reaches(S.FILLED)
    await desk.reaches(S.ACCEPTED, "td-s")
    await desk.reaches(S.ACCEPTED, "td-t")
    target = next(leg for leg in server.order("td-1")["legs"] if leg["type"] == "limit")
    stop = next(leg for leg in server.order("td-1")["legs"] if leg["type"] == "stop")
    server.fill(target["client_order_id"], "2", "110")
    server.end(stop["client_order_id"], "canceled")
    assert (await desk.reaches(S.FILLED, "td-t")).filled == 2
    await desk.reaches(S.CANCELED, "td-s")
    assert desk.kinds("td-t") == ["submitted", "accepted", "fill 2"]
    await desk.until(lambda: desk.gateway.waiting() == {})


@pytest.mark.parametrize("fault", ["hang", "403", "cut"])
async def test_what_becomes_of_a_bracket_whose_answer_is_lost_or_no(
    server: AlpacaServer, desk: DeskSide, fault: str
) -> None:
    server.faults.deaf = True
    server.faults.place = [fault]
    of = {"symbol": AAPL, "list_id": "l-1"}
    desk.place(
        ask(**of),
        ask(
            "td-s",
            type=OrderType.STOP,
            price=None,
            stop_price=Decimal(90),
            side=Side.SELL,
            reduce_only=True,
            parent_id="td-1",
            **of,
        ),
    )
    if fault != "hang":
        await desk.reaches(S.REJECTED)
        await desk.reaches(S.CANCELED, "td-s")
        return
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = False
    server.fill("td-1", "2", "100")
    await desk.reaches(S.ACCEPTED, "td-s")
    desk.cancel("td-s")
    await desk.reaches(S.CANCELED, "td-s")


async def test_a_restart_asks_for_every_open_order(server: AlpacaServer) -> None:
    """Killed in flight: one order at the venue, one filled meanwhile, one canceled, one that never left."""
    first = DeskSide(server)
    async with first.running():
        for n in range(3):
            first.place(ask(f"td-{n}"))
            await first.reaches(S.ACCEPTED, f"td-{n}")
        server.fill("td-1", "0.5", "99")
        await first.reaches(S.PARTIALLY_FILLED, "td-1")
    first.begin(ask("td-3"))
    server.fill("td-1", "1.5", "100")
    server.end("td-2", "canceled")
    second = DeskSide(server)
    second.blotter = first.blotter
    second.gateway.restore(first.blotter.open_orders(), time.time_ns())
    async with second.running():
        assert (await second.reaches(S.FILLED, "td-1")).filled == 2
        await second.reaches(S.CANCELED, "td-2")
        assert (await second.reaches(S.REJECTED, "td-3")).reason == "never arrived at the venue"
        assert second.state("td-0") is S.ACCEPTED
        second.cancel("td-0")
        await second.reaches(S.CANCELED, "td-0")
    assert all(count == 1 for count in server.placed.values()) and "td-3" not in server.placed


@pytest.mark.parametrize("elsewhere", ["", "another-id"])
async def test_what_was_filled_before_a_restart_is_told_as_ours(server: AlpacaServer, elsewhere: str) -> None:
    """Also where the venue lists an execution under another id than its stream told."""
    first = DeskSide(server)
    async with first.running():
        first.place(ask())
        await first.reaches(S.ACCEPTED)
        server.fill("td-1", "2", "100")
        await first.reaches(S.FILLED)
    if elsewhere:
        server.executions[0]["id"] = f"20261123000000000::{elsewhere}"
    server.orders.clear()  # it was sent long before what is asked for
    second = DeskSide(server)
    second.brokers.restore([], first.blotter, time.time_ns())
    async with second.running():
        (fill,) = (await second.broker.account(1)).fills
    assert fill.client_order_id == "td-1"
    assert second.reports == [], "it is booked already"


async def test_what_an_open_order_filled_before_it_was_replaced_is_told_as_ours(server: AlpacaServer) -> None:
    first = DeskSide(server)
    async with first.running():
        first.place(ask())
        await first.reaches(S.ACCEPTED)
        server.fill("td-1", "0.5", "100")
        await first.reaches(S.PARTIALLY_FILLED)
        server.replace("td-1", "101", counts=True)
        await first.until(lambda: first.order().price == 101)
    second = DeskSide(server)
    second.blotter = first.blotter
    second.brokers.restore(first.blotter.open_orders(), first.blotter, time.time_ns())
    async with second.running():
        (fill,) = (await second.broker.account(1)).fills
    assert fill.client_order_id == "td-1" and second.order().filled == Decimal("0.5")


async def test_an_order_that_was_amended_again_and_again_is_canceled_after_a_restart(
    server: AlpacaServer,
) -> None:
    """The venue lists those that it replaced, too: taken for newer than the last, they were canceled."""
    first = DeskSide(server)
    async with first.running():
        first.place(ask())
        await first.reaches(S.ACCEPTED)
        for price in (101, 102, 103):
            first.amend("td-1", Amendment(price=Decimal(price)))
            await first.until(lambda price=price: first.order().price == price)  # type: ignore[misc]
    second = DeskSide(server)
    second.blotter = first.blotter
    second.gateway.restore(first.blotter.open_orders(), time.time_ns())
    async with second.running():
        for _ in range(2):
            await second.broker.account(0)
            await asyncio.sleep(0.1)
        second.cancel("td-1")
        await second.reaches(S.CANCELED)
    assert sorted(row["status"] for row in server.orders.values()) == ["canceled", *["replaced"] * 3]


async def test_a_restart_finds_the_legs_of_a_bracket(server: AlpacaServer) -> None:
    """Killed before the venue told the legs' ids; the entry filled meanwhile."""
    of = {"symbol": AAPL, "list_id": "l-1"}
    child = {**of, "side": Side.SELL, "reduce_only": True, "parent_id": "td-1"}
    stop = ask("td-s", type=OrderType.STOP, price=None, stop_price=Decimal(90), **child)
    first = DeskSide(server)
    async with first.running():
        server.faults.deaf = True
        server.faults.place = ["hang"]
        first.place(ask(**of), stop, ask("td-t", price=Decimal(110), **child))
        await first.until(lambda: server.placed["td-1"] == 1)
    server.fill("td-1", "2", "100")
    server.faults.deaf = False
    second = DeskSide(server)
    second.blotter = first.blotter
    second.gateway.restore(first.blotter.open_orders(), time.time_ns())
    async with second.running():
        assert (await second.reaches(S.FILLED)).filled == 2
        await second.reaches(S.ACCEPTED, "td-s")
        await second.reaches(S.ACCEPTED, "td-t")
        second.cancel("td-t")
        await second.reaches(S.CANCELED, "td-t")
    third = DeskSide(server)
    third.blotter = second.blotter
    third.gateway.restore([*third.blotter.open_orders(), third.order("td-1")], time.time_ns())
    async with third.running():
        third.cancel("td-s")
        await third.reaches(S.CANCELED, "td-s")
    assert server.placed == {"td-1": 1}


async def test_a_bug_of_ours_costs_no_other_order(server: AlpacaServer) -> None:
    desk = DeskSide(server)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(desk.running())
        give_up = desk.gateway.give_up

        def broken(now_ns: int) -> list[Report]:
            desk.gateway.give_up = give_up  # type: ignore[method-assign]
            raise RuntimeError("a bug")

        desk.gateway.give_up = broken  # type: ignore[method-assign]
        desk.place(ask(reduce_only=True, side=Side.SELL))
        await desk.reaches(S.ACCEPTED)
        assert len(desk.bugs) == 1
        desk.bugs.clear()


async def test_an_answer_that_meets_a_bug_of_ours_is_not_forgotten(server: AlpacaServer) -> None:
    desk = DeskSide(server)
    async with desk.running():
        found, executions = desk.gateway.jobs.found, desk.gateway.jobs.executions

        def broken(*_: object) -> list[Report]:
            desk.gateway.jobs.found = found  # type: ignore[method-assign]
            raise RuntimeError("a bug")

        def broken_too(*_: object) -> list[Report]:
            desk.gateway.jobs.executions = executions  # type: ignore[method-assign]
            raise RuntimeError("another")

        server.faults.deaf = True
        desk.gateway.jobs.found = broken  # type: ignore[method-assign]
        desk.place(ask())
        await desk.reaches(S.ACCEPTED)
        desk.gateway.jobs.executions = broken_too  # type: ignore[method-assign]
        server.fill("td-1", "0.5", "100")
        desk.gateway.line(True, time.time_ns())
        await desk.until(lambda: desk.order().filled)
        assert [str(bug) for bug in desk.bugs] == ["a bug", "another"]
        assert server.placed == {"td-1": 1}
        desk.bugs.clear()


async def test_no_entry_is_sent_while_its_fills_would_not_be_heard_of(
    server: AlpacaServer, desk: DeskSide
) -> None:
    desk.gateway.line(False, time.time_ns())
    desk.place(ask())
    assert desk.state() is S.REJECTED and "no updates" in desk.order().reason
    desk.place(ask("td-2", reduce_only=True, side=Side.SELL))
    await desk.reaches(S.ACCEPTED, "td-2")


async def test_refused_keys_are_told_and_never_shown(
    server: AlpacaServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.refuse_keys = True
    desk = DeskSide(server)
    task = asyncio.create_task(desk.brokers.run())
    await desk.until(lambda: desk.alerts)
    desk.place(ask(reduce_only=True))
    assert (await desk.reaches(S.REJECTED)).reason == "the venue does not take the keys"
    with pytest.raises(BrokerError):
        await desk.broker.account(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    said = caplog.text + repr(desk.alerts) + repr(vars(desk.broker)) + repr(desk.reports)
    assert "does not take the keys" in desk.alerts[0][2] and SECRET not in said
    assert len(desk.alerts) == 1


async def test_the_account_in_the_desks_terms(server: AlpacaServer, desk: DeskSide) -> None:
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.faults.deaf = True
    server.fill("td-1", "0.5", "100")
    in_kind = {"id": "f-1", "activity_type": "CFEE", "symbol": "BTCUSD", "qty": "-0.001", "net_amount": "0"}
    server.fees += [in_kind, {"id": "f-2", "activity_type": "FEE", "net_amount": "-0.02"}]
    assert (await desk.broker.account(0)).fees == ()
    account = await desk.broker.account(1)
    assert desk.kinds() == ["accepted", "fill 0.5"], "an execution we lacked is reported before"
    assert account.cash == {"USD": Decimal(99_950)} and account.positions == {BTC: Decimal("0.5")}
    (order,) = account.orders
    assert (order.client_order_id, order.filled, order.state) == ("td-1", Decimal("0.5"), S.PARTIALLY_FILLED)
    (fill,) = account.fills
    assert fill.trade_id in desk.order().trade_ids
    assert [(fee.fee_id, fee.amount) for fee in account.fees] == [("f-2", Decimal("0.02"))]


async def test_an_exit_of_what_fees_left_is_whole(server: AlpacaServer, desk: DeskSide) -> None:
    """Bought crypto pays its fee in kind: there is less to sell, and the rest is a sale that the fee took."""
    server.fee_share = Decimal("0.0025")
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.fill("td-1", "2", "100")
    await desk.reaches(S.FILLED)
    server.auto_fill = lambda row: [("1", "110"), (str(Decimal(row["qty"]) - 1), "110")]
    market = {"type": OrderType.MARKET, "price": None}
    desk.place(ask("td-2", side=Side.SELL, reduce_only=True, **market))
    order = await desk.reaches(S.FILLED, "td-2")
    assert order.filled == 2 and order.quantity == 2
    assert desk.kinds("td-2") == ["accepted", "fill 1", "fill 0.995", "fill 0.0050"]
    assert order.notional - order.fees == Decimal("1.995") * 110
    assert server.placed["td-2"] == 2 and server.positions["BTCUSD"] == 0
    assert len([row for row in server.orders.values() if row["client_order_id"] == "td-2"]) == 1


async def test_a_position_that_was_sold_in_parts_is_left_whole(server: AlpacaServer, desk: DeskSide) -> None:
    """Its fees were taken when it was bought: of the last part they may be much, or all."""
    server.fee_share = Decimal("0.0025")
    desk.gateway.taken_in_kind = lambda symbol: Decimal("0.005") if symbol == BTC else Decimal(0)
    server.auto_fill = lambda row: [(row["qty"], "100")]
    market = {"type": OrderType.MARKET, "price": None}
    desk.place(ask(**market))
    await desk.reaches(S.FILLED)
    for name, quantity, there in (("a", "1.9", "1.9"), ("b", "0.097", "0.095"), ("c", "0.003", None)):
        size = Decimal(quantity)
        desk.place(ask(name, side=Side.SELL, reduce_only=True, quantity=size, **market))
        order = await desk.reaches(S.FILLED, name)
        sold = Decimal(there or 0)
        assert (order.filled, order.notional - order.fees) == (size, sold * 100)
        rows = [row["qty"] for row in server.orders.values() if row["client_order_id"] == name]
        assert rows == ([] if there is None else [there])
    assert server.positions["BTCUSD"] == 0 and desk.gateway.waiting() == {}


async def test_what_another_order_is_to_sell_is_not_taken_for_fees(
    server: AlpacaServer, desk: DeskSide
) -> None:
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal("1.995")
    server.reserved = Decimal("1.995")
    desk.gateway.taken_in_kind = lambda symbol: Decimal("0.005")
    for name, quantity in (("a", "2"), ("b", "0.005")):
        desk.place(ask(name, side=Side.SELL, reduce_only=True, quantity=Decimal(quantity)))
        assert (await desk.reaches(S.REJECTED, name)).filled == 0


async def test_fees_are_missing_beside_another_order_to_sell_too(
    server: AlpacaServer, desk: DeskSide
) -> None:
    """A part of the position rests at its target: the stop of the rest is what is left, without the fees."""
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal("1.995")
    server.reserved = Decimal("0.5")
    desk.gateway.taken_in_kind = lambda symbol: Decimal("0.005")
    desk.place(ask("a", side=Side.SELL, reduce_only=True, quantity=Decimal("1.5")))
    assert (await desk.reaches(S.ACCEPTED, "a")).quantity == Decimal("1.5")
    server.fill("a", "1.495", "100")
    order = await desk.reaches(S.FILLED, "a")
    assert (order.filled, order.notional - order.fees) == (Decimal("1.5"), Decimal("149.5"))
    server.reserved = Decimal("0.49")
    desk.place(ask("b", side=Side.SELL, reduce_only=True, quantity=Decimal("0.5")))
    assert (await desk.reaches(S.REJECTED, "b")).filled == 0


async def test_what_the_venue_does_not_tell_is_not_taken_for_fees(
    server: AlpacaServer, desk: DeskSide
) -> None:
    server.fee_share = Decimal("0.0025")
    desk.gateway.taken_in_kind = lambda symbol: Decimal(2)
    server.faults.read = ["error", "error"]
    desk.place(ask(side=Side.SELL, reduce_only=True))
    assert (await desk.reaches(S.REJECTED)).filled == 0


async def test_an_exit_that_lacks_more_than_fees_sells_what_is_there(
    server: AlpacaServer, desk: DeskSide
) -> None:
    """A stop that is refused whole leaves all of it unprotected. What is missing stays held."""
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal("1.9")
    server.auto_fill = lambda row: [(row["qty"], "100")]
    desk.place(ask(side=Side.SELL, reduce_only=True, type=OrderType.MARKET, price=None))
    order = await desk.reaches(S.FILLED)
    assert (order.quantity, order.filled, order.fees) == (Decimal("1.9"), Decimal("1.9"), 0)
    desk.place(
        ask(
            "td-2",
            side=Side.SELL,
            reduce_only=True,
            type=OrderType.MARKET,
            price=None,
            quantity=Decimal("0.1"),
        )
    )
    assert (await desk.reaches(S.REJECTED, "td-2")).filled == 0


@pytest.mark.parametrize("held", ["0", "7"])
async def test_an_exit_of_what_is_not_there_is_refused(
    server: AlpacaServer, desk: DeskSide, held: str
) -> None:
    server.fee_share = Decimal("0.0025")
    server.positions["BTCUSD"] = Decimal(held)
    if held == "7":
        server.faults.place = ["403"]
    desk.place(ask(side=Side.SELL, reduce_only=True))
    order = await desk.reaches(S.REJECTED)
    assert order.reason.startswith("venue: ") and server.placed["td-1"] == 1


async def test_a_dry_run_logs_and_sends_nothing(
    server: AlpacaServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk = DeskSide(server, dry_run=True)
    task = asyncio.create_task(desk.brokers.run())
    desk.place(ask())
    assert desk.order().reason == "dry run: nothing was sent"
    assert '"client_order_id":"td-1"' in caplog.text and '"limit_price":"100"' in caplog.text
    await asyncio.wait_for(task, 5)
    assert server.requests.total() == 0 and server.logins == []


@pytest.mark.parametrize("seed", range(12))
async def test_no_order_is_doubled_or_lost_whatever_goes_wrong(seed: int) -> None:
    """Random faults on every request and update; then calm, and both sides must agree to the last digit."""
    chaos = random.Random(seed)
    async with AlpacaServer(seed=seed) as server, DeskSide(server).running() as desk:
        server.auto_fill = lambda row: chaos.choice([[], [("0.5", "100")], [("1", "99"), ("1", "101")]])
        server.faults.chaos = chaos
        ids = [f"td-{n}" for n in range(12)]
        for identity in ids:
            side = chaos.choice([Side.BUY, Side.SELL])
            # Reduce-only: an entry would be refused whenever the line is cut.
            desk.place(ask(identity, side=side, reduce_only=True))
            await asyncio.sleep(chaos.random() * 0.03)
            known = chaos.choice(ids)
            order = desk.blotter.get(known)
            if order is None or order.state.terminal or order.pending is not Pending.NONE:
                continue
            if chaos.random() < 0.3:
                desk.cancel(known)
            elif order.state is S.ACCEPTED and chaos.random() < 0.4:
                desk.amend(known, Amendment(price=Decimal(chaos.randint(90, 110))))
        server.faults.chaos = None
        server.hang_up()  # the stream comes back, and what was lost is asked for
        await desk.until(lambda: not desk.gateway.unresolved(), 30)
        for order in desk.blotter.open_orders():
            if order.pending is not Pending.CANCEL:
                desk.cancel(order.client_order_id)
        await desk.until(lambda: not desk.blotter.open_orders() and not desk.gateway.waiting(), 30)
        _agree(server, desk)


def _agree(server: AlpacaServer, desk: DeskSide) -> None:
    ours = {order.client_order_id: order for order in desk.blotter}
    venue: dict[str, Decimal] = {}
    for row in server.orders.values():
        identity = row["client_order_id"].partition("~")[0]
        assert identity in ours
        venue[identity] = venue.get(identity, Decimal(0)) + Decimal(row["filled_qty"])
    first = [row["client_order_id"] for row in server.orders.values() if not row["replaces"]]
    assert len(first) == len(set(first)), "one venue order per client order id"
    for identity, order in ours.items():
        assert order.filled == venue.get(identity, 0), (identity, desk.kinds(identity))
        if order.state is S.REJECTED:
            assert identity not in venue
    fills = [report for report in desk.reports if isinstance(report, Fill)]
    assert len(fills) == len(server.executions) == len({fill.trade_id for fill in fills})
    cash = sum((-fill.side.sign * fill.price * fill.quantity for fill in fills), Decimal(0))
    assert server.cash == 100_000 + cash
    ends = [r for r in desk.reports if isinstance(r, OrderEvent) and r.state.terminal]
    assert len(ends) == len({end.client_order_id for end in ends})
