"""The rate limit: never more than the venue allows, cancels never behind orders."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.execution.alpaca.rate import RateLimit

S = 1_000_000_000
T0 = 1_700_000_000 * S


def test_a_burst_and_then_the_rate() -> None:
    rate = RateLimit(200)
    taken = sum(rate.take(T0) for _ in range(500))
    assert taken == 90, "half of a minute's, less the reserve of cancels"
    assert sum(rate.take(T0, spare=True) for _ in range(50)) == 10
    assert not rate.take(T0, spare=True)
    assert rate.take(rate.next_ns(T0, spare=True), spare=True)
    assert sum(rate.take(T0 + 30 * S) for _ in range(500)) == 89


def test_the_venue_asks_to_wait() -> None:
    rate = RateLimit(200)
    rate.close(T0 + 5 * S)
    assert not rate.take(T0 + 4 * S, spare=True)
    assert rate.next_ns(T0) == T0 + 5 * S and rate.take(T0 + 5 * S)
    rate.close(T0 + S)
    assert rate.take(T0 + 5 * S), "an earlier end does not shorten a later one"


def test_the_smallest_rate_still_lets_one_through() -> None:
    rate = RateLimit(1)
    assert rate.take(T0) and not rate.take(T0 + 59 * S) and rate.take(T0 + 61 * S)


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(0, 3 * S), st.booleans()), max_size=400))
def test_no_minute_holds_more_than_one_and_a_half_minutes_worth(
    per_min: int, asked: list[tuple[int, bool]]
) -> None:
    rate = RateLimit(per_min)
    now = T0
    taken: list[int] = []
    for step, spare in asked:
        now += step
        if rate.take(now, spare=spare):
            taken.append(now)
        else:
            assert rate.next_ns(now, spare=spare) > now
    for end in taken:
        within = sum(end - 60 * S < at <= end for at in taken)
        assert within <= per_min + max(per_min // 2, 1)
