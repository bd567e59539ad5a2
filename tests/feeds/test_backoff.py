"""Delays double, jitter, stop growing, and never undercut what the venue asked for."""

from __future__ import annotations

import random

from engine.feeds.backoff import Backoff


def test_delays_double_up_to_the_cap_with_jitter() -> None:
    backoff = Backoff(0.5, 8.0, random.Random(3))
    delays = [backoff.next() for _ in range(8)]
    for delay, limit in zip(delays, [0.5, 1, 2, 4, 8, 8, 8, 8], strict=True):
        assert limit / 2 <= delay <= limit
    assert len(set(delays)) == len(delays)


def test_a_reset_starts_over_and_a_seed_repeats() -> None:
    one, two = (Backoff(0.5, 8.0, random.Random(3)) for _ in range(2))
    assert [one.next() for _ in range(5)] == [two.next() for _ in range(5)]
    one.reset()
    assert one.next() <= 0.5


def test_retry_after_is_never_undercut() -> None:
    backoff = Backoff(0.5, 1.0, random.Random(3))
    assert backoff.next(120.0) == 120.0
    assert backoff.next() <= 1.0
