"""Holes: short ones become flat bars that say so, long ones are told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS
from engine.market.gap_fill import Hole, fill, flat
from engine.sessions import Sessions
from tests.market.candles import DAY, T0, candle


def test_a_short_hole_is_filled_flat_at_the_close_before_and_marked() -> None:
    filled = fill([candle(0, 100.0), candle(3, 103.0)], max_fill_bars=2)
    assert [bar.open_ns for bar in filled.candles] == [T0 + 60 * NS * number for number in range(4)]
    for bar in filled.candles[1:3]:
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (100.0, 100.0, 100.0, 100.0, 0.0)
        assert bar.filled and bar.closed and bar.trades == 0
        assert bar.event_ns == bar.open_ns + 60 * NS
    assert not filled.candles[3].filled and filled.holes == []


def test_a_longer_hole_stays_and_is_told() -> None:
    bars = [candle(0), candle(4)]
    filled = fill(bars, max_fill_bars=2)
    assert filled.candles == bars
    assert filled.holes == [Hole("binance:BTCUSDT", 60, T0 + 60 * NS, 3)]


def test_nothing_is_filled_when_nothing_may_be() -> None:
    assert fill([candle(0), candle(2)], max_fill_bars=0).holes == [
        Hole("binance:BTCUSDT", 60, T0 + 60 * NS, 1)
    ]


def test_the_hole_behind_the_bar_before_is_seen() -> None:
    assert len(fill([candle(2)], max_fill_bars=5, before=candle(0)).candles) == 2
    assert len(fill([candle(2)], max_fill_bars=5).candles) == 1


def test_nights_and_weekends_are_no_holes() -> None:
    weekdays = Sessions(("mon-fri 00:00-24:00",)).is_open
    friday, monday = candle(3, interval_s=DAY), candle(6, interval_s=DAY)
    assert fill([friday, monday], max_fill_bars=5, is_open=weekdays).candles == [friday, monday]
    tuesday = candle(7, interval_s=DAY)
    filled = fill([friday, tuesday], max_fill_bars=5, is_open=weekdays)
    assert [bar.open_ns for bar in filled.candles] == [friday.open_ns, monday.open_ns, tuesday.open_ns]


def test_a_day_of_25_hours_is_no_hole_nor_one_of_23() -> None:
    for shift in (-3600, 3600):
        late = candle(1, interval_s=DAY, open_ns=T0 + (DAY + shift) * NS)
        assert fill([candle(0, interval_s=DAY), late], max_fill_bars=5).candles[1:] == [late]


def test_very_many_holes_are_bounded_and_none_is_lost_from_the_count() -> None:
    filled = fill([candle(10 * number) for number in range(50)], max_fill_bars=1, most_holes=5)
    assert len(filled.holes) == 5 and sum(hole.bars for hole in filled.holes) == 49 * 9


def test_a_hole_of_a_century_costs_no_memory() -> None:
    filled = fill([candle(0), candle(60 * 24 * 36_500)], max_fill_bars=10, is_open=Sessions(()).is_open)
    assert filled.holes == [Hole("binance:BTCUSDT", 60, T0 + 60 * NS, 60 * 24 * 36_500 - 1)]


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 8))
def test_each_bar_is_there_or_filled_or_told(numbers: set[int], most: int) -> None:
    bars = [candle(number, 100.0 + number) for number in sorted(numbers)]
    filled = fill(bars, max_fill_bars=most)
    assert [bar for bar in filled.candles if not bar.filled] == bars
    opens = {bar.open_ns for bar in filled.candles}
    told = {hole.open_ns + number * 60 * NS for hole in filled.holes for number in range(hole.bars)}
    assert opens.isdisjoint(told)
    assert opens | told == {candle(number).open_ns for number in range(min(numbers), max(numbers) + 1)}
    by_open = {bar.open_ns: bar for bar in filled.candles}
    for bar in filled.candles:
        if bar.filled:
            before = by_open[bar.open_ns - 60 * NS]
            assert bar == flat(before, bar.open_ns, bar.recv_ns)
