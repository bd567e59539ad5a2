"""Events as JSON text and back; NaN survives as null."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from engine import nan_json
from engine.events import Event, JournalEvent

E = TypeVar("E", bound=Event)

_encoder = msgspec.json.Encoder(decimal_format="string")
_journal: msgspec.json.Decoder[JournalEvent] = msgspec.json.Decoder(JournalEvent)


def encode(event: Event) -> str:
    return _encoder.encode(event).decode()


def decode_journal(body: str) -> JournalEvent:
    """Raises ``msgspec.ValidationError`` for a body that is no journal event."""
    try:
        return _journal.decode(body)
    except msgspec.ValidationError:
        event: JournalEvent = nan_json.decode(body, JournalEvent)  # type: ignore[arg-type]
        return event


def decode(body: str, kind: type[E]) -> E:
    """Raises ``msgspec.ValidationError`` for a body that is not of ``kind``."""
    return nan_json.decode(body, kind)
