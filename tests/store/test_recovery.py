"""What a start hands to the desk: the journal without verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.events import (
    Alert,
    Amendment,
    ChangeKind,
    Funding,
    JournalEvent,
    LimitChange,
    OrderChange,
    OrderState,
    RiskChange,
    RiskState,
)
from engine.store import recovery
from engine.store.store import Store
from tests.store import samples


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "desk.sqlite")
    made.start()
    yield made
    made.close()


def every_kind() -> list[JournalEvent]:
    asked = OrderChange("o1", samples.SYMBOL, ChangeKind.UPDATE_ASKED, "", 5, Amendment(price=Decimal("9.5")))
    return [
        *samples.order(1),
        asked,
        Funding("f1", samples.SYMBOL, Decimal("0.1"), "USDT", 0.0001, 9),
        RiskChange(RiskState.HALTED, RiskState.ACTIVE, "kill switch", "me", 7),
        LimitChange("desk", "max_position_pct", "20", "10", "me", 8),
        Alert("warning", "feeds", "stale", 8),
    ]


def test_every_kind_comes_back_without_its_verdict(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_PAGE", 4)
    events = every_kind()
    judged = [
        msgspec.structs.replace(event, verdict=samples.verdict(1))
        if "verdict" in event.__struct_fields__
        else event
        for event in events
    ]
    store.commit_now(judged)
    assert store.recover() == events


def test_what_is_not_a_number_comes_back(store: Store) -> None:
    request = msgspec.structs.replace(samples.request(1), decision_price=math.nan)
    first = msgspec.structs.replace(
        samples.transition(1, OrderState.INITIALIZED, request), verdict=samples.verdict(1)
    )
    store.commit_now([first, *samples.order(2)])
    back = store.recover()
    assert math.isnan(back[0].request.decision_price) and back[0].verdict is None
    assert back[1:] == samples.order(2)
