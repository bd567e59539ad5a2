"""What is told, told once, and in order."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.events import NS, Candle
from engine.feeds.sources.newest import Newest

MINUTE = 60 * NS


def bar(
    minute: int, close: float = 10.0, *, closed: bool = False, source: str = "a", late: int = 0
) -> Candle:
    open_ns = minute * MINUTE
    return Candle(
        "poll:X", 60, open_ns, 10.0, 11.0, 9.0, close, 1.0, closed, open_ns + late, open_ns, source=source
    )


def test_the_same_is_told_once() -> None:
    newest = Newest()
    assert newest.news([bar(1, closed=True), bar(2)]) == [bar(1, closed=True), bar(2)]
    assert newest.news([bar(1, closed=True), bar(2)]) == []
    assert newest.news([bar(1, closed=True), bar(2, source="b")]) == []


def test_a_bar_of_the_future_ends_none() -> None:
    newest, future = Newest(), replace(bar(10**6, closed=True), recv_ns=2 * MINUTE)
    assert newest.news([bar(1, closed=True), future]) == [bar(1, closed=True), future]
    assert newest.news([bar(2, closed=True), bar(3)]) == [bar(2, closed=True), bar(3)]


def test_unknown_volumes_are_alike() -> None:
    newest = Newest()
    unknown = replace(bar(2), volume=math.nan)
    assert newest.news([unknown]) == [unknown]
    assert newest.news([replace(bar(2), volume=float("nan"))]) == []


def test_a_bar_that_moved_is_told_again_until_it_is_closed() -> None:
    newest = Newest()
    newest.news([bar(2)])
    assert newest.news([bar(2, 10.5)]) == [bar(2, 10.5)]
    closed = bar(2, 10.7, closed=True)
    assert newest.news([closed, bar(3)]) == [closed, bar(3)]
    assert newest.news([bar(2, 99.0)]) == []
    assert newest.news([bar(2, 99.0, closed=True)]) == []


def test_an_older_bar_of_a_lesser_source_is_dropped() -> None:
    newest = Newest()
    newest.news([bar(10, late=30)])
    assert newest.news([bar(9)]) == []
    assert newest.news([bar(8, closed=True)]) == []
    assert newest.news([bar(10, 12.0, late=20, source="b")]) == []
    # A source's own answers come in order, whatever it says of their time.
    assert newest.news([bar(10, 12.0, late=20)]) != []


def test_the_close_of_the_bar_before_may_come_late() -> None:
    newest = Newest()
    newest.news([bar(9)])
    newest.news([bar(10)])
    late = bar(9, closed=True, source="b")
    assert newest.news([late, bar(10)]) == [late]
    assert newest.news([late]) == []


def test_symbols_and_intervals_are_apart() -> None:
    newest = Newest()
    newest.news([bar(10)])
    other = replace(bar(3), symbol="poll:Y")
    day = replace(bar(3), interval_s=86_400)
    assert newest.news([other]) == [other]
    assert newest.news([day]) == [day]


BARS = st.builds(
    bar,
    st.integers(1, 8),
    st.sampled_from([9.5, 10.0, 10.5]),
    closed=st.booleans(),
    source=st.sampled_from(["a", "b"]),
    late=st.integers(0, 3),
)


@given(st.lists(st.lists(BARS, max_size=4).map(lambda bars: sorted(bars, key=lambda one: one.open_ns))))
def test_time_goes_on_and_a_bar_is_closed_once(answers: list[list[Candle]]) -> None:
    newest, told = Newest(), []
    for answer in answers:
        told += newest.news(answer)
    closed = [one.open_ns for one in told if one.closed]
    assert closed == sorted(set(closed))
    forming = [one.open_ns for one in told if not one.closed]
    assert forming == sorted(forming)
    for earlier, later in itertools.pairwise(told):
        assert later.open_ns >= earlier.open_ns - MINUTE
