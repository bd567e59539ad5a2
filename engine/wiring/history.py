"""History: the account and its positions over time, as records."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from engine.events import NS
from engine.portfolio.exact import ZERO, add
from engine.portfolio.ledger import Ledger
from engine.portfolio.position import Position
from engine.store.rows import CurrencyPoint, EquityPoint, PositionPoint, Record

Point = EquityPoint | PositionPoint | CurrencyPoint
EVERY_NS = 60 * NS
"""How often a position that did not change, and what there is of each currency, is recorded."""


class Points(Protocol):
    def points(self, now_ns: int) -> Sequence[Record]:
        """For each sweep."""


class History:
    """Equity at each call; a position when it changed, else every minute, and once when it is closed. In an
    account of several currencies each of them every minute."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._told: dict[str, Position] = {}
        self._told_ns = 0

    def points(self, now_ns: int) -> list[Point]:
        """For each sweep. Without the rate of a currency that is held equity is unknown: none is recorded."""
        ledger = self._ledger
        records: list[Point] = []
        equity, cash, unrealized = ledger.equity(), ledger.cash, ledger.unrealized()
        if equity is not None and cash is not None and unrealized is not None:
            records.append(EquityPoint(now_ns, str(equity), str(cash), str(unrealized)))
        due = not 0 <= now_ns - self._told_ns < EVERY_NS
        if due:
            self._told_ns = now_ns
            records += self._currencies(now_ns)
        for position in ledger.touched():
            told = self._told.get(position.symbol)
            if told is position and not (due and position.quantity):
                continue
            if told is None and not position.quantity:
                continue  # it was flat already when the history began
            self._told[position.symbol] = position
            records.append(self._point(position, now_ns))
        return records

    def _currencies(self, now_ns: int) -> list[CurrencyPoint]:
        ledger, rows = self._ledger, self._ledger.balances.rows()
        if len(rows) == 1:
            return []
        values: dict[str, Decimal] = {}
        for position in ledger.positions():
            currency = position.currency or ledger.currency
            value = add(position.cost, ledger.unrealized(position.symbol))
            values[currency] = add(values.get(currency, ZERO), value)
        return [
            CurrencyPoint(
                now_ns,
                row.currency,
                _text(row.cash),
                _text(values.get(row.currency, ZERO)),
                "" if row.rate is None else _text(row.rate),
            )
            for row in rows
        ]

    def _point(self, position: Position, now_ns: int) -> PositionPoint:
        symbol, mark = position.symbol, self._ledger.mark_price(position.symbol)
        return PositionPoint(
            now_ns,
            symbol,
            _text(position.quantity),
            _text(position.average_price),
            "" if mark is None else _text(mark),
            _text(self._ledger.unrealized(symbol)),
            _text(position.realized),
        )


def _text(amount: Decimal) -> str:
    """Without exponent; zero is "0"."""
    return f"{amount:f}" if amount else "0"
