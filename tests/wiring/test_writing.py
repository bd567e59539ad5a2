"""What is durable is shown to all who listen, whatever becomes of one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.api.hub import Hub
from engine.errors import OutcomeUnknownError, StoreError
from engine.events import Alert, JournalEvent
from engine.store.store import Store
from engine.wiring import writing as module
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


@pytest.mark.parametrize("fails", [True, False])
async def test_whoever_waited_for_a_disk_that_did_not_answer_hears_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(module, "DURABLE_S", 60.0 if fails else 0.01)
    store = Store(tmp_path / "desk.db")  # its thread does not run: nothing gets to the disk
    monkeypatch.setattr(store, "commit", lambda events, done: [1])
    told: list[Exception] = []
    writing = Writing(store, Hub(), failed=told.append, fault=told.append)
    writing.start(asyncio.get_running_loop())
    writing.commit([Alert("info", "test", "", 1)], lambda: None)
    if fails:
        asyncio.get_running_loop().call_soon(writing.fail, StoreError("disk I/O error"))
    with pytest.raises(OutcomeUnknownError, match="disk I/O error" if fails else "not on disk"):
        await writing.durable()
    if fails:
        async with asyncio.timeout(10):
            with pytest.raises(OutcomeUnknownError, match="disk I/O error"):
                await writing.durable()  # nobody waits again for what has failed
        with pytest.raises(StoreError) as refused:
            writing.refuse_when_failed()
        assert not isinstance(refused.value, OutcomeUnknownError), "of what comes later it is known"
