"""What automations do at the desk: orders through the gate, halts, strategies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.config import load
from engine.events import NS, OrderState, RiskState
from engine.wiring.automation_steps import REVERTS
from tests.wiring.conftest import START_NS, quote
from tests.wiring.hook import until
from tests.wiring.running_automations import SYMBOL, Running


async def test_an_order_passes_the_gate_and_is_filled(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "signal", "notional": 1000})
        running.signal()
        row = await running.ended(1)
        assert row.error == ""
        created = running.orders()[0]
        request = created.request
        assert request is not None and created.state is OrderState.INITIALIZED
        assert request.side.value == "buy" and 9.9 < float(request.quantity) <= 10.0
        assert request.sources == ("trend",) and request.reason == "automation:one: up it goes"
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 11.0)])
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 12.0)])
        assert running.desk.trading.ledger.quantity(SYMBOL) == request.quantity


async def test_a_limit_order_with_its_bracket(database: Path) -> None:
    levels = {"price_offset_pct": 0.5, "stop_loss_pct": 1, "take_profit_pct": 2}
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "buy", "quantity": 5, **levels})
        running.signal()
        assert (await running.ended(1)).error == ""
        entry, stop, target = (event.request for event in running.orders() if event.request is not None)
        assert entry.type.value == "limit" and entry.sources == ("trend",)
        assert float(entry.price) == pytest.approx(99.5, rel=1e-4)
        assert float(stop.stop_price) == pytest.approx(float(entry.price) * 0.99, rel=1e-4)
        assert float(target.price) == pytest.approx(float(entry.price) * 1.02, rel=1e-4)
        assert stop.parent_id == target.parent_id == entry.client_order_id
        assert running.desk.trading.ledger.quantity(SYMBOL) == 0


@pytest.mark.parametrize("size", [{"quantity": 5}, {"percent": 0.5}])
async def test_sizes(database: Path, size: dict[str, float]) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "sell", **size})
        running.signal()
        assert (await running.ended(1)).error == ""
        request = running.orders()[0].request
        assert request is not None and request.side.value == "sell"
        assert 4.9 < float(request.quantity) <= 5.0


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"side": "buy", "notional": 0.001}, "is too small"),
        ({"side": "buy", "notional": 10, "symbol": "test:NONE"}, "the desk has no test:NONE"),
    ],
)
async def test_orders_that_cannot_be_made(database: Path, step: dict[str, Any], error: str) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", **step})
        running.signal()
        assert error in (await running.ended(1)).error
        assert running.orders() == []


async def test_the_gate_denies_as_it_denies_any_order(database: Path) -> None:
    async with Running(database) as running:
        running.desk.trading.set_state(RiskState.HALTED, "test", "enough")
        await running.put("one", {"type": "order", "side": "buy", "notional": 1000})
        running.signal(at_s=1)
        row = await running.ended(1)
        assert row.failed == 1 and "order denied:NOT_ACTIVE" in row.error
        assert [event.state for event in running.orders()] == [OrderState.INITIALIZED, OrderState.DENIED]
        running.desk.trading.set_state(RiskState.ACTIVE, "test", "")
        await running.put("one", {"type": "order", "side": "buy", "percent": 500})
        running.signal(at_s=2)
        assert "order denied:" in (await running.ended(2)).error


async def test_close_flattens_even_when_halted(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "buy", "notional": 1000})
        running.signal(at_s=1)
        await running.ended(1)
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 11.0)])
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 12.0)])
        assert running.desk.trading.ledger.quantity(SYMBOL) > 0
        await running.put("one", {"type": "halt", "state": "halted"}, {"type": "order", "side": "close"})
        running.signal(at_s=2)
        assert (await running.ended(2)).error == ""
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 13.0)])
        running.desk.on_events([quote(SYMBOL, 99.99, 100.01, 14.0)])
        assert running.desk.trading.flat and running.desk.trading.gate.state is RiskState.HALTED
        running.signal(at_s=3)
        assert (await running.ended(3)).error == "", "flat is what was asked for"


async def test_no_entry_beside_an_exit(database: Path) -> None:
    config = load(overrides=["risk.allow_short=false"], environ={})
    async with Running(database, config=config) as running:
        await running.put("one", {"type": "order", "side": "buy", "quantity": 5})
        running.signal(at_s=1)
        await running.ended(1)
        for at_s in (11.0, 12.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        await running.put(
            "one", {"type": "order", "side": "close"}, {"type": "order", "side": "sell", "quantity": 5}
        )
        running.signal(at_s=2)
        assert "an exit of test:BTC-USD is at work" in (await running.ended(2)).error
        for at_s in (13.0, 14.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        assert running.desk.trading.flat


async def test_an_exit_overtakes_an_entry_that_is_being_written(database: Path) -> None:
    async with Running(database) as running:
        await running.put("one", {"type": "order", "side": "buy", "quantity": 5})
        running.signal(at_s=1)
        await running.ended(1)
        for at_s in (11.0, 12.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        await running.put("one", {"type": "order", "side": "sell", "quantity": 6})
        running.bench.hold = True
        running.signal(at_s=2)
        assert (await running.ended(2)).error == ""
        running.desk.trading.flatten()
        running.bench.hold = False
        running.bench.release()
        for at_s in (13.0, 14.0):
            running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s)])
        assert running.desk.trading.flat
        assert (OrderState.CANCELED, "an exit is at work") in [
            (event.state, event.reason) for event in running.orders()
        ]


async def test_a_symbol_rests_after_an_order_that_closed_it(database: Path) -> None:
    async with Running(database) as running:
        for number, side in enumerate(("buy", "sell")):
            await running.put("one", {"type": "order", "side": side, "quantity": 5})
            running.signal(at_s=number)
            await running.ended(number + 1)
            for at_s in (11.0, 12.0):
                running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s + 2 * number)])
            left = running.desk.trading.gate.cooldown.exited_ns
            assert bool(left) is (side == "sell"), running.desk.trading.ledger.quantity(SYMBOL)


async def test_halt_only_tightens(database: Path) -> None:
    async with Running(database) as running:
        gate = running.desk.trading.gate
        await running.put("one", {"type": "halt", "state": "reducing"})
        running.signal(at_s=1)
        await running.ended(1)
        assert gate.state is RiskState.REDUCING and gate.reason == "automation:one: up it goes"
        running.desk.trading.set_state(RiskState.HALTED, "test", "enough")
        running.signal(at_s=2)
        await running.ended(2)
        assert gate.state is RiskState.HALTED and gate.reason == "enough"


async def test_a_strategy_is_switched_and_weighed(database: Path) -> None:
    async with Running(database) as running:
        strategies = running.desk.signals.strategies
        step = {"type": "strategy", "name": "breakout", "enabled": False, "weight": 2.5}
        await running.put("one", step)
        running.signal(at_s=1)
        assert (await running.ended(1)).error == ""
        assert not strategies.enabled("breakout") and strategies.settings()["breakout"]["weight"] == 2.5
        assert any("breakout off" in text for text in running.alerts("automation:one"))
        await running.put("one", {**step, "name": "nothing"})
        running.signal(at_s=2)
        assert "nothing" in (await running.ended(2)).error


@pytest.mark.parametrize("restart", [False, True])
async def test_a_strategy_is_switched_off_for_a_time(database: Path, restart: bool) -> None:
    step = {"type": "strategy", "name": "breakout", "enabled": False, "for_s": 30}
    async with Running(database) as running:
        strategies = running.desk.signals.strategies
        await running.put("one", step)
        running.signal(at_s=1)
        await running.ended(1)
        running.signal(at_s=2)
        await running.ended(2)
        assert not strategies.enabled("breakout")
        if not restart:
            running.now_ns = START_NS + 60 * NS
            await until(lambda: strategies.enabled("breakout"))
            assert running.kept[REVERTS] == {}
            return
    async with Running(database) as running:
        running.desk.take_up(running.store.settings())
        strategies = running.desk.signals.strategies
        assert not strategies.enabled("breakout")
        running.now_ns = START_NS + 60 * NS
        await until(lambda: strategies.enabled("breakout"))


async def test_an_entry_of_an_automation_waits_out_the_rest_after_an_exit(database: Path) -> None:
    async with Running(database) as running:
        for number, side in enumerate(("buy", "sell")):
            await running.put("one", {"type": "order", "side": side, "quantity": 5})
            running.signal(at_s=number)
            await running.ended(number + 1)
            for at_s in (11.0, 12.0):
                running.desk.on_events([quote(SYMBOL, 99.99, 100.01, at_s + 2 * number)])
        await running.put("one", {"type": "order", "side": "buy", "quantity": 6})
        running.signal(at_s=3)
        assert "denied:COOLDOWN" in (await running.ended(3)).error
