"""What a start hands to the desk: the journal, decoded in pages.

Verdicts are left out: nothing is folded from them, and they are most of what there is to decode.
"""

from __future__ import annotations

import sqlite3

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


def events(connection: sqlite3.Connection) -> list[JournalEvent]:
    """The journal in order of sequence, without verdicts."""
    found: list[JournalEvent] = []
    cursor = connection.execute("SELECT body FROM journal ORDER BY seq")
    while page := cursor.fetchmany(_PAGE):
        found += _decoded([body for (body,) in page])
    return found


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
