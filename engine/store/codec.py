"""Events as JSON text and back.

JSON has no NaN: msgspec writes null for it, so a null in a float field is read back as NaN.
"""

from __future__ import annotations

import math
import types
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from engine.events import Event, JournalEvent

E = TypeVar("E", bound=Event)

_encoder = msgspec.json.Encoder(decimal_format="string")
_journal: msgspec.json.Decoder[JournalEvent] = msgspec.json.Decoder(JournalEvent)
_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(JournalEvent)}


def encode(event: Event) -> str:
    return _encoder.encode(event).decode()


def decode_journal(body: str) -> JournalEvent:
    """Raises ``msgspec.ValidationError`` for a body that is no journal event."""
    try:
        return _journal.decode(body)
    except msgspec.ValidationError:
        raw = msgspec.json.decode(body)
        kind = _KINDS.get(raw.get("event", "")) if isinstance(raw, dict) else None
        if kind is None:
            raise
        event: JournalEvent = msgspec.convert(_with_nan(raw, kind), JournalEvent)
        return event


def decode(body: str, kind: type[E]) -> E:
    """Raises ``msgspec.ValidationError`` for a body that is not of ``kind``."""
    return msgspec.convert(_with_nan(msgspec.json.decode(body), kind), kind)


def _with_nan(raw: Any, kind: Any) -> Any:
    """``raw`` with NaN where ``kind`` has a float and ``raw`` a null."""
    if kind is float:
        return math.nan if raw is None else raw
    if get_origin(kind) in (Union, types.UnionType):
        structs = [arm for arm in get_args(kind) if isinstance(arm, type) and issubclass(arm, msgspec.Struct)]
        return _with_nan(raw, structs[0]) if structs and raw is not None else raw
    if get_origin(kind) is tuple and isinstance(raw, list):
        return [_with_nan(item, get_args(kind)[0]) for item in raw]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(raw, dict):
        known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        return {name: _with_nan(value, known.get(name)) for name, value in raw.items()}
    return raw
