"""Alpaca's gateway whatever goes wrong: bugs of ours, refused keys, random faults on every request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from decimal import Decimal

import pytest

from engine.events import Amendment, Fill, OrderEvent, OrderState, Pending, Side
from engine.execution.gateway import Report
from engine.wiring.broker import BrokerError
from tests.execution.alpaca_desk import DeskSide, ask
from tests.execution.alpaca_server import AlpacaServer
from tests.execution.alpaca_stream import SECRET

S = OrderState


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
