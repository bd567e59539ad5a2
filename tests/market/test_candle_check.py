"""Bars: each rule by itself, what a run of agreeing ones proves, and splits."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS, Candle
from engine.market.candle_check import AGREEING, REASONS, CandleCheck, Split, limit_pct, malformed
from tests.market.candles import DAY, NOW, T0, candle

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"volume": NAN}, ""),
        ({"volume": 0.0}, ""),
        ({"open": NAN}, "NOT_FINITE"),
        ({"high": INF}, "NOT_FINITE"),
        ({"low": 0.0}, "NOT_POSITIVE"),
        ({"close": -1.0}, "NOT_POSITIVE"),
        ({"open": 100.1}, "RANGE"),
        ({"close": 99.9, "low": 100.0, "high": 101.0, "open": 100.5}, "RANGE"),
        ({"high": 99.0}, "RANGE"),
        ({"low": 101.0}, "RANGE"),
        ({"volume": -1.0}, "VOLUME"),
        ({"volume": INF}, "VOLUME"),
        ({"open_ns": T0 + 1}, "UNALIGNED"),
        ({"open_ns": T0 + 30 * NS}, "UNALIGNED"),
        ({"open_ns": 0}, "UNALIGNED"),
        ({"interval_s": 0}, "UNALIGNED"),
        ({"interval_s": DAY, "open_ns": T0 + 13 * 3600 * NS + 1800 * NS}, ""),
        ({"interval_s": 3600, "open_ns": T0 + 1800 * NS}, ""),
        ({"interval_s": 3600, "open_ns": T0 + 1860 * NS}, "UNALIGNED"),
        ({"closed": False}, "UNCLOSED"),
        ({"open_ns": NOW + 60 * NS}, "FUTURE"),
        ({"open_ns": NOW - 60 * NS}, ""),
        ({"open_ns": NOW}, "FUTURE"),
        ({"interval_s": DAY, "open_ns": NOW}, ""),
    ],
)
def test_each_rule(changes: dict[str, Any], reason: str) -> None:
    assert CandleCheck().check(candle(0, **changes), NOW) == reason


def test_an_open_bar_is_taken_where_open_ones_are_wanted_and_is_compared_with_no_later_one() -> None:
    checker = CandleCheck(before=candle(0))
    assert checker.check(candle(1, 101.0, closed=False), NOW, closed=False) == ""
    assert checker.check(candle(1, 102.0, closed=False), NOW, closed=False) == ""
    assert checker.before == candle(0)
    assert checker.check(candle(1, 103.0), NOW) == ""
    assert checker.before == candle(1, 103.0)


def test_the_same_bar_an_older_one_and_one_of_another_series() -> None:
    checker = CandleCheck(before=candle(5))
    assert checker.check(candle(5, 100.1), NOW) == "DUPLICATE"
    assert checker.check(candle(4), NOW) == "OUT_OF_ORDER"
    assert checker.check(candle(6, symbol="kraken:BTC/USD"), NOW) == "SERIES"
    assert checker.check(candle(6, interval_s=300), NOW) == "SERIES"
    assert checker.check(candle(6), NOW) == ""


def test_the_limit_is_the_given_one_for_a_day_and_scaled_by_the_fourth_root() -> None:
    assert limit_pct(30.0, DAY) == 30.0
    assert limit_pct(30.0, DAY / 16) == pytest.approx(15.0)
    assert limit_pct(30.0, 16 * DAY) == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("interval_s", "fits", "strays"), [(DAY, 29.9, 30.1), (60, 4.8, 5.0), (3600, 13.5, 13.7)]
)
def test_a_close_too_far_from_the_one_before_is_an_outlier(
    interval_s: int, fits: float, strays: float
) -> None:
    before = candle(0, interval_s=interval_s)
    for factor in (1.0 + fits / 100.0, 1.0 / (1.0 + fits / 100.0)):
        assert CandleCheck(before=before).check(candle(1, 100 * factor, interval_s=interval_s), NOW) == ""
    for factor in (1.0 + strays / 100.0, 1.0 / (1.0 + strays / 100.0)):
        check = CandleCheck(before=before)
        assert check.check(candle(1, 100 * factor, interval_s=interval_s), NOW) == "OUTLIER"


def test_over_a_hole_the_limit_is_that_of_the_time_that_passed() -> None:
    assert CandleCheck(before=candle(0)).check(candle(1, 110.0), NOW) == "OUTLIER"
    assert CandleCheck(before=candle(0)).check(candle(60, 110.0), NOW) == ""


def test_the_limit_is_configurable() -> None:
    assert CandleCheck(5.0, before=candle(0)).check(candle(1, 102.0), NOW) == "OUTLIER"


def test_a_high_or_low_beyond_a_days_limit_is_an_outlier_however_many_agree() -> None:
    checker = CandleCheck(before=candle(0))
    for number in range(1, 20):
        assert checker.check(candle(number, low=1.0), NOW) == "OUTLIER"
    assert checker.check(candle(20, low=80.0), NOW) == ""


def test_agreeing_outliers_are_a_move() -> None:
    checker = CandleCheck(before=candle(0))
    for number in range(1, AGREEING + 1):
        assert checker.check(candle(number, 150.0 + number), NOW) == "OUTLIER"
    assert checker.check(candle(9, 156.0), NOW) == ""
    assert checker.check(candle(10, 100.0), NOW) == "OUTLIER"


def test_the_same_outlier_again_and_again_proves_nothing() -> None:
    checker = CandleCheck(before=candle(0))
    for _ in range(20):
        assert checker.check(candle(1, 150.0), NOW) == "OUTLIER"
    assert checker.check(candle(1, 100.0), NOW) == "", "and the bar corrected is believed"


def test_a_split_excuses_the_jump_it_makes_and_no_other() -> None:
    splits = [Split(T0 + DAY * NS, 4.0)]
    before = candle(0, 400.0, interval_s=DAY)
    assert CandleCheck(splits=splits, before=before).check(candle(1, 101.0, interval_s=DAY), NOW) == ""
    assert CandleCheck(splits=splits, before=before).check(candle(1, 401.0, interval_s=DAY), NOW) == ""
    assert CandleCheck(splits=splits, before=before).check(candle(1, 40.0, interval_s=DAY), NOW) == "OUTLIER"
    later = CandleCheck(splits=splits, before=candle(1, 400.0, interval_s=DAY))
    assert later.check(candle(2, 100.0, interval_s=DAY), NOW) == "OUTLIER"
    assert CandleCheck(before=before).check(candle(1, 100.0, interval_s=DAY), NOW) == "OUTLIER"


def test_a_page_keeps_the_outliers_that_its_rest_proves_and_sets_the_others_aside() -> None:
    move = [candle(number, 150.0) for number in range(3, 12)]
    page = [candle(1), candle(2, 300.0), *move, candle(12, 400.0), candle(13, 150.0), candle(13, 150.0)]
    sifted = CandleCheck(before=candle(0)).sift(page, NOW)
    assert sifted.kept == [candle(1), *move, candle(13, 150.0)]
    assert [(aside.candle.close, aside.reason) for aside in sifted.aside] == [
        (300.0, "OUTLIER"),
        (400.0, "OUTLIER"),
        (150.0, "DUPLICATE"),
    ]


def test_outliers_at_the_end_of_a_page_are_set_aside_and_count_on_the_next() -> None:
    checker = CandleCheck(before=candle(0))
    first = checker.sift([candle(number, 150.0) for number in range(1, AGREEING + 1)], NOW)
    assert (len(first.kept), len(first.aside)) == (0, AGREEING)
    assert checker.sift([candle(9, 150.0)], NOW).kept == [candle(9, 150.0)]


any_price = st.floats(allow_nan=True, allow_infinity=True)
any_bar = st.builds(
    candle,
    st.integers(0, 30),
    interval_s=st.sampled_from([60, 300, DAY]),
    open=any_price,
    high=any_price,
    low=any_price,
    close=any_price | st.floats(90.0, 110.0),
    volume=any_price,
    closed=st.booleans(),
)
sane_bar = st.builds(candle, st.integers(0, 30), st.floats(1e-300, 1e300) | st.floats(90.0, 110.0))


@given(st.lists(any_bar | sane_bar, max_size=30))
def test_whatever_comes_is_kept_or_set_aside_and_what_is_kept_is_sound(page: list[Candle]) -> None:
    kept, aside = CandleCheck().sift(page, NOW)
    assert len(kept) + len(aside) == len(page)
    assert all(reason in REASONS for _, reason in aside)
    assert all(left.open_ns < right.open_ns for left, right in pairwise(kept))
    for bar in kept:
        assert not malformed(bar) and bar.closed
        assert all(math.isfinite(price) for price in (bar.open, bar.high, bar.low, bar.close))
