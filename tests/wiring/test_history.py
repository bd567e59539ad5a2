"""Equity and positions over time."""

from __future__ import annotations

from decimal import Decimal

from engine.events import NS, Fill, Side
from engine.portfolio.ledger import Ledger
from engine.store.rows import CurrencyPoint, EquityPoint, PositionPoint
from engine.wiring.history import History

A, B = "sim:A-USD", "sim:B-EUR"
D = Decimal
T0 = 1_700_000_000 * NS


def apply(ledger: Ledger, n: int, symbol: str, side: Side, quantity: str, price: str) -> None:
    currency = "EUR" if symbol == B else ""
    ledger.apply(
        Fill(f"t{n}", f"o{n}", symbol, side, D(quantity), D(price), D(1), "taker", 1.0, T0 + n, currency)
    )


def test_positions_when_they_change_else_every_minute_and_once_when_closed() -> None:
    ledger = Ledger(D(1000), "USD")
    apply(ledger, 1, A, Side.BUY, "1", "10")
    apply(ledger, 2, A, Side.SELL, "1", "10")
    history = History(ledger)
    assert [type(point) for point in history.points(T0)] == [EquityPoint]
    apply(ledger, 3, A, Side.BUY, "0.0000002", "10")
    ledger.mark(A, D(15))
    equity, position = history.points(T0 + 5 * NS)
    assert position == PositionPoint(T0 + 5 * NS, A, "0.0000002", "10", "15", "0.0000010", "0")
    assert equity == EquityPoint(T0 + 5 * NS, "997.0000010", "996.9999980", "0.0000010")
    assert len(history.points(T0 + 10 * NS)) == 1, "as it was"
    assert len(history.points(T0 + 61 * NS)) == 2
    assert len(history.points(T0 + 62 * NS)) == 1
    apply(ledger, 4, A, Side.SELL, "0.0000002", "15")
    closed = history.points(T0 + 65 * NS)[1]
    assert isinstance(closed, PositionPoint)
    assert (closed.quantity, closed.entry, closed.unrealized, closed.realized) == ("0", "0", "0", "0.0000010")
    assert len(history.points(T0 + 200 * NS)) == 1


def test_unknown_equity_is_not_recorded_and_positions_are() -> None:
    ledger = Ledger(D(1000), "USD")
    history = History(ledger)
    apply(ledger, 1, B, Side.BUY, "1", "10")
    dollars, euros, point = history.points(T0)
    assert isinstance(point, PositionPoint) and point.mark == "10"
    assert dollars == CurrencyPoint(T0, "USD", "1000", "0", "1")
    assert euros == CurrencyPoint(T0, "EUR", "-11", "10", "")
    ledger.set_rate("EUR", D(2))
    (equity,) = history.points(T0 + NS)
    assert equity == EquityPoint(T0 + NS, "998", "978", "0")


def test_a_clock_that_steps_back_is_not_waited_for() -> None:
    ledger = Ledger(D(1000), "USD")
    apply(ledger, 1, A, Side.BUY, "1", "10")
    history = History(ledger)
    history.points(T0 + 3600 * NS)
    assert len(history.points(T0)) == 2
