"""Batches: at once when idle, pauses that grow with the load."""

from __future__ import annotations

import pytest

from engine.automation.pace import Pace

MS = 1_000_000


def test_at_once_when_idle() -> None:
    assert Pace(20 * MS, 500 * MS).due_ns() <= 0


@pytest.mark.parametrize(("took", "pause"), [(1, 20), (20, 20), (70, 70), (500, 500), (4000, 500)])
def test_the_pause_is_as_long_as_the_batch_between_two_bounds(took: int, pause: int) -> None:
    pace = Pace(20 * MS, 500 * MS)
    pace.done(1000 * MS, (1000 + took) * MS)
    assert pace.due_ns() == (1000 + took + pause) * MS
