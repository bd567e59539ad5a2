"""Fills of signed quantities, and a ledger that they are booked in."""

from __future__ import annotations

from decimal import Decimal

from engine.events import NS, Fill, Side
from engine.portfolio.ledger import Ledger

BTC, ETH = "sim:BTC-USD", "sim:ETH-USD"
DAY = 86_400 * NS
T0 = 19_000 * DAY + 12 * 3600 * NS
D = Decimal


def fill(n: int, quantity: str, price: str, fee: str = "0", symbol: str = BTC, ns: int = T0) -> Fill:
    """A fill of a signed quantity."""
    signed = D(quantity)
    side = Side.BUY if signed > 0 else Side.SELL
    return Fill(f"tx-{n}", f"td-{n}", symbol, side, abs(signed), D(price), D(fee), "taker", float(price), ns)


def book(*fills: Fill) -> Ledger:
    ledger = Ledger(D(10_000), "USD")
    for one in fills:
        ledger.apply(one)
    return ledger
