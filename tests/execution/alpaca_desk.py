"""The desk's side of a broker under test: real connections, orders folded as the journal would."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Any

from engine.config import AlpacaConfig, BrokersConfig, Config
from engine.events import (
    NS,
    ChangeKind,
    Fill,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    Side,
)
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report
from engine.execution.order import Order
from engine.wiring.broker import Brokers
from tests.execution.alpaca_server import AlpacaServer
from tests.execution.alpaca_stream import KEY, SECRET

BTC, AAPL = "sim:BTC-USD", "sim:AAPL"
KEYS = {"TICKDESK_ALPACA_KEY": KEY, "TICKDESK_ALPACA_SECRET": SECRET}
TIMEOUT_S = 0.25


def ask(client_order_id: str = "td-1", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": client_order_id,
        "symbol": BTC,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "price": Decimal(100),
        "quantity": Decimal(2),
        "purpose": Purpose.ENTRY,
        "reduce_only": False,
        "decision_ns": 1,
        "decision_price": 100.0,
        "gateway": "alpaca",
    }
    return OrderRequest(**(fields | changes))


class DeskSide:
    """Folds every report at once; one that its order does not allow fails the test where it happens."""

    def __init__(self, server: AlpacaServer, **settings: Any) -> None:
        alpaca = {
            "enabled": True,
            "symbols": {BTC: "BTC/USD", AAPL: "AAPL"},
            "rest_url": server.rest_url,
            "timeout_s": TIMEOUT_S,
            "backoff_max_s": 0.05,
            "requests_per_min": 10_000,
            **settings,
        }
        config = Config(brokers=BrokersConfig(alpaca=AlpacaConfig(**alpaca)))
        self.blotter = Blotter()
        self.reports: list[Report] = []
        self.alerts: list[tuple[str, str, str]] = []
        self.bugs: list[Exception] = []
        self.brokers = Brokers(
            config,
            clock=time.time_ns,
            on_reports=self.take,
            alert=lambda *alert: self.alerts.append(alert),
            failed=self.bugs.append,
            rng=random.Random(5),
            environ=KEYS,
        )
        assert self.brokers.alpaca is not None
        self.broker = self.brokers.alpaca
        self.gateway = self.broker.gateway

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[DeskSide]:
        task = asyncio.create_task(self.brokers.run())
        try:
            await self.until(lambda: self.gateway.connected or task.done())
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert self.bugs == []

    def begin(self, request: OrderRequest) -> None:
        now = time.time_ns()
        identity, symbol = request.client_order_id, request.symbol
        state = OrderState.HELD if request.parent_id else OrderState.SUBMITTED
        self.blotter.apply(OrderEvent(identity, symbol, OrderState.INITIALIZED, "", now, request=request))
        self.blotter.apply(OrderEvent(identity, symbol, state, "", now))

    def place(self, *requests: OrderRequest) -> Order:
        for request in requests:
            self.begin(request)
        now = time.time_ns()
        alone = len(requests) == 1
        reports = self.gateway.submit(requests[0], now) if alone else self.gateway.submit_list(requests, now)
        self.take(reports)
        return self.order(requests[0].client_order_id)

    def cancel(self, identity: str) -> None:
        order = self.order(identity)
        answers = self.gateway.cancel(identity, time.time_ns())
        asked = OrderChange(identity, order.request.symbol, ChangeKind.CANCEL_ASKED, "", time.time_ns())
        self.take([asked, *answers])

    def amend(self, identity: str, amendment: Any) -> None:
        order = self.order(identity)
        now = time.time_ns()
        self.take([OrderChange(identity, order.request.symbol, ChangeKind.UPDATE_ASKED, "", now, amendment)])
        self.take(self.gateway.amend(identity, amendment, now))

    def take(self, reports: Sequence[Report]) -> None:
        for report in reports:
            assert isinstance(report, (OrderEvent, OrderChange, Fill))
            self.blotter.apply(report)
            self.reports.append(report)

    def order(self, identity: str = "td-1") -> Order:
        order = self.blotter.get(identity)
        assert order is not None
        return order

    def state(self, identity: str = "td-1") -> OrderState:
        return self.order(identity).state

    async def reaches(self, state: OrderState, identity: str = "td-1", timeout_s: float = 8.0) -> Order:
        await self.until(lambda: self.state(identity) is state, timeout_s)
        return self.order(identity)

    async def until(self, holds: Callable[[], object], timeout_s: float = 8.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                states = {order.client_order_id: order.state.value for order in self.blotter}
                raise AssertionError(f"never came: {states}, waiting: {self.gateway.waiting()}")
            await asyncio.sleep(0.005)

    def kinds(self, identity: str = "td-1") -> list[str]:
        """What was reported of an order, in order."""
        out = []
        for report in self.reports:
            if isinstance(report, Fill):
                if report.client_order_id == identity:
                    out.append(f"fill {report.quantity}")
            elif isinstance(report, OrderEvent) and report.client_order_id == identity:
                out.append(report.state.value)
            elif isinstance(report, OrderChange) and report.client_order_id == identity:
                out.append(report.kind.value)
        return out


def seconds(ns: int) -> float:
    return ns / NS
