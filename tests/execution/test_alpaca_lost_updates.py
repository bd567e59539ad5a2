"""Updates of Alpaca's orders that are lost, doubled, late or garbage: each fill is booked once."""

from __future__ import annotations

import json
import time
from decimal import Decimal

from engine.events import Fill, OrderState
from tests.execution.alpaca_desk import DeskSide, ask
from tests.execution.alpaca_server import AlpacaServer
from tests.execution.alpaca_stream import GARBAGE

S = OrderState


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


async def test_an_execution_that_the_venue_took_back_does_not_take_all_requests(
    server: AlpacaServer, desk: DeskSide
) -> None:
    """What follows it is then more than is filled, however often the venue is asked."""
    desk.place(ask())
    await desk.reaches(S.ACCEPTED)
    server.fill("td-1", "0.5", "100")
    await desk.reaches(S.PARTIALLY_FILLED)
    server.executions.clear()
    server.order("td-1")["filled_qty"] = "0"
    before, began = server.requests.total(), time.monotonic()
    server.fill("td-1", "2", "100")
    await desk.until(lambda: time.monotonic() > began + 1.0)
    assert 2 <= server.requests.total() - before <= 12, server.requests
    assert desk.order().filled == Decimal("0.5")
