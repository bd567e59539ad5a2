"""A halt under load: entries blocked at once, every cancel sent soon after. Aims: 100 ms, and a second."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import msgspec
import pytest

from console.cli.client import ask
from engine.api.protocol import Reply
from engine.api.trading_protocol import OrderReply, OrderTicket
from engine.events import ChangeKind, OrderChange, OrderEvent, OrderState, RiskChange, RiskState
from engine.store.read import DATABASE
from engine.strategies.registry import STRATEGIES
from tests.chaos.load import SYMBOLS, WIDE, Load, on_grid
from tests.chaos.test_engine import nothing_lost, until
from tests.e2e.engine import RunningEngine, options

TICKS_PER_S = 5_000
OPEN_ORDERS = 50
BLOCKED_MS, CANCELED_MS = 100.0, 1_000.0
LOADED = 5
"""How much longer it may take here, and how much slower ticks may come: other work may have the machine.
What it takes is printed."""
_NAMES = (*(one.partition(":")[2] for one in SYMBOLS), *(f"S{number:03d}-USD" for number in range(190)))
_MARKET = (
    *("--set", f"simulated.symbols={msgspec.json.encode(_NAMES).decode()}"),
    *options(risk__price_collar_pct=50),
    # What they held would make some of the orders that rest reduce it: a halt leaves those.
    *options(**{f"strategies__{name}__enabled": False for name in STRATEGIES}),
)


def _rest(engine: RunningEngine, load: Load, number: int) -> str:
    """Place a limit order that rests away from the market; its id."""
    symbol = SYMBOLS[number % len(SYMBOLS)]
    price = on_grid(
        symbol, load.prices[symbol] * (0.8 - 0.0001 * number)
    )  # no two alike, and no run of the market reaches one
    ticket = OrderTicket(symbol, "buy", type="limit", notional="100", price=price, token=f"rest {number}")
    reply = ask(engine.state_dir, "POST", "/v1/orders", OrderReply, body=msgspec.json.encode(ticket))
    assert reply.ok, reply.text
    return reply.ids[0]


@pytest.mark.timeout(180)
def test_a_halt_blocks_entries_and_cancels_all(tmp_path: Path) -> None:
    with (
        RunningEngine(tmp_path / "state", *WIDE, *_MARKET) as engine,
        Load(engine, 3, clients=0) as watch,
    ):
        until(lambda: all(symbol in watch.prices for symbol in SYMBOLS))
        resting = {_rest(engine, watch, number) for number in range(OPEN_ORDERS)}
        with Load(engine, 4, clients=4, pace_s=0.02) as load:
            until(lambda: load.answers["sent"] > 20)
            ticks, since = engine.health().status.ticks, time.monotonic()
            until(lambda: time.monotonic() - since > 2.0)
            rate = (engine.health().status.ticks - ticks) / (time.monotonic() - since)
            asked_ns = time.monotonic_ns()
            body = msgspec.json.encode({"state": "halted", "reason": "chaos"})
            assert ask(engine.state_dir, "POST", "/v1/risk", Reply, body=body).ok
            before = load.answers["place 200"]
            until(lambda: load.answers["place 200"] > before + 20)
            until(lambda: resting <= _ended(watch))
            engine.signal(signal.SIGTERM)
            assert engine.wait() == 0
            load.stop()
        watch.stop()
    nothing_lost(engine.state_dir / DATABASE, watch.shown)
    events = watch.shown.items()
    halted = next(n for n, e in events if isinstance(e, RiskChange) and e.state is RiskState.HALTED)
    entries = {
        e.client_order_id
        for _, e in events
        if isinstance(e, OrderEvent) and e.request is not None and not e.request.reduce_only
    }
    # Entries that the venue took although they were only submitted after the halt.
    late = [
        n for n, e in events
        if n > halted and isinstance(e, OrderEvent) and e.state is OrderState.ACCEPTED
        and e.client_order_id in entries and not _submitted_before(watch, e.client_order_id, halted)
    ]  # fmt: skip
    canceled = {
        e.client_order_id: n
        for n, e in sorted(events, reverse=True)
        if n > halted and getattr(e, "client_order_id", "") in resting and _cancels(e)
    }
    blocked_ms = (watch.shown_ns[halted] - asked_ns) / 1e6
    canceled_ms = (max(watch.shown_ns[n] for n in canceled.values()) - asked_ns) / 1e6
    print(
        f"halt with {len(resting)} resting orders and {rate:,.0f} ticks/s: entries blocked after "
        f"{blocked_ms:.1f} ms (aim: {BLOCKED_MS:.0f}), the last cancel after {canceled_ms:.1f} ms "
        f"(aim: {CANCELED_MS:,.0f}), as a client sees it"
    )
    assert late == [] and canceled.keys() == resting
    assert rate >= TICKS_PER_S / LOADED
    assert blocked_ms <= BLOCKED_MS * LOADED and canceled_ms <= CANCELED_MS * LOADED


def _submitted_before(watch: Load, identity: str, seq: int) -> bool:
    return any(
        isinstance(event, OrderEvent)
        and event.client_order_id == identity
        and event.state is OrderState.SUBMITTED
        for number, event in watch.shown.items()
        if number < seq
    )


def _cancels(event: object) -> bool:
    if isinstance(event, OrderChange):
        return event.kind is ChangeKind.CANCEL_ASKED
    return isinstance(event, OrderEvent) and event.state is OrderState.CANCELED


def _ended(watch: Load) -> set[str]:
    return {
        event.client_order_id
        for event in list(watch.shown.values())
        if isinstance(event, OrderEvent) and event.state.terminal
    }
