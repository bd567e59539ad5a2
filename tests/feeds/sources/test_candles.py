"""Rows to bars: what is refused, what is closed, and where a bar begins."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from engine.events import NS, Candle
from engine.feeds.sources.candles import (
    DAY_S,
    candle,
    closed_by_age,
    closed_by_successor,
    date_ns,
    in_order,
    local_ns,
    number,
    second_text,
    with_price,
)

AT_NS = 1_773_000_045 * NS
MINUTE_NS = 60 * NS
EASTERN = ZoneInfo("America/New_York")


def bar(at_ns: int = AT_NS, close: float = 10.5, interval_s: int = 60) -> Candle:
    prices = (10.0, 11.0, 9.0, close)
    return candle("poll:X", interval_s, at_ns, prices, 5.0, source="s", recv_ns=AT_NS)


def test_a_bar_begins_at_a_multiple_of_its_interval() -> None:
    assert bar().open_ns == AT_NS - AT_NS % MINUTE_NS
    assert bar(interval_s=DAY_S).open_ns == date_ns("2026-03-08")
    assert bar().event_ns == AT_NS  # still forming: as far as we know
    assert bar(AT_NS - 90 * NS).event_ns == bar(AT_NS - 90 * NS).open_ns + MINUTE_NS


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf, 1e300])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="price"):
        bar(close=price)


@pytest.mark.parametrize("at_ns", [-1, 1 << 63, 1 << 70])
def test_a_time_that_is_none_is_refused(at_ns: int) -> None:
    with pytest.raises(ValueError, match="1970"):
        bar(at_ns)


@pytest.mark.parametrize("volume", [None, -1.0, math.nan, math.inf])
def test_a_volume_that_is_none_is_not_told(volume: float | None) -> None:
    found = candle("poll:X", 60, AT_NS, (1.0,) * 4, volume, source="s", recv_ns=AT_NS)
    assert math.isnan(found.volume)


def test_a_bar_closes_with_its_successor() -> None:
    bars = [replace(bar(AT_NS + minute * MINUTE_NS), recv_ns=AT_NS + 2 * MINUTE_NS) for minute in range(3)]
    assert [each.closed for each in closed_by_successor(bars)] == [True, True, False]
    future = replace(bars[2], open_ns=AT_NS + 10**6 * MINUTE_NS)
    assert [each.closed for each in closed_by_successor([*bars, future])] == [True, True, False, False]
    said = replace(bars[2], closed=True)
    assert closed_by_successor([said])[0].closed
    assert closed_by_successor([]) == []


@pytest.mark.parametrize(
    ("age_s", "interval_s", "closed"),
    [(60, 60, False), (3600, 60, False), (3720, 60, True), (DAY_S, DAY_S, False), (2 * DAY_S, DAY_S, True)],
)
def test_the_last_bar_of_history_is_closed_when_nothing_changes_it(
    age_s: int, interval_s: int, closed: bool
) -> None:
    last = bar(interval_s=interval_s)
    (told,) = closed_by_age([last], last.open_ns + age_s * NS)
    assert told.closed is closed


def test_a_bar_that_is_told_twice_is_one() -> None:
    whole, rest = bar(), replace(bar(AT_NS + NS, close=12.0), high=12.0, low=9.5, open=11.5)
    (told,) = in_order([whole, rest])
    assert (told.open, told.high, told.low, told.close) == (10.0, 12.0, 9.0, 12.0)
    later = bar(AT_NS + MINUTE_NS)
    assert in_order([later, whole]) == [whole, later]


def test_a_price_moves_the_bar_that_it_is_in_or_begins_the_next() -> None:
    last = bar()
    (moved,) = with_price([last], 8.0, AT_NS + NS, bar(AT_NS + NS))
    assert (moved.open, moved.high, moved.low, moved.close) == (10.0, 11.0, 8.0, 8.0)
    assert moved.event_ns == AT_NS + NS
    blank = bar(AT_NS + MINUTE_NS)
    assert [each.open_ns for each in with_price([last], 8.0, AT_NS, blank)] == [last.open_ns, blank.open_ns]
    assert with_price([last], 8.0, AT_NS, bar(AT_NS - MINUTE_NS)) == [last]


def test_times_of_new_york_are_told_in_both_halves_of_the_year() -> None:
    assert second_text(local_ns("2026-03-06 09:30:00", EASTERN)) == "2026-03-06 14:30:00"
    assert second_text(local_ns("2026-03-09 09:30:00", EASTERN)) == "2026-03-09 13:30:00"
    assert local_ns("2026-03-09", EASTERN) == date_ns("2026-03-09")


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-3-9", "2026-02-30", "20260309T1", "2026-W11-1", "0001-01-01", "9999-12-31x"),
        *("2026-03-09 25:00:00", "2026-03-09 09:30:00Z", "2026-03-09+09:30:00"),
    ],
)
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        local_ns(text)


@pytest.mark.parametrize("text", ["", "1_0", "nan", "1e999", "0x1", " 1", None, True, [], math.inf])
def test_numbers_that_are_none_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        number(text)


def test_numbers() -> None:
    assert [number(text) for text in ("1", "-2.5", "1e3", 4, 5.5)] == [1.0, -2.5, 1000.0, 4.0, 5.5]
