"""A real engine that trades with a broker: a local server of Alpaca's wire format. Killed in flight, it comes
back, asks, and both sides agree."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.cli.client import ask
from engine.api.page import Page
from engine.api.protocol import Reply
from engine.api.rows import OrderRow
from engine.api.trading_protocol import OrderReply, OrderTicket, ReconciliationRow
from tests.e2e.engine import RunningEngine, options
from tests.execution.alpaca_server import AlpacaServer
from tests.execution.alpaca_stream import KEY, SECRET

BTC = "sim:BTC-USD"
QUIET = options(
    simulated__history_s=60,
    opportunities__min_score=1.0,
    exits__stop_loss_pct=90,
    exits__take_profit_pct=900,
)
"""Nobody but the test trades."""


class Desk:
    """The engine's link, asked from beside the server's loop."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    async def ask(self, method: str, path: str, kind: Any, body: bytes | None = None) -> Any:
        return await asyncio.to_thread(ask, self._state_dir, method, path, kind, body=body, timeout_s=30.0)

    async def buy(self, token: str, price: Decimal) -> str:
        ticket = OrderTicket(
            symbol=BTC, side="buy", type="limit", quantity="0.01", price=str(price), token=token
        )
        reply = await self.ask("POST", "/v1/orders", OrderReply, msgspec.json.encode(ticket))
        assert reply.ok, reply.text
        return str(reply.ids[0])

    async def states(self) -> dict[str, str]:
        page = await self.ask("GET", "/v1/orders?limit=100", Page[OrderRow])
        return {row.id: row.state for row in page.rows}

    async def until(self, holds: Callable[[dict[str, str]], bool], what: str) -> None:
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline:
            states = await self.states()
            if holds(states):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{what} never came: {states}")


def engine_on(state_dir: Path, server: AlpacaServer, *more: str) -> RunningEngine:
    keys = state_dir.parent / "keys"
    keys.write_text(f"{KEY}\n{SECRET}\n")
    keys.chmod(0o600)
    config = state_dir.parent / "tickdesk.toml"
    config.write_text(
        f"""
        [brokers]
        reconcile_s = 1.0
        [brokers.alpaca]
        enabled = true
        rest_url = "{server.rest_url}"
        key_file = "{keys}"
        timeout_s = 2.0
        symbols = {{ "{BTC}" = "BTC/USD" }}
        """
    )
    return RunningEngine(state_dir, "--config", str(config), *QUIET, *more)


async def mid(engine: RunningEngine) -> Decimal:
    state = await asyncio.to_thread(engine.state)
    row = next(tick for tick in state.ticks if tick.symbol == BTC)
    return Decimal(int(row.bid) // 100 * 100)  # on the grid, whatever its tick


async def connected(server: AlpacaServer) -> None:
    async with asyncio.timeout(30):
        while not server.listeners:
            await asyncio.sleep(0.02)


@pytest.mark.timeout(180)
async def test_a_broker_survives_a_kill_in_flight(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    desk = Desk(state_dir)
    async with AlpacaServer() as server:
        engine = engine_on(state_dir, server)
        try:
            await asyncio.to_thread(engine.start)
            await connected(server)
            price = await mid(engine)
            first = await desk.buy("one", price)
            await desk.until(lambda states: states[first] == "accepted", "the first order's acceptance")
            server.fill(first, "0.004", str(price))
            await desk.until(lambda states: states[first] == "partially_filled", "its first fill")

            server.faults.place = ["hang"]
            second = await desk.buy("two", price - 20)
            async with asyncio.timeout(10):
                while second not in server.placed:
                    await asyncio.sleep(0.01)
            engine.signal(signal.SIGKILL)
            await asyncio.to_thread(engine.wait)
            server.fill(first, "0.006", str(price))
            server.fill(second, "0.01", str(price - 20))

            await asyncio.to_thread(engine.start)
            await connected(server)
            await desk.until(
                lambda states: states[first] == states[second] == "filled", "what happened while it was away"
            )
            assert server.placed == {first: 1, second: 1}
            state = await asyncio.to_thread(engine.state)
            (position,) = state.positions
            assert Decimal(str(position.quantity)) == Decimal("0.02")
            assert state.status.gateway.startswith("alpaca: connected")

            agreed = await _agrees(desk)
            assert {row.gateway for row in agreed} == {"paper", "alpaca"}
            server.cash -= 500
            server.positions["BTCUSD"] += Decimal("0.5")
            await _drifts(desk)
            state = await asyncio.to_thread(engine.state)
            assert state.status.risk_state == "reducing" and "alpaca" in state.status.risk_reason
            assert state.status.drifts == 2
            accepted = await desk.ask("POST", "/v1/reconcile/cash", Reply, b'{"gateway":"alpaca"}')
            assert accepted.ok and "a difference in cash of -500 USD" in accepted.text, accepted.text
            (left,) = (row for row in await _compared(desk) if row.drifts)
            assert [drift.kind for drift in left.drifts] == ["position"]

            server.auto_fill = lambda row: [(row["qty"], str(price))] if row["type"] == "market" else []
            flat = await desk.ask("POST", "/v1/flatten", Reply, b"{}")
            assert flat.ok, flat.text
            assert server.forms[-1]["side"] == "sell" and server.forms[-1]["qty"] == "0.02"
            log = (state_dir / "engine.log").read_text()
            assert SECRET not in log and KEY not in log
        finally:
            await asyncio.to_thread(engine.__exit__, None, None, None)


async def _agrees(desk: Desk) -> list[ReconciliationRow]:
    deadline = time.monotonic() + 30.0
    while True:
        reply = await desk.ask("POST", "/v1/reconcile", Reply, b"")
        rows = await _compared(desk)
        if "first time" not in reply.text and all(row.ns and not row.error for row in rows):
            assert all(not row.drifts for row in rows), json.dumps([str(row) for row in rows])
            return rows
        assert time.monotonic() < deadline, reply.text


async def _compared(desk: Desk) -> list[ReconciliationRow]:
    rows: list[ReconciliationRow] = await desk.ask("GET", "/v1/reconciliation", list[ReconciliationRow])
    return rows


async def _drifts(desk: Desk) -> None:
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        rows = await _compared(desk)
        kinds = sorted(drift.kind for row in rows for drift in row.drifts)
        if kinds == ["cash", "position"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(rows)
