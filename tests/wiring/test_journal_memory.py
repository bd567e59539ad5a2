"""A run's journal: its digest is that of the bodies which a store would hold."""

from __future__ import annotations

import hashlib

from engine.events import Alert, OrderEvent, OrderState
from engine.store.codec import encode
from engine.wiring.journal_memory import JournalMemory


def test_the_digest_is_of_the_orders_bodies_a_line_each_however_many_they_are() -> None:
    journal, done = JournalMemory(), []
    events = [OrderEvent(f"td-{n}", "a:B", OrderState.ACCEPTED, "wählt „so“", n) for n in range(5000)]
    journal.commit(events[:4000], lambda: done.append(4000))
    journal.commit([Alert("info", "a:B", "not of an order", 7)], lambda: done.append(1))
    journal.commit(events[4000:], lambda: done.append(1000))
    bodies = "".join(f"{encode(event)}\n" for event in events)
    assert done == [4000, 1, 1000]
    assert journal.sha256() == hashlib.sha256(bodies.encode()).hexdigest()
