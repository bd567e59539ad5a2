"""Orders on their way to Alpaca: each arrives once, whatever becomes of its answer."""

from __future__ import annotations

import asyncio
import logging
import time
from decimal import Decimal

import pytest

from engine.events import Fill, OrderState, OrderType, Side
from tests.execution.alpaca_desk import AAPL, DeskSide, ask
from tests.execution.alpaca_server import AlpacaServer

S = OrderState


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


async def test_no_entry_is_sent_while_its_fills_would_not_be_heard_of(
    server: AlpacaServer, desk: DeskSide
) -> None:
    desk.gateway.line(False, time.time_ns())
    desk.place(ask())
    assert desk.state() is S.REJECTED and "no updates" in desk.order().reason
    desk.place(ask("td-2", reduce_only=True, side=Side.SELL))
    await desk.reaches(S.ACCEPTED, "td-2")


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
