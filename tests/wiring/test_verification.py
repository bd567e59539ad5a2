"""The journal of a state directory through the desk's own books."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.events import Fill, JournalEvent
from engine.store.store import Store
from engine.wiring.verification import BOOKS, verify_database
from tests.bench.long_journal import long_journal


def _in(event: JournalEvent, currency: str) -> JournalEvent:
    return msgspec.structs.replace(event, currency=currency) if isinstance(event, Fill) else event


@pytest.mark.parametrize(
    ("before", "after", "sound"), [("", "USD", True), ("USD", "USD", True), ("USD", "EUR", False)]
)
def test_fills_of_before_they_said_their_currency_are_of_the_same_one(
    tmp_path: Path, before: str, after: str, sound: bool
) -> None:
    store = Store(tmp_path / "desk.sqlite")
    store.start()
    orders = list(long_journal(2_000))
    half = len(orders) // 2
    for number, order in enumerate(orders):
        store.commit([_in(event, before if number < half else after) for event in order])
    assert store.close()
    found = {one.name: one for one in verify_database(tmp_path / "desk.sqlite")}
    assert found[BOOKS].ok is sound
    assert [one.name for one in found.values() if not one.ok] == ([] if sound else [BOOKS])
