"""How many ticks nobody has acknowledged yet."""

from __future__ import annotations

from engine.workers.behind import TOGETHER, Behind


def test_ticks_count_until_the_slowest_group_is_through_with_them() -> None:
    behind = Behind()
    for number in range(1, 6):
        behind.sent(number, TOGETHER)
    assert behind.ticks == 5 * TOGETHER
    behind.acknowledged([None, 5])
    assert behind.ticks == 5 * TOGETHER, "somebody has read nothing yet"
    behind.acknowledged([3, 4])
    assert behind.ticks == 2 * TOGETHER
    behind.acknowledged([])
    assert behind.ticks == 0


def test_small_rounds_of_days_take_no_memory() -> None:
    behind = Behind()
    for number in range(1, 100_001):
        behind.sent(number, number % 2)
    assert behind.ticks == 50_000 and len(behind._rounds) < 60
    behind.acknowledged([99_998])
    assert 0 < behind.ticks <= TOGETHER
