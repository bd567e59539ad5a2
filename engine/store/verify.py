"""Every invariant of a database, checked in one walk over its journal. Pure over a connection.

Nothing here trusts the fold that writes the tables where the journal alone can tell.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from engine.errors import StoreError
from engine.events import JournalEvent
from engine.store import schema
from engine.store.chain_audit import ChainAudit
from engine.store.codec import decode_stored
from engine.store.compare import differences
from engine.store.exact import EXACT, ZERO, read
from engine.store.findings import Findings, Invariant
from engine.store.fold import Fold
from engine.store.order_audit import OrderAudit

_PAGE = 10_000


PAGES = "pages are sound"
JOURNAL = "journal numbers are gap-free"
EVENTS = "journal events can be read"
TABLES = "tables are the journal's fold"
CASH = "cash = notional - fees + funding"
POSITIONS = "positions are the sum of fills"
SETTINGS = "settings can be read"


class Observer(Protocol):
    """Somebody who is shown the journal as well."""

    def see(self, seq: int, event: JournalEvent) -> None:
        """Every event that can be read, in order."""

    def end(self) -> None:
        """There are no more."""


def verify(
    connection: sqlite3.Connection,
    observers: Callable[[Findings], Sequence[Observer]] = lambda findings: (),
) -> list[Invariant]:
    """Check everything as of one moment. ``observers`` are shown every event in the walk as well.

    Raises ``StoreError`` for a database of another version, ``sqlite3.Error`` when it cannot be read at all.
    """
    connection.execute("BEGIN")  # one moment, whatever an engine writes meanwhile
    try:
        _same_version(connection)
        findings = Findings()
        _pages(connection, findings)
        fold, chain = Fold(), ChainAudit(connection, findings)
        shown: list[Observer] = [OrderAudit(findings), *observers(findings)]
        for seq, body, event in _events(connection, findings):
            if event is not None:
                fold.apply(seq, event)
                for observer in shown:
                    observer.see(seq, event)
            chain.see(seq, body, fold)
        for observer in shown:
            observer.end()
        chain.end()
        tables = fold.tables()
        findings.count(TABLES, sum(len(rows) for rows in tables.values()))
        for text in differences(fold, connection):
            findings.problem(TABLES, text)
        _money(connection, findings)
        _settings(connection, findings)
        return findings.invariants()
    finally:
        connection.execute("ROLLBACK")


def _same_version(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != schema.VERSION:
        advice = "upgrade tickdesk" if found > schema.VERSION else "start the engine on it once"
        raise StoreError(
            f"the database is of version {found}, this tickdesk knows {schema.VERSION}: {advice}"
        )


def _pages(connection: sqlite3.Connection, findings: Findings) -> None:
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    findings.count(PAGES, count)
    for (answer,) in connection.execute("PRAGMA integrity_check").fetchall():
        if answer != "ok":
            findings.problem(PAGES, answer)


def _events(
    connection: sqlite3.Connection, findings: Findings
) -> Iterator[tuple[int, str, JournalEvent | None]]:
    expected = 1
    findings.count(JOURNAL, 0)
    findings.count(EVENTS, 0)
    cursor = connection.execute("SELECT seq, ns, kind, client_order_id, body FROM journal ORDER BY seq")
    while page := cursor.fetchmany(_PAGE):
        findings.count(JOURNAL, len(page))
        findings.count(EVENTS, len(page))
        for seq, ns, kind, order_id, body in page:
            if seq != expected:
                findings.problem(JOURNAL, f"{expected} is followed by {seq}")
            expected = seq + 1
            try:
                event = decode_stored(body)
            except msgspec.ValidationError as error:
                findings.problem(EVENTS, f"event {seq}: {error}")
                yield seq, str(body), None
                continue
            told = (event.ns, type(event).__name__, getattr(event, "client_order_id", ""))
            if told != (ns, kind, order_id):
                findings.problem(EVENTS, f"event {seq} is filed as {kind} {order_id} at {ns}")
            yield seq, body, event


def _settings(connection: sqlite3.Connection, findings: Findings) -> None:
    findings.count(SETTINGS, 0)
    for key, value in connection.execute("SELECT key, value FROM settings ORDER BY key"):
        findings.count(SETTINGS)
        try:
            msgspec.json.decode(value)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
            findings.problem(SETTINGS, f"{key}: {error}")


def _numbers(findings: Findings, invariant: str, where: str, texts: Sequence[object]) -> list[Decimal] | None:
    """What a row says; None, and a problem, where it says none."""
    found = [read(text) for text in texts]
    if None in found:
        findings.problem(invariant, f"{where}: {', '.join(map(str, texts))}: not all of it are numbers")
        return None
    return [number for number in found if number is not None]


def _money(connection: sqlite3.Connection, findings: Findings) -> None:
    """Cash and positions from the rows of fills and funding, added up anew."""
    flows: dict[str, dict[str, Decimal]] = {}
    quantities: dict[str, Decimal] = {}
    for seq, symbol, currency, side, *texts in connection.execute(
        "SELECT seq, symbol, currency, side, quantity, price, fee FROM fills ORDER BY seq"
    ):
        told = _numbers(findings, CASH, f"fill {seq}", texts)
        if told is None:
            continue
        quantity, price, fee = told
        signed = quantity if side == "buy" else quantity.copy_negate()
        quantities[symbol] = EXACT.add(quantities.get(symbol, ZERO), signed)
        flow = flows.setdefault(currency, dict.fromkeys(("notional", "fees", "funding"), ZERO))
        flow["notional"] = EXACT.subtract(flow["notional"], EXACT.multiply(signed, price))
        flow["fees"] = EXACT.add(flow["fees"], fee)
    for seq, currency, text in connection.execute("SELECT seq, currency, amount FROM funding ORDER BY seq"):
        told = _numbers(findings, CASH, f"funding {seq}", [text])
        if told is None:
            continue
        flow = flows.setdefault(currency, dict.fromkeys(("notional", "fees", "funding"), ZERO))
        flow["funding"] = EXACT.add(flow["funding"], told[0])
    stored = {
        row[0]: tuple(map(read, row[1:]))
        for row in connection.execute("SELECT currency, cash, notional, fees, funding FROM balances")
    }
    findings.count(CASH, len(stored.keys() | flows.keys()))
    for currency in sorted(stored.keys() | flows.keys()):
        flow = flows.get(currency, dict.fromkeys(("notional", "fees", "funding"), ZERO))
        notional, fees, funding = flow["notional"], flow["fees"], flow["funding"]
        cash = EXACT.add(EXACT.subtract(notional, fees), funding)
        if stored.get(currency) != (cash, notional, fees, funding):
            said = ", ".join(str(one) for one in stored.get(currency, ("no balance",)))
            findings.problem(CASH, f"{currency or 'account'}: {said}; fills and funding make {cash}")
    _positions(connection, findings, quantities)


def _positions(connection: sqlite3.Connection, findings: Findings, expected: dict[str, Decimal]) -> None:
    stored = {
        symbol: read(text) for symbol, text in connection.execute("SELECT symbol, quantity FROM positions")
    }
    findings.count(POSITIONS, len(stored.keys() | expected.keys()))
    for symbol in sorted(stored.keys() | expected.keys()):
        held, sums = stored.get(symbol, ZERO), expected.get(symbol, ZERO)
        if held != sums:
            findings.problem(POSITIONS, f"{symbol}: {held} held, fills make {sums}")
