"""Buckets: never more than the rate and one burst, never more names than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.gateway.rates import Buckets


@given(
    rate=st.floats(0.1, 1000),
    steps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_no_more_than_rate_and_burst(rate: float, steps: list[float]) -> None:
    buckets, now, taken = Buckets(rate), 0.0, 0
    for step in steps:
        now += step
        taken += buckets.take("a", now) == 0.0
    assert taken <= max(1.0, 2 * rate) + rate * now + 1e-6


@given(rate=st.floats(0.1, 1000))
def test_who_waits_as_told_is_let_in(rate: float) -> None:
    buckets, now = Buckets(rate), 0.0
    while not (wait := buckets.take("a", now)):
        pass
    assert 0 < wait <= 1 / rate + 1e-9
    assert buckets.take("a", now + wait + 1e-6) == 0.0


def test_one_does_not_take_from_another_and_names_are_bounded() -> None:
    buckets = Buckets(1.0, most=10)
    assert not buckets.take("a", 0.0) and not buckets.take("a", 0.0) and buckets.take("a", 0.0)
    assert not buckets.take("b", 0.0)
    for n in range(1000):
        buckets.take(f"x{n}", 0.0)
    assert len(buckets) == 10
