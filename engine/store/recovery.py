"""What a start hands to the desk: its own snapshot, where it kept one, and the journal after it.

Verdicts are left out: nothing is folded from them, and they are most of what there is to decode.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import NamedTuple

import msgspec

from engine.events import (
    Alert,
    Amendment,
    ChangeKind,
    Event,
    Fill,
    Funding,
    JournalEvent,
    LimitChange,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    RiskChange,
)
from engine.store.codec import decode_journal

_PAGE = 5_000
_SNAPSHOTS_KEPT = 2


class _Transition(Event, frozen=True, gc=False, tag="OrderEvent"):
    """An OrderEvent without its verdict."""

    client_order_id: str
    symbol: str
    state: OrderState
    reason: str
    ns: int
    request: OrderRequest | None = None
    venue_order_id: str = ""

    def event(self) -> OrderEvent:
        return OrderEvent(
            self.client_order_id,
            self.symbol,
            self.state,
            self.reason,
            self.ns,
            self.request,
            None,
            self.venue_order_id,
        )


class _Change(Event, frozen=True, gc=False, tag="OrderChange"):
    """An OrderChange without its verdict."""

    client_order_id: str
    symbol: str
    kind: ChangeKind
    reason: str
    ns: int
    amendment: Amendment | None = None
    venue_order_id: str = ""

    def event(self) -> OrderChange:
        return OrderChange(
            self.client_order_id,
            self.symbol,
            self.kind,
            self.reason,
            self.ns,
            self.amendment,
            None,
            self.venue_order_id,
        )


_decoder = msgspec.json.Decoder(
    list[_Transition | _Change | Fill | Funding | RiskChange | LimitChange | Alert]
)


class Snapshot(NamedTuple):
    seq: int
    """The newest event that is in it; 0: there is none."""
    body: bytes


def events_after(connection: sqlite3.Connection, seq: int) -> list[JournalEvent]:
    """The journal after ``seq`` in order of sequence, without verdicts."""
    events: list[JournalEvent] = []
    cursor = connection.execute("SELECT body FROM journal WHERE seq > ? ORDER BY seq", (seq,))
    while page := cursor.fetchmany(_PAGE):
        events += _decoded([body for (body,) in page])
    return events


def _decoded(bodies: list[str]) -> list[JournalEvent]:
    """A page at once; one that holds a NaN event by event."""
    try:
        found = _decoder.decode(f"[{','.join(bodies)}]")
    except msgspec.ValidationError:
        return [_without_verdict(decode_journal(body)) for body in bodies]
    return [one.event() if isinstance(one, (_Transition, _Change)) else one for one in found]


def _without_verdict(event: JournalEvent) -> JournalEvent:
    if isinstance(event, (OrderEvent, OrderChange)) and event.verdict is not None:
        return msgspec.structs.replace(event, verdict=None)
    return event


def write_snapshot(connection: sqlite3.Connection, snapshot: Snapshot) -> None:
    """In a transaction of its own; the newest few are kept."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "INSERT OR REPLACE INTO snapshots (seq, seal, body) VALUES (?, ?, ?)",
            (snapshot.seq, _seal(snapshot), snapshot.body),
        )
        connection.execute(
            "DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?)",
            (_SNAPSHOTS_KEPT,),
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def snapshots(connection: sqlite3.Connection) -> list[Snapshot]:
    """Those that are as they were written, and not of events that are lost; newest first."""
    rows = connection.execute(
        "SELECT seq, body, seal FROM snapshots WHERE seq <= (SELECT COALESCE(MAX(seq), 0) FROM journal) "
        "ORDER BY seq DESC"
    )
    return [found for seq, body, seal in rows if _seal(found := Snapshot(seq, body)) == seal]


def _seal(snapshot: Snapshot) -> str:
    return hashlib.blake2b(b"%d " % snapshot.seq + snapshot.body, digest_size=16).hexdigest()
