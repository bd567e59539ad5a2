"""How many ticks nobody has acknowledged yet, and when no more are sent."""

from __future__ import annotations

import logging

import pytest

from engine.workers.behind import HELD, TOGETHER, Behind


def test_ticks_count_until_the_slowest_group_is_through_with_them() -> None:
    behind = Behind(10**9)
    for number in range(1, 6):
        behind.sent(number, TOGETHER)
    assert behind.ticks == 5 * TOGETHER
    behind.acknowledged([None, 5], [5])
    assert behind.ticks == 5 * TOGETHER, "somebody has read nothing yet"
    behind.acknowledged([3, 4], [4])
    assert behind.ticks == 2 * TOGETHER
    behind.acknowledged([], [])
    assert behind.ticks == 0


def test_small_rounds_of_days_take_no_memory() -> None:
    behind = Behind(10**9)
    for number in range(1, 100_001):
        behind.sent(number, number % 2)
    assert behind.ticks == 50_000 and len(behind.by_all._rounds) < 160
    behind.acknowledged([99_998], [])
    assert 0 < behind.ticks <= TOGETHER


def test_nothing_is_sent_from_the_bound_on_until_most_of_it_was_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="engine.market")
    behind = Behind(10 * TOGETHER)
    told = []
    for number in range(1, HELD * 10 + 2):
        behind.sent(number, TOGETHER)
        behind.look()
        told.append(behind.held)
    assert told.index(True) == HELD * 10 - 1, "the rounds themselves count"
    for number in range(1, HELD * 10 + 2):
        behind.acknowledged([0], [number])
        behind.look()
        assert behind.held == (behind.by_execution.entries > behind.most)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "INFO"]


def test_rounds_without_ticks_are_held_as_well() -> None:
    behind = Behind(TOGETHER)
    for number in range(HELD * TOGETHER + 1):
        behind.sent(number, 0)
    behind.look()
    assert behind.held and behind.ticks == 0 and len(behind.by_all._rounds) < 10


def test_nothing_is_held_back_while_execution_reads(caplog: pytest.LogCaptureFixture) -> None:
    behind = Behind(TOGETHER)
    for number in range(1, 100):
        behind.sent(number, TOGETHER)
        behind.acknowledged([None], [number])
        behind.look()
        assert not behind.held, "stops are watched without the strategies"
    assert behind.ticks == 99 * TOGETHER and [record.levelname for record in caplog.records] == ["WARNING"]


def test_the_next_owner_goes_on_from_what_was_not_read() -> None:
    former, behind = Behind(TOGETHER), Behind(TOGETHER)
    for number in range(1, HELD + 3):
        former.sent(number, TOGETHER)
    behind.take_up(former.kept.encode(), HELD + 2)
    behind.look()
    assert behind.held and behind.kept == former.kept
    behind.sent(1 << 40, 1)
    behind.acknowledged([HELD + 1], [HELD + 1])
    assert behind.ticks == former.ticks + 1
    behind.acknowledged([HELD + 2], [HELD + 2])
    behind.look()
    assert not behind.held and behind.ticks == 1


@pytest.mark.parametrize("kept", [None, b"", b"x y z a", b"1 2", b"-1 2 3 4", "² ³ 1 1".encode()])
def test_what_is_no_count_is_nothing(kept: bytes | None) -> None:
    behind = Behind(TOGETHER)
    behind.take_up(kept, 1)
    assert behind.kept == "0 0 0 0"
