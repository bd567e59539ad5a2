"""What is durable is shown to all who listen, whatever becomes of one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.api.hub import Hub
from engine.events import Alert, JournalEvent
from engine.store.store import Store
from engine.wiring.writing import Writing


async def test_a_bug_in_one_who_listens_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    store, hub, faults = Store(tmp_path / "desk.db"), Hub(), list[Exception]()
    writing = Writing(store, hub, failed=faults.append, fault=faults.append)
    heard: list[JournalEvent] = []

    def broken(event: JournalEvent) -> None:
        raise ZeroDivisionError

    writing.watchers += [broken, heard.append]
    writing.start(asyncio.get_running_loop())
    store.start()
    events = [Alert("info", "test", str(number), number) for number in range(3)]
    try:
        writing.commit(events[:2], lambda: None)
        writing.commit(events[2:], lambda: None)
        await writing.durable()
    finally:
        assert store.close()
    assert heard == events and hub.last_seq == 3
    assert [type(error) for error in faults] == [ZeroDivisionError] * 3
