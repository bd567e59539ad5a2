"""Cancels at Alpaca: first of all, until they are heard, and fills that meet them are booked."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from engine.events import OrderState, Pending, Side
from engine.execution.alpaca.gateway import AlpacaGateway
from tests.execution.alpaca_desk import BTC, DeskSide, ask
from tests.execution.alpaca_server import AlpacaServer

S = OrderState


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
