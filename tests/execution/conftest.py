"""Builders of orders and instruments, and a desk at a local Alpaca, for the tests of execution."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from engine.events import NS, OrderRequest, OrderType, Purpose, Side
from engine.instruments import Instruments
from tests.execution.alpaca_desk import DeskSide
from tests.execution.alpaca_server import AlpacaServer

SYMBOL = "sim:BTC-USD"
T0 = 1_700_000_000 * NS


@pytest.fixture
def instruments() -> Instruments:
    known = Instruments()
    known.add(SYMBOL, tick_size=Decimal("0.01"), lot_size=Decimal("0.001"), min_notional=Decimal(10))
    known.add("sim:ETH-USD", tick_size=Decimal("0.01"), lot_size=Decimal("0.01"))
    return known


@pytest.fixture
def request_() -> Callable[..., OrderRequest]:
    def make(client_order_id: str = "td-1", **changes: Any) -> OrderRequest:
        fields: dict[str, Any] = {
            "client_order_id": client_order_id,
            "symbol": SYMBOL,
            "side": Side.BUY,
            "type": OrderType.MARKET,
            "quantity": Decimal("1.000"),
            "purpose": Purpose.ENTRY,
            "reduce_only": False,
            "decision_ns": T0,
            "decision_price": 100.0,
        }
        return OrderRequest(**(fields | changes))

    return make


@pytest.fixture
async def server() -> AsyncIterator[AlpacaServer]:
    async with AlpacaServer() as running:
        yield running


@pytest.fixture
async def desk(server: AlpacaServer) -> AsyncIterator[DeskSide]:
    async with DeskSide(server).running() as running:
        yield running
