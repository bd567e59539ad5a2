"""When a bar is final."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS, Candle, MarketEvent
from engine.feeds.candles import SETTLED_NS, RunningCandles, settled

MINUTE = 60 * NS


def candle(minute: int, close: float, symbol: str = "x:A") -> Candle:
    return Candle(symbol, 60, minute * MINUTE, 1.0, 9.0, 0.5, close, 1.0, False, 1, 10 * MINUTE)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 6), st.integers(1, 9)), max_size=60))
def test_each_bar_is_closed_once_in_order_and_as_it_was_last_told(told: list[tuple[str, int, int]]) -> None:
    running, out, last = RunningCandles(), list[MarketEvent](), dict[tuple[str, int], float]()
    newest: dict[str, int] = {}
    for name, minute, close in told:
        running.push(candle(minute, float(close), f"x:{name}"), out)
        if minute >= newest.get(name, 0):
            last[f"x:{name}", minute * MINUTE] = float(close)
            newest[name] = minute
    closed = [one for one in out if isinstance(one, Candle) and one.closed]
    for name in "AB":
        opens = [one.open_ns for one in closed if one.symbol == f"x:{name}"]
        assert opens == sorted(set(opens)) and all(at < newest[name] * MINUTE for at in opens)
    assert all(one.close == last[one.symbol, one.open_ns] for one in closed)


def test_what_was_missed_leaves_no_half_bar_closed() -> None:
    running, out = RunningCandles(), list[MarketEvent]()
    running.push(candle(1, 2.0), out)
    running.clear()
    running.push(candle(2, 3.0), out)
    assert out == [candle(1, 2.0), candle(2, 3.0)]


def test_a_bar_by_rest_is_final_by_its_successor_or_long_after_its_end() -> None:
    assert settled(0, 60, MINUTE, 0)
    assert not settled(MINUTE, 60, MINUTE, 2 * MINUTE + SETTLED_NS - 1)
    assert settled(MINUTE, 60, MINUTE, 2 * MINUTE + SETTLED_NS)


def test_a_bar_of_the_future_closes_none_and_ends_none() -> None:
    running, out = RunningCandles(), list[MarketEvent]()
    for minute, close in ((1, 2.0), (10**6, 7.0), (1, 3.0), (2, 4.0)):
        running.push(candle(minute, close), out)
    assert [(one.open_ns // MINUTE, one.closed, one.close) for one in out if isinstance(one, Candle)] == [
        *((1, False, 2.0), (10**6, False, 7.0), (1, False, 3.0), (1, True, 3.0), (2, False, 4.0))
    ]
