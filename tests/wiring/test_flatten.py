"""Flattening of parts and at limits: every position is tried, and the receipt tells of each."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from engine.api.protocol import Reply
from engine.api.trading_protocol import FlattenPatch
from engine.automation.parts import Order
from engine.errors import OrderError
from engine.events import NS, Fill, OrderEvent, OrderRequest, OrderState, Purpose, RiskState, Side
from engine.execution.gateway import Report
from engine.wiring import flatten, order_template
from engine.wiring.flatten import Flattening
from tests.wiring.conftest import START_NS, calm, quote
from tests.wiring.one_market import A, Market, opened
from tests.wiring.placed_orders import requests, the_order
from tests.wiring.silent_broker import Broker

B = "sim:BBB-USD"


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatten, "WAIT_S", 0.0)
    monkeypatch.setattr(flatten, "LIMIT_WAIT_S", 0.0)


def asked(market: Market, who: str = "me", **patch: object) -> Reply:
    flattening = Flattening(market.desk, settled=lambda: True, failed=lambda: False, ready=lambda: True)
    return asyncio.run(flattening.flatten(FlattenPatch(**patch), who))  # type: ignore[arg-type]


def two_positions() -> tuple[Market, Broker]:
    """One at a broker that says nothing, where an exit is at work; one on paper."""
    market, broker = opened(), Broker()
    desk = market.desk
    for events in calm(B, 50.0, 5, start=61):
        desk.on_events(events)
    market.at_s = 66.2
    made = requests(desk, symbol=B, quantity="3")[0]
    instrument = desk.instruments.get(B)
    assert instrument is not None and desk.trading.submit(made, instrument).approved
    for _ in range(3):
        both(market)
    assert desk.trading.ledger.quantity(B) == 3
    desk.trading.add_gateway(broker, [A])
    desk.trading.close_part(A, Decimal(25), limited=False)
    return market, broker


def both(market: Market) -> None:
    market.tick()
    market.desk.on_events([quote(B, 49.99, 50.01, market.at_s)])
    market.desk.advance(START_NS + int(market.at_s * NS))


@pytest.mark.parametrize("patch", [{"type": "limit"}, {"percent": 50.0}])
def test_a_position_that_cannot_be_closed_now_keeps_no_other_open(patch: dict[str, object]) -> None:
    market, broker = two_positions()
    reply = asked(market, **patch)
    assert not reply.ok and f"{A}: an exit is at work" in reply.text and "closed 0/2" in reply.text
    sent = the_order(market)
    assert (sent.request.symbol, sent.request.purpose) == (B, Purpose.FLATTEN)
    assert len(broker.asked) == 1
    for _ in range(3):
        both(market)
    assert market.desk.trading.ledger.quantity(B) < 3


def test_one_symbol_that_cannot_be_closed_now_is_refused() -> None:
    market, _ = two_positions()
    with pytest.raises(OrderError, match="an exit is at work"):
        asked(market, symbol=A, type="limit")


def test_a_whole_position_is_closed_beside_an_exit_of_a_part_of_it() -> None:
    """A broker is slow with a quarter: the other three quarters need not wait."""
    market, broker = two_positions()
    desk = market.desk
    quarter = the_order(market)
    reply = asked(market, symbol=A)
    assert not reply.ok and "closed 0/1, the rest is at work" in reply.text
    rest = the_order(market)
    assert len(broker.asked) == 2 and rest.request.reduce_only
    assert rest.quantity + quarter.quantity == desk.trading.ledger.quantity(A)
    with pytest.raises(OrderError, match="an exit is at work"):
        asked(market, symbol=A)
    filled = Fill(
        *("tx-rest", rest.client_order_id, A, Side.SELL, rest.quantity, Decimal(100), Decimal(0)),
        *("taker", 100.0, desk.now_ns, "USD"),
    )
    desk.trading.take([OrderEvent(rest.client_order_id, A, OrderState.ACCEPTED, "", desk.now_ns), filled])
    assert desk.trading.ledger.quantity(A) == quarter.quantity


def test_who_flattens_hears_of_what_an_exit_from_before_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatten, "WAIT_S", 5.0)
    monkeypatch.setattr(flatten, "_LOOK_S", 0.0)
    market, _ = two_positions()
    quarter = the_order(market)

    class Answering(Broker):
        """Fills the rest, and cancels what was there before."""

        def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
            identity, before = request.client_order_id, quarter.client_order_id
            money = (Side.SELL, request.quantity, Decimal(100), Decimal(0), "taker", 100.0, now_ns, "USD")
            return [
                OrderEvent(identity, A, OrderState.ACCEPTED, "", now_ns),
                Fill("tx-rest", identity, A, *money),
                OrderEvent(before, A, OrderState.CANCELED, "by its venue", now_ns),
            ]

    market.desk.trading.add_gateway(Answering(), [A])
    reply = asked(market, symbol=A)
    assert (reply.ok, reply.text) == (False, f"closed 1/1, NOT FLAT: {A}")


@pytest.mark.parametrize("patch", [{"symbol": A}, {}])
def test_an_exit_that_was_refused_is_not_told_to_be_at_work(
    patch: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flatten, "WAIT_S", 0.1)
    market = opened()

    class Refusing(Broker):
        def submit(self, request: OrderRequest, now_ns: int) -> list[Report]:
            return [OrderEvent(request.client_order_id, A, OrderState.REJECTED, "venue: no", now_ns)]

    market.desk.trading.add_gateway(Refusing(), [A])
    reply = asked(market, **patch)
    assert not reply.ok and f"{A}: its exit was rejected: venue: no" in reply.text
    assert "on their way" not in reply.text and "at work" not in reply.text


@pytest.mark.parametrize(
    ("who", "reason"), [("me", "flatten"), ("daily run", "paper-run: the session is over")]
)
def test_who_flattens_after_a_session_keeps_entries_off_beyond_the_next(who: str, reason: str) -> None:
    """But the session itself."""
    market = opened()
    market.desk.trading.set_state(RiskState.REDUCING, "daily run", "paper-run: the session is over")
    asked(market, who)
    gate = market.desk.trading.gate
    assert (gate.state, gate.reason) == (RiskState.REDUCING, reason)


def test_a_position_that_no_look_saw_counts_among_what_was_to_be_closed() -> None:
    """It may be opened by an entry that fills while everything is closed: here there was no look at all."""
    reply = asked(opened())
    assert not reply.ok and "closed 0/1, NOT FLAT: " in reply.text


async def _ticking(market: Market, **patch: object) -> Reply:
    """Flatten while the market goes on."""
    flattening = Flattening(market.desk, settled=lambda: True, failed=lambda: False, ready=lambda: True)
    asking = asyncio.create_task(flattening.flatten(FlattenPatch(**patch), "me"))  # type: ignore[arg-type]
    while not asking.done():
        await asyncio.sleep(0)
        market.tick(seconds=0.01)
    return asking.result()


@pytest.mark.parametrize("ticks", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["market", "limit"])
def test_an_entry_on_its_way_leaves_no_position_behind(
    kind: str, ticks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent, or filled in part, as its symbol is flattened: a quote shows 5, and its cancel travels."""
    monkeypatch.setattr(flatten, "WAIT_S", 5.0)
    monkeypatch.setattr(flatten, "LIMIT_WAIT_S", 5.0)
    monkeypatch.setattr(flatten, "_LOOK_S", 0.0)
    market = Market(overrides=("paper.latency_jitter_ms=0", "risk.max_order_notional_pct=20"))
    desk = market.desk
    (made,) = requests(desk, quantity="18")
    instrument = desk.instruments.get(A)
    assert instrument is not None and desk.trading.submit(made, instrument).approved
    for _ in range(ticks):
        market.tick(seconds=0.01)
    reply = asyncio.run(_ticking(market, symbol=A, type=kind))
    assert reply.ok, reply.text
    assert desk.trading.flat
    filled = [event for event in market.bench.journal if isinstance(event, Fill)]
    assert bool(filled) is ("closed" in reply.text)


@pytest.mark.parametrize(
    ("patch", "name"),
    [({"symbol": A}, A), ({"type": "limit"}, "the desk"), ({"percent": 50.0}, "the desk")],
)
def test_an_entry_that_rests_is_canceled_where_nothing_is_held(
    patch: dict[str, object], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flatten, "WAIT_S", 5.0)
    monkeypatch.setattr(flatten, "LIMIT_WAIT_S", 5.0)
    market = Market()
    assert asked(market, **patch).text == f"{name} is flat already"
    (made,) = requests(market.desk, quantity="3", type="limit", price="99")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None and market.desk.trading.submit(made, instrument).approved
    market.tick()
    reply = asyncio.run(_ticking(market, **patch))
    assert (reply.ok, reply.text) == (True, f"canceled 1/1; {name} is flat")
    assert the_order(market).reason == "flatten asked for"
    assert market.desk.trading.flat


def test_an_entry_whose_cancel_is_not_answered_is_told_to_be_at_work() -> None:
    market, broker = Market(), Broker()
    market.desk.trading.add_gateway(broker, [A])
    (made,) = requests(market.desk, quantity="3")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None and market.desk.trading.submit(made, instrument).approved
    reply = asked(market, symbol=A)
    assert not reply.ok and reply.text.startswith("canceled 0/1, which may fill still: ")


def test_an_automation_that_closes_leaves_no_entry_to_open_the_position_again() -> None:
    market = Market()
    step = Order(side="close", symbol=A)
    assert order_template.send(market.desk, step, None, "run-1", 0, "") == f"{A} is flat"
    (made,) = requests(market.desk, quantity="3")
    instrument = market.desk.instruments.get(A)
    assert instrument is not None and market.desk.trading.submit(made, instrument).approved
    assert (
        order_template.send(market.desk, step, None, "run-1", 1, "") == f"{A} is flat, cancel of 1 asked for"
    )
    for _ in range(3):
        market.tick()
    assert market.desk.trading.flat


def test_an_automation_that_closes_sends_what_an_exit_at_work_leaves() -> None:
    market, broker = two_positions()
    desk, step = market.desk, Order(side="close", symbol=A)
    quarter = the_order(market)
    order_template.send(desk, step, None, "run-1", 0, "")
    rest = the_order(market)
    assert len(broker.asked) == 2 and rest.request.reduce_only
    assert rest.quantity + quarter.quantity == desk.trading.ledger.quantity(A)
    assert order_template.send(desk, step, None, "run-1", 1, "") == f"an exit of {A} is at work"
