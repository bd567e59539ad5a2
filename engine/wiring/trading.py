"""From an opportunity to a booked fill: order, risk verdict, durable commit, paper venue, ledger, exits.

Nothing is acted on or shown before its journal events are durable: ``commit`` calls back when they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.events import (
    JournalEvent,
)

Commit = Callable[[Sequence[JournalEvent], Callable[[], None]], None]
"""commit(events, done): journal them; ``done`` is called, on the desk's thread, once they are durable."""
