"""A journal as long as wanted: orders of many symbols with their verdicts, fills, and few still open."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

from engine.events import (
    NS,
    Alert,
    Check,
    Fill,
    JournalEvent,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    Side,
    Verdict,
)

START_NS = 1_700_000_000 * NS
_SYMBOLS = [f"sim:S{number:03d}-USD" for number in range(50)]
_CHECKS = tuple(
    Check(code, True, "0.42", "5")
    for code in (
        *("INCREMENT", "QUANTITY", "NOTIONAL", "COLLAR", "POSITION", "GROSS", "NET", "OPEN_ORDERS"),
        *("RATE", "REPEAT", "DUPLICATE", "SELF_TRADE", "STALE_DATA", "CLOCK_SKEW", "DAILY_LOSS"),
        *("DRAWDOWN", "STOP_LOCK", "COOLDOWN", "BUDGET", "BLOCK", "BALANCE", "STATE"),
    )
)


def long_journal(events: int, seed: int = 5) -> Iterator[list[JournalEvent]]:
    """At least so many events, an order at a time; every 500th order stays open."""
    rng = random.Random(seed)
    held: dict[str, int] = {}
    made = number = 0
    while made < events:
        number += 1
        order = _order(number, rng, held)
        made += len(order)
        yield order


def _order(number: int, rng: random.Random, held: dict[str, int]) -> list[JournalEvent]:
    symbol = _SYMBOLS[rng.randrange(len(_SYMBOLS))]
    ns = START_NS + number * NS // 10
    quantity = held.get(symbol, 0)
    exits = quantity != 0
    side = Side.SELL if quantity > 0 else Side.BUY if quantity < 0 else rng.choice(list(Side))
    identity = f"e{number:012x}"
    request = OrderRequest(
        client_order_id=identity,
        symbol=symbol,
        side=side,
        type=OrderType.MARKET if exits else OrderType.LIMIT,
        quantity=Decimal("2"),
        purpose=Purpose.STOP_LOSS if exits else Purpose.ENTRY,
        reduce_only=exits,
        decision_ns=ns,
        decision_price=100.0,
        opportunity_id=f"p{number:012x}",
        reason="score 0.62, four families agree",
        sources=("trend", "breakout"),
        price=None if exits else Decimal("100.25"),
    )
    verdict = Verdict(identity, symbol, True, "", "", _CHECKS, ns)
    events: list[JournalEvent] = [
        OrderEvent(identity, symbol, OrderState.INITIALIZED, "", ns, request),
        OrderEvent(identity, symbol, OrderState.SUBMITTED, "", ns, verdict=verdict),
        OrderEvent(identity, symbol, OrderState.ACCEPTED, "", ns + 1),
    ]
    if number % 500 == 0:
        return events
    for part in range(2):
        price = Decimal(10_000 + rng.randrange(500)) / 100
        fee = Decimal("0.10")
        events.append(
            Fill(f"{identity}.{part}", identity, symbol, side, Decimal(1), price, fee, "taker", 100.0, ns + 2)
        )
    held[symbol] = quantity + 2 * side.sign
    if number % 1000 == 0:
        events.append(Alert("info", "bench", f"order {number}", ns + 3))
    return events
