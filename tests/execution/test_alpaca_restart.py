"""Alpaca's orders after a restart: asked for, told as ours, and canceled as what they are now."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest

from engine.events import Amendment, OrderState, OrderType, Side
from tests.execution.alpaca_desk import AAPL, DeskSide, ask
from tests.execution.alpaca_server import AlpacaServer

S = OrderState


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
