"""Everything that must hold of a state directory: the store's invariants, and the journal through the desk's
own orders and books."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import OrderError, StoreError
from engine.events import Fill, Funding, JournalEvent, OrderChange, OrderEvent
from engine.execution.blotter import Blotter
from engine.execution.order import Order
from engine.portfolio.books import Books
from engine.store.findings import Findings, Invariant
from engine.store.verify import Observer, verify

TRANSITIONS = "every transition is a legal one"
BOOKS = "cash, positions, shares and equity are what the books make of the fills"
_CASH = Decimal(100_000)
"""Any will do: what began the account is in no journal."""


def verify_database(path: Path) -> list[Invariant]:
    """Check the database of a state directory without changing it, also while an engine uses it.

    Raises ``StoreError`` when there is none, or it cannot be read.
    """
    if not path.is_file():
        raise StoreError(f"there is no database at {path}: choose --state-dir")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            return verify(connection, _observers)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}; restore a copy, or choose --state-dir") from error


def _observers(findings: Findings) -> Sequence[Observer]:
    return (_Desk(findings),)


_Money = TypeVar("_Money", Fill, Funding)


class _Desk:
    """The journal through the rules of orders, and into books that check themselves."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._blotter = Blotter()
        self._books = Books(_CASH, "")
        self._currencies: dict[str, str] = {}
        """Symbol -> the currency it was first traded in."""
        findings.count(TRANSITIONS, 0)
        findings.count(BOOKS, 0)

    def see(self, seq: int, event: JournalEvent) -> None:
        order: Order | None = None
        if isinstance(event, (OrderEvent, OrderChange, Fill)):
            self._findings.count(TRANSITIONS)
            try:
                order = self._blotter.apply(event)
            except OrderError as error:
                self._findings.problem(TRANSITIONS, f"event {seq}: {error}")
        if isinstance(event, (Fill, Funding)):
            self._findings.count(BOOKS)
            try:
                if isinstance(event, Fill):
                    self._books.apply(self._in_one(event), None if order is None else order.request)
                else:
                    self._books.fund(self._in_one(event))
            except OrderError as error:
                self._findings.problem(BOOKS, f"event {seq}: {error}")

    def _in_one(self, event: _Money) -> _Money:
        """Older fills do not say their currency, "" being the account's own: what a symbol was traded in
        before and after that is one and the same."""
        first = self._currencies.setdefault(event.symbol, event.currency)
        if event.currency != first and not (event.currency and first):
            return msgspec.structs.replace(event, currency=first)
        return event

    def end(self) -> None:
        for text in self._books.check():
            self._findings.problem(BOOKS, text)
