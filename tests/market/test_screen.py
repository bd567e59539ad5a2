"""The screen: each rule by itself, and that rejected ticks leave no trace but a count."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.screen import REJECTS, REMEMBERED, Screen
from engine.ticks import QUOTE, TICK, TRADE
from tests.features.captures import binance_ticks
from tests.features.ticks import NAN, T0, block, quote, trade

INF = float("inf")


def codes(screen: Screen, *ticks: tuple[Any, ...]) -> list[str]:
    """What the screen wrote; its return value must agree."""
    packed = block(*ticks)
    count = screen.check(packed, 0, len(packed))
    assert count == np.count_nonzero(packed["reject"])
    return [REJECTS[code] for code in packed["reject"]]


def one_symbol(*, ids_rise: bool = True, **options: Any) -> Screen:
    screen = Screen(**options)
    assert screen.add_symbol(ids_rise=ids_rise) == 0
    return screen


@pytest.mark.parametrize(
    ("tick", "code"),
    [
        (trade(0, 10.0, 1.0), ""),
        (trade(0, NAN, 1.0), "NOT_FINITE"),
        (trade(0, INF, 1.0), "NOT_FINITE"),
        (trade(0, 10.0, NAN), "NOT_FINITE"),
        (trade(0, 0.0, 1.0), "NOT_POSITIVE"),
        (trade(0, -1.0, 1.0), "NOT_POSITIVE"),
        (trade(0, 10.0, 0.0), "NOT_POSITIVE"),
        (quote(0, 9.0, 10.0), ""),
        (quote(0, 10.0, 10.0), ""),
        (quote(0, 10.1, 10.0), "CROSSED"),
        (quote(0, NAN, 10.0), "NOT_FINITE"),
        (quote(0, 9.0, INF), "NOT_FINITE"),
        (quote(0, 0.0, 10.0), "NOT_POSITIVE"),
        (quote(0, 9.0, 10.0, 0.0, NAN), ""),
        (quote(0, 9.0, 10.0, -1.0, 1.0), "NOT_POSITIVE"),
        (quote(0, 9.0, 10.0, 1.0, INF), "NOT_FINITE"),
    ],
)
def test_each_rule(tick: tuple[Any, ...], code: str) -> None:
    assert codes(one_symbol(), tick) == [code]


def test_ids_must_rise_where_there_are_any() -> None:
    screen = one_symbol()
    ticks = [trade(0, 10, trade_id=i) for i in (5, 5, 4, 6, -1, -1, 6, 7)]
    assert codes(screen, *ticks) == ["", "DUPLICATE", "DUPLICATE", "", "", "", "DUPLICATE", ""]


def test_a_backfill_may_fill_the_hole_that_a_cut_left_once() -> None:
    screen = one_symbol()
    assert codes(screen, trade(0, 10, trade_id=1), trade(1, 10, trade_id=5)) == ["", ""]
    late = [trade(2, 10, trade_id=i, backfilled=True) for i in (1, 2, 3, 3, 4, 4, 5)]
    assert codes(screen, *late) == ["DUPLICATE", "", "", "DUPLICATE", "", "DUPLICATE", "DUPLICATE"]
    assert codes(screen, trade(3, 10, trade_id=3)) == ["DUPLICATE"]


def test_an_outlier_is_measured_from_the_last_accepted_price() -> None:
    screen = one_symbol(outlier_pct=10.0)
    ticks = [trade(0, 100), trade(0, 109), trade(0, 121), trade(0, 98), quote(0, 60, 140), quote(0, 140, 150)]
    assert codes(screen, *ticks) == ["", "", "OUTLIER", "OUTLIER", "", "OUTLIER"]


def test_after_five_outliers_that_agree_the_move_is_believed() -> None:
    screen = one_symbol(outlier_pct=10.0)
    assert codes(screen, trade(0, 100), *[trade(0, 150)] * 7) == ["", *["OUTLIER"] * 5, "", ""]
    assert codes(screen, trade(0, 100)) == ["OUTLIER"]


def test_outliers_that_disagree_or_are_interrupted_are_not_believed() -> None:
    screen = one_symbol(outlier_pct=10.0)
    codes(screen, trade(0, 100))
    assert codes(screen, *[trade(0, price) for price in [150, 300] * 6]) == ["OUTLIER"] * 12
    assert (
        codes(screen, *[trade(0, price) for price in [150, 150, 150, 100] * 4]) == [*["OUTLIER"] * 3, ""] * 4
    )


def test_rejected_ticks_change_nothing() -> None:
    screen = one_symbol()
    codes(screen, trade(1, 100, trade_id=7))
    bad = [trade(2, NAN, trade_id=8), trade(3, 900, trade_id=9), quote(4, 3, 2)]
    assert codes(screen, *bad) == ["NOT_FINITE", "OUTLIER", "CROSSED"]
    assert screen.last_recv_ns(0) == T0 + 10**9
    assert codes(screen, trade(5, 100, trade_id=8)) == [""], "the id of a rejected trade was not taken"


def test_backfilled_trades_are_accepted_but_neither_date_nor_price_the_symbol() -> None:
    screen = one_symbol(outlier_pct=10.0)
    codes(screen, trade(1, 100, trade_id=1))
    assert codes(screen, trade(2, 108, trade_id=2, backfilled=True), trade(3, 111, trade_id=3)) == [
        "",
        "OUTLIER",
    ]
    assert screen.last_recv_ns(0) == T0 + 10**9


def test_symbols_are_apart_and_the_room_grows() -> None:
    screen = Screen(capacity=1)
    assert [screen.add_symbol() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert codes(screen, trade(0, 1, trade_id=1), trade(0, 900, trade_id=1, symbol=4)) == ["", ""]
    assert screen.recv_times().tolist() == [T0, 0, 0, 0, T0]
    assert len(screen) == 5


@pytest.mark.parametrize("symbol", [-1, 1, 63])
def test_a_tick_of_an_unknown_symbol_is_an_error(symbol: int) -> None:
    with pytest.raises(IndexError, match="not added"):
        codes(one_symbol(), trade(0, 1, symbol=symbol))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 200), max_size=20))
def test_any_batch_split_gives_the_same_verdicts(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    ticks = np.zeros(200, TICK)
    ticks["symbol"] = rng.integers(0, 2, 200)
    ticks["trade_id"] = np.arange(200) - rng.integers(0, 4, 200)
    ticks["flags"] = rng.random(200) < 0.1
    ticks["a"] = rng.choice([100, 101, 150, NAN], 200, p=[0.4, 0.3, 0.29, 0.01])
    ticks["b"] = 1.0
    whole, parts = ticks.copy(), ticks.copy()
    screens = []
    for packed, borders in ((whole, [0, 200]), (parts, [0, *sorted(cuts), 200])):
        screen = Screen()
        screen.add_symbol(), screen.add_symbol()
        for start, stop in pairwise(borders):
            screen.check(packed, start, stop)
        screens.append(screen)
    assert whole.tobytes() == parts.tobytes()
    assert screens[0]._state.tobytes() == screens[1]._state.tobytes()


@pytest.mark.data
def test_a_captured_day_has_no_rejects(data_dir: Path) -> None:
    """19,904 trades and 73,174 quotes as Binance sent them."""
    ticks = binance_ticks(data_dir)
    assert (np.count_nonzero(ticks["kind"] == TRADE), np.count_nonzero(ticks["kind"] == QUOTE)) == (
        19_904,
        73_174,
    )
    screen = one_symbol()
    assert screen.check(ticks, 0, len(ticks)) == 0


def timed(tick: tuple[Any, ...], event_s: float) -> tuple[Any, ...]:
    """A tick with a time of its venue's."""
    return (tick[0], T0 + round(event_s * 1e9), *tick[2:])


def test_a_quote_older_than_the_last_one_is_out_of_order_and_one_as_old_is_not() -> None:
    screen = one_symbol()
    ticks = [timed(quote(n, 10, 11), event_s) for n, event_s in enumerate((5, 5, 4.9, 6))]
    assert codes(screen, *ticks) == ["", "", "OUT_OF_ORDER", ""]


@pytest.mark.parametrize(("ids", "ids_rise"), [((-1, -1, -1, -1), True), ((9, 4, 7, 2), False)])
def test_trades_whose_ids_are_no_order_are_ordered_by_their_time_within_a_second(
    ids: tuple[int, ...], ids_rise: bool
) -> None:
    screen = one_symbol(ids_rise=ids_rise)
    times = (5.0, 4.0, 3.99, 5.0)
    ticks = [timed(trade(n, 10, trade_id=ids[n]), event_s) for n, event_s in enumerate(times)]
    assert codes(screen, *ticks) == ["", "", "OUT_OF_ORDER", ""]


def test_trades_whose_ids_rise_are_ordered_by_them() -> None:
    ticks = (timed(trade(0, 10, trade_id=1), 5), timed(trade(1, 10, trade_id=2), 2))
    assert codes(one_symbol(), *ticks) == ["", ""]


def test_trades_that_are_late_by_less_each_time_do_not_set_their_time_back() -> None:
    screen = one_symbol()
    ticks = [timed(trade(n, 10), event_s) for n, event_s in enumerate((5, 4.5, 4.1, 3.7))]
    assert codes(screen, *ticks) == ["", "", "", "OUT_OF_ORDER"]


def test_ids_that_only_tell_trades_apart_need_not_rise() -> None:
    """As the hashes and UUIDs of some venues: each is told once, in whatever order, by whatever way."""
    screen = one_symbol(ids_rise=False)
    ids = np.random.default_rng(3).permutation(1_000).tolist()
    assert codes(screen, *[trade(0, 10, trade_id=one) for one in ids]) == [""] * 1_000
    again = [trade(1, 10, trade_id=one) for one in ids[-REMEMBERED:]]
    assert codes(screen, *again) == ["DUPLICATE"] * REMEMBERED
    fetched = [trade(2, 10, trade_id=one, backfilled=True) for one in (5_000, 1_001, 1_001, ids[-1])]
    assert codes(screen, *fetched) == ["", "", "DUPLICATE", "DUPLICATE"]


def test_a_venue_may_count_its_trades_anew_when_they_are_a_minute_younger() -> None:
    screen = one_symbol()
    before = [timed(trade(0, 10, trade_id=one), 0) for one in (900, 905)]
    assert codes(screen, *before, timed(trade(60, 10, trade_id=1), 60)) == ["", "", "DUPLICATE"]
    anew = [timed(trade(61, 10, trade_id=one), 60.1) for one in (1, 2, 2)]
    assert codes(screen, *anew) == ["", "", "DUPLICATE"]
    assert codes(screen, timed(trade(62, 10, trade_id=903, backfilled=True), 0)) == [""]


def test_a_trade_that_is_dated_wrong_does_not_end_all_that_come_after_it() -> None:
    screen = one_symbol()
    assert codes(screen, trade(0, 10, trade_id=1), timed(trade(1, 10, trade_id=10**15), 10**6)) == ["", ""]
    later = [timed(trade(second, 10, trade_id=second), second) for second in (2, 120, 122, 123)]
    assert codes(screen, *later) == ["DUPLICATE", "DUPLICATE", "", ""]


def test_a_trade_that_is_dated_wrong_is_known_again() -> None:
    screen = one_symbol()
    ticks = [timed(trade(0, 10, trade_id=one), when) for one, when in ((1, 0), (2, 10**6), (3, 0))]
    assert codes(screen, *ticks) == [""] * 3
    again = [timed(trade(9, 10, trade_id=one), when) for one, when in ((1, 0), (2, 10**6), (3, 0))]
    assert codes(screen, *again) == ["DUPLICATE"] * 3


def test_an_id_far_too_high_does_not_end_all_that_come_after_it() -> None:
    """What goes on from before it is believed, as a feed passes it on; a few that come late are not."""
    screen = one_symbol()
    assert codes(screen, *[trade(0, 10, trade_id=one) for one in (4, 10**6, 5, 5, 6)]) == [
        *["", ""],
        *["DUPLICATE"] * 3,
    ]
    assert codes(screen, *[trade(1, 10, trade_id=one) for one in (7, 8, 8, 10**6 + 1, 10**6)]) == [
        *["", "", "DUPLICATE"],
        *["", "DUPLICATE"],
    ]


def test_a_hole_is_no_id_far_too_high() -> None:
    screen = one_symbol()
    late = [trade(1, 10, trade_id=one) for one in range(5, 15)]
    assert codes(screen, *[trade(0, 10, trade_id=one) for one in (4, 20_000)], *late) == [
        *["", ""],
        *["DUPLICATE"] * 10,
    ]


def test_quotes_and_trades_have_clocks_of_their_own() -> None:
    screen = one_symbol()
    assert codes(screen, timed(quote(0, 10, 11), 9), timed(trade(1, 10), 4)) == ["", ""]


def test_a_venues_clock_that_was_set_back_is_believed_after_five() -> None:
    screen = one_symbol()
    ticks = [timed(quote(n, 10, 11), event_s) for n, event_s in enumerate((100, 5, 6, 7, 8, 9, 10, 11))]
    assert codes(screen, *ticks) == ["", *["OUT_OF_ORDER"] * 5, "", ""]


def test_quotes_that_are_late_again_and_again_do_not_agree() -> None:
    screen = one_symbol()
    late = [timed(quote(1 + n, 10, 11), 50 - n) for n in range(20)]
    assert codes(screen, timed(quote(0, 10, 11), 100), *late) == ["", *["OUT_OF_ORDER"] * 20]


def test_what_is_late_leaves_price_and_age_as_they_were() -> None:
    screen = one_symbol()
    codes(screen, timed(quote(0, 10, 11), 5), timed(quote(1, 9, 10), 4))
    assert screen.last_recv_ns(0) == T0


def test_a_backfilled_trade_is_late_by_nature() -> None:
    screen = one_symbol()
    assert codes(screen, timed(trade(0, 10), 5), timed(trade(1, 10, backfilled=True), 1)) == ["", ""]


def test_the_limit_of_outliers_is_configurable() -> None:
    assert codes(one_symbol(outlier_pct=5), trade(0, 100), trade(1, 106)) == ["", "OUTLIER"]
    assert codes(one_symbol(outlier_pct=7), trade(0, 100), trade(1, 106)) == ["", ""]


def test_what_is_dated_by_its_receipt_is_neither_late_nor_makes_others_so() -> None:
    """A snapshot without a time of its own, before updates by a venue's clock that is behind ours."""
    screen = one_symbol()
    ticks = [quote(5, 10, 11), timed(quote(6, 10, 11), 3), timed(quote(7, 10, 11), 4), quote(8, 10, 11)]
    assert codes(screen, *ticks, timed(quote(9, 10, 11), 3.5)) == ["", "", "", "", "OUT_OF_ORDER"]
