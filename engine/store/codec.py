"""Events as JSON text and back; NaN survives as null."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine import nan_json
from engine.events import Event, JournalEvent, OrderChange, OrderEvent
from engine.store.exact import sane

E = TypeVar("E", bound=Event)

_encoder = msgspec.json.Encoder(decimal_format="string")
_journal: msgspec.json.Decoder[JournalEvent] = msgspec.json.Decoder(JournalEvent)


def encode(event: Event) -> str:
    return _encoder.encode(event).decode()


def lines(events: Sequence[Event]) -> bytes:
    """What ``encode`` makes of each, with a line end."""
    return _encoder.encode_lines(events)


def decode_journal(body: str) -> JournalEvent:
    """Raises ``msgspec.ValidationError`` for a body that is no journal event."""
    try:
        return _journal.decode(body)
    except msgspec.ValidationError:
        event: JournalEvent = nan_json.decode(body, JournalEvent)  # type: ignore[arg-type]
        return event


def decode_stored(body: object) -> JournalEvent:
    """An event out of a file that may be damaged. Raises ``msgspec.ValidationError``, also for numbers that
    no desk can have journaled: nothing could be folded with them."""
    if not isinstance(body, str):
        raise msgspec.ValidationError("its body is no text")
    try:
        event = decode_journal(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise msgspec.ValidationError(str(error)) from None
    records: list[msgspec.Struct] = [event]
    if isinstance(event, OrderEvent) and event.request is not None:
        records.append(event.request)
    elif isinstance(event, OrderChange) and event.amendment is not None:
        records.append(event.amendment)
    for record in records:
        for name in record.__struct_fields__:
            value = getattr(record, name)
            if isinstance(value, Decimal) and not sane(value):
                raise msgspec.ValidationError(f"{name} {value} is no number of a desk")
    return event


def decode(body: str, kind: type[E]) -> E:
    """Raises ``msgspec.ValidationError`` for a body that is not of ``kind``."""
    return nan_json.decode(body, kind)
