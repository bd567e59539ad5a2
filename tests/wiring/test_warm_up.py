"""What a person may do while the desk warms up: an order would carry the clock and the prices of history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.api.protocol import Reply
from engine.api.trading_protocol import AmendPatch, FlattenPatch, OrderList, OrderTicket
from engine.config import load
from engine.errors import NotReadyError, OrderError
from engine.events import NS, OrderEvent, OrderState, RiskState
from engine.logs import LogRing
from engine.wiring import flatten
from engine.wiring.engine_options import EngineOptions
from engine.wiring.flatten import Flattening
from engine.wiring.live import LiveEngine
from engine.wiring.trading_port import LiveTrading
from tests.wiring.one_market import A, Market, opened
from tests.wiring.placed_orders import requests, restarted


@pytest.mark.parametrize("phase", ["starting", "warming up"])
async def test_orders_and_changes_are_refused_until_the_desk_runs(tmp_path: Path, phase: str) -> None:
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    trading = LiveTrading(engine)
    ticket, orders, patch = OrderTicket("BTC-USD", "sell", quantity="1"), OrderList(()), AmendPatch()
    engine.phase = phase
    for ask in (
        lambda: asyncio.run(trading.place(ticket, "me")),
        lambda: asyncio.run(trading.place_list(orders, "me")),
        lambda: asyncio.run(trading.amend("td-1", patch, "me")),
        lambda: trading.preview(ticket, "me"),
        lambda: asyncio.run(trading.preview_list(orders, "me")),
        lambda: trading.preview_amendment("td-1", patch),
    ):
        with pytest.raises(NotReadyError, match=r"^the desk is warming up: try again in a moment$"):
            await asyncio.to_thread(ask)
    with pytest.raises(OrderError, match="no order td-1"):  # a cancel is not
        await trading.cancel("td-1", "me")
    assert engine.store.last_seq == 0
    engine.phase = "running"
    with pytest.raises(OrderError):  # refused for what it says, by now
        trading.preview(ticket, "me")
    engine.stopping.set()  # it would be filled at the prices of the next run
    with pytest.raises(NotReadyError, match=r"^NOT DONE: the engine stops$"):
        await trading.place(ticket, "me")


def closing(market: Market, ready_after: int, patch: FlattenPatch | None) -> tuple[Reply, list[bool]]:
    """Flatten (None: kill) a desk that is ready at the n-th look, and ticks at each; what was sent before."""
    looks: list[bool] = []

    def ready() -> bool:
        looks.append(sent(market))
        if len(looks) > ready_after:
            market.tick()
        return len(looks) > ready_after

    def settled() -> bool:
        market.tick()
        return True

    flattening = Flattening(market.desk, settled=settled, failed=lambda: False, ready=ready)
    reply = asyncio.run(flattening.kill("me") if patch is None else flattening.flatten(patch, "me"))
    return reply, looks[:ready_after]


def sent(market: Market) -> bool:
    """Whether an exit was."""
    return any(
        isinstance(event, OrderEvent) and event.request is not None and event.request.reduce_only
        for event in market.bench.journal
    )


@pytest.mark.parametrize(
    ("patch", "state"),
    [
        (None, RiskState.HALTED),
        (FlattenPatch(), RiskState.REDUCING),
        (FlattenPatch(symbol=A), RiskState.ACTIVE),
    ],
)
def test_flatten_and_kill_close_when_the_desk_runs(patch: FlattenPatch | None, state: RiskState) -> None:
    market = opened()
    assert market.held
    reply, early = closing(market, 5, patch)
    assert reply.ok and not market.held, reply
    assert early == [False] * 5 and sent(market)
    assert market.desk.trading.gate.state is state


def test_what_rests_is_canceled_after_a_restart_before_any_quote() -> None:
    market = Market()
    (made,) = requests(market.desk, type="limit", quantity="10", price="99.5")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None and market.desk.trading.submit(made, instrument).approved
    market.tick()
    again = restarted(market).desk
    assert again.trading.cancel_all(None, "me") == [made.client_order_id]
    again.trading.set_state(RiskState.HALTED, "me", "me")
    again.advance(market.desk.now_ns + NS)
    again.trading.on_clock()
    order = again.trading.blotter.get(made.client_order_id)
    assert order is not None and order.state is OrderState.CANCELED


def test_a_warm_up_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatten, "WAIT_S", 0.1)
    market = opened()
    reply, _ = closing(market, 10**6, None)
    assert not reply.ok and f"NOT FLAT: {A}: the desk is warming up" in reply.text
    assert market.desk.trading.gate.state is RiskState.HALTED, "at once"
    with pytest.raises(NotReadyError):
        closing(market, 10**6, FlattenPatch(symbol=A))
    assert not sent(market)
