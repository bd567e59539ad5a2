"""The mirror: what it has merged is what the engine would tell anew."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.conflator import Conflator
from engine.api.protocol import ROW_KEYS, StateFrame
from engine.gateway.mirror import MOST_ROWS, Mirror
from engine.slices import at_once
from tests.console import sample_desk as sample

FULL = msgspec.structs.replace(sample.full_frame(), logs=())
ROWS = {name: getattr(FULL, name) for name, _ in ROW_KEYS}


@settings(deadline=None)
@given(st.data())
def test_frames_of_what_changed_add_up_to_the_whole(data: st.DataObject) -> None:
    """Rows come, change and go; of some frames nothing is heard, as of a line that is cut."""
    conflator, mirror = Conflator(), Mirror()
    for step in range(data.draw(st.integers(1, 6))):
        chosen: dict[str, Any] = {}
        for name, _ in ROW_KEYS:
            kept = data.draw(st.sets(st.integers(0, len(ROWS[name]) - 1))) if ROWS[name] else set()
            chosen[name] = tuple(row for at, row in enumerate(ROWS[name]) if at in kept)
        state = msgspec.structs.replace(FULL, **chosen)
        if data.draw(st.booleans()) and step:
            conflator = Conflator()  # it comes back, and is told all
        frame = msgspec.json.decode(at_once(conflator.making(state, step)), type=StateFrame)
        mirror.merge(frame, float(step))
        for name, key in ROW_KEYS:
            told = {getattr(row, key): row for row in mirror.rows(name)}
            assert told == {getattr(row, key): row for row in chosen[name]}, name


def test_what_is_newest_stands_first_as_the_engine_tells_it() -> None:
    mirror = Mirror()
    old, new = FULL.orders[-3:], FULL.orders[:-3]
    mirror.merge(msgspec.structs.replace(FULL, orders=old), 0.0)
    mirror.merge(msgspec.structs.replace(FULL, full=False, orders=new), 0.1)
    assert mirror.rows("orders") == FULL.orders


def test_nothing_grows_without_bound() -> None:
    mirror = Mirror()
    for number in range(MOST_ROWS["opportunities"] + 50):
        row = msgspec.structs.replace(FULL.opportunities[0], id=f"opp-{number}")
        log = msgspec.structs.replace(sample.full_frame().logs[0], seq=number)
        frame = StateFrame(full=False, status=FULL.status, opportunities=(row,), logs=(log,) * 50)
        mirror.merge(frame, 0.0)
    state = mirror.state(0.0)
    assert len(state.opportunities) == MOST_ROWS["opportunities"] and len(state.logs) == 1000
    assert state.opportunities[0].id == f"opp-{MOST_ROWS['opportunities'] + 49}"


def test_its_age_counts_while_the_engine_is_away_alone() -> None:
    mirror = Mirror()
    assert not mirror.ready
    mirror.merge(FULL, 10.0)
    assert (mirror.age_s(100.0), mirror.told_status(100.0)) == (0, FULL.status)
    assert mirror.lose(15.0) and not mirror.lose(16.0)
    assert mirror.age_s(70.5) == 60 and mirror.told_status(70.5).phase == "away"
    mirror.merge(msgspec.structs.replace(FULL, full=False), 80.0)
    assert mirror.age_s(100.0) == 0
    mirror.forget()
    assert not mirror.ready and mirror.rows("orders") == ()
