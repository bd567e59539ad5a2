"""The desk's own acts, and what the journal keeps."""

from __future__ import annotations

from enum import StrEnum

from engine.events.base import Event
from engine.events.orders import Fill, Funding, OrderChange, OrderEvent


class RiskState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"
    """Exits only."""
    HALTED = "halted"
    """Nothing but cancels and exits a person asks for."""


class RiskChange(Event, frozen=True, gc=False):
    """The desk's trading state changed; latched across restarts."""

    state: RiskState
    previous: RiskState
    reason: str
    who: str
    """``"risk"`` or the person or client that asked."""
    ns: int


class LimitChange(Event, frozen=True, gc=False):
    """A person changed a limit while the desk runs; taken up again at a restart."""

    scope: str
    """``"desk"``, ``"strategy:<name>"`` or ``"symbol:<symbol>"``; ``"exits"`` for the desk's exits."""
    name: str
    """As in the configuration, e.g. ``"max_position_pct"``."""
    previous: str
    """"" where the scope had none of its own."""
    value: str
    """"" when the scope goes back to what is above it."""
    who: str
    ns: int


class Alert(Event, frozen=True, gc=False):
    """Something the person at the desk must see. ``level``: info, warning, error."""

    level: str
    source: str
    text: str
    ns: int


class Quarantined(Event, frozen=True, gc=False):
    """Something from outside that was not believed, kept to be looked at."""

    ns: int
    """When it came, by our clock."""
    symbol: str
    """"" where it is of none, or of one that cannot be told."""
    reason: str
    """A code: see ``market/screen.py``, ``market/candle_check.py``; MALFORMED for a frame."""
    kind: str
    """trade, quote, bar or frame."""
    content: str
    """What it said, one cleaned line."""
    unkept: int = 0
    """So many more of the same symbol and reason came since the one kept before it."""


JournalEvent = OrderEvent | OrderChange | Fill | Funding | RiskChange | LimitChange | Alert
