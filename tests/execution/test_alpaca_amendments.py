"""Amendments at Alpaca: a replacement there, the same order here, and no fill lost between them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.events import Amendment, OrderState, Pending
from tests.execution.alpaca_desk import DeskSide, ask
from tests.execution.alpaca_server import AlpacaServer

S = OrderState


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
