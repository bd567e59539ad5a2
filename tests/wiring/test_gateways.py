"""What a start does with the orders at brokers."""

from __future__ import annotations

import pytest

from engine.config import load
from engine.events import (
    NS,
    ChangeKind,
    JournalEvent,
    OrderChange,
    OrderEvent,
    OrderState,
    RiskChange,
    RiskState,
)
from engine.wiring.gateways import Gateways
from tests.execution.alpaca_desk import BTC, KEYS, ask
from tests.wiring.conftest import START_NS, Bench


@pytest.mark.parametrize("state", [RiskState.ACTIVE, RiskState.HALTED])
def test_entries_that_a_halt_had_not_canceled_are_canceled_at_the_broker(
    state: RiskState, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    overrides = ["brokers.alpaca.enabled=true", f'brokers.alpaca.symbols={{"{BTC}"="BTC/USD"}}']
    bench = Bench(load(overrides=overrides, environ={}))
    desk = bench.desk

    def failed(error: Exception) -> None:
        raise error

    gateways = Gateways(
        bench.config, desk, clock=lambda: START_NS + NS, failed=failed, keep=lambda name, value: None
    )
    request = ask()
    name = request.client_order_id
    journal: list[JournalEvent] = [
        OrderEvent(name, BTC, OrderState.INITIALIZED, "", START_NS, request),
        OrderEvent(name, BTC, OrderState.SUBMITTED, "", START_NS),
        OrderEvent(name, BTC, OrderState.ACCEPTED, "", START_NS),
    ]
    if state is not RiskState.ACTIVE:
        journal.append(RiskChange(state, RiskState.ACTIVE, "enough", "me", START_NS))
    desk.restore(journal, START_NS + NS)
    gateways.take_up({}, START_NS + NS)
    asked = [event.kind for event in bench.kinds(OrderChange)]  # type: ignore[attr-defined]
    assert asked == ([] if state is RiskState.ACTIVE else [ChangeKind.CANCEL_ASKED])
