"""The chart: what stands where, and that it draws whatever the figures are."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.api.market_protocol import CandleRow, FillRow
from engine.events import NS
from tests.console import sample_market as sample
from tests.widgets.market import odd_markets as odd
from widgets.market.chart import Chart, chart_lines, room_for
from widgets.market.scale import scale_of
from widgets.market.studies import STUDIES, curves_of, next_study
from widgets.market.surroundings import Mark

START_NS = 1_767_268_800 * NS
"""2026-01-01 12:00 UTC."""


def bar(
    index: int, open_: float, close: float, high: float | None = None, low: float | None = None
) -> CandleRow:
    top, bottom = max(open_, close), min(open_, close)
    return CandleRow(
        START_NS + index * 60 * NS,
        open_,
        top if high is None else high,
        bottom if low is None else low,
        close,
        1.0 + index,
        True,
        (close - 1, close, 70.0),
    )


def chart(*bars: CandleRow, **more: object) -> Chart:
    return Chart(tuple(bars), ("EMA 12", "VWAP", "RSI 14"))._replace(**more)  # type: ignore[arg-type]


def test_what_rose_is_slim_and_what_fell_is_full() -> None:
    shown = odd.words(chart_lines(chart(bar(0, 10, 20), bar(1, 20, 10), bar(2, 15, 15, 20, 10)), 40, 10))
    assert "┃" in shown
    assert "█" in shown
    assert "┼" in shown


def test_a_wick_ends_where_the_body_begins() -> None:
    lines = chart_lines(chart(bar(0, 10, 12, high=20, low=10)), 20, 12)
    column = [odd.words([line]) for line in lines]
    drawn = "".join(text[-10 - len("9999999") :][:17] for text in column)
    assert "│" in drawn
    assert "┃" in drawn or "╽" in drawn


def test_our_fill_stands_at_its_bar_and_price() -> None:
    fills = (
        FillRow(START_NS + 30 * NS, "buy", "1", "10", "a"),
        FillRow(START_NS + 61 * NS, "sell", "1", "20", "b"),
        FillRow(START_NS - NS, "buy", "1", "15", "before the first bar"),
    )
    lines = chart_lines(chart(bar(0, 10, 20), bar(1, 20, 10), fills=fills), 30, 12)[1:]
    shown = odd.words(lines)
    assert (shown.count("▲"), shown.count("▼")) == (1, 1)
    rows = [odd.words([line]) for line in lines]
    bought = next(y for y, row in enumerate(rows) if "▲" in row)
    sold = next(y for y, row in enumerate(rows) if "▼" in row)
    assert sold < bought
    assert rows[sold].index("▼") == rows[bought].index("▲") + 1


def test_both_sides_in_one_cell_are_told() -> None:
    fills = tuple(FillRow(START_NS, side, "1", "15", side) for side in ("buy", "sell"))
    assert "◆" in odd.words(chart_lines(chart(bar(0, 10, 20), fills=fills), 30, 12))


def test_our_prices_are_lines_with_letter_and_words_and_the_far_ones_are_told() -> None:
    marks = (Mark(14.0, "E", "entry"), Mark(90.0, "T", "target"), Mark(16.0, "b", "buy 3"))
    shown = odd.words(chart_lines(chart(bar(0, 10, 20), marks=marks, last=20.0), 100, 16))
    assert "entry ┄" in shown
    assert "E " in shown
    assert "buy 3 ┄" in shown
    assert "target 90.00↑" in shown
    assert "◂" in shown


def test_a_band_far_away_does_not_flatten_the_candles() -> None:
    near = bar(0, 10, 20)
    far = msgspec.structs.replace(near, indicators=(900.0, -900.0, 70.0))
    lines = [chart_lines(chart(each, study="averages"), 40, 12) for each in (near, far)]
    bodies = [odd.words(each).count("┃") for each in lines]
    assert bodies[0] == bodies[1] > 5


def test_a_stale_price_is_marked_as_such() -> None:
    fresh, stale = (
        odd.words(chart_lines(chart(bar(0, 10, 20), last=15.0, stale=stale), 40, 10))
        for stale in (False, True)
    )
    assert "◂ " in fresh and "~ " not in fresh
    assert "~ " in stale and "◂ " not in stale


def test_a_near_price_of_ours_stretches_the_scale() -> None:
    near, far = scale_of([10, 20], [22.0], 10), scale_of([10, 20], [30.0], 10)
    assert near.holds(22.0)
    assert not far.holds(30.0)


def test_times_are_round_and_below_their_bars() -> None:
    bars = [bar(n, 10 + n % 3, 11 + n % 4) for n in range(30)]
    last = odd.words(chart_lines(chart(*bars), 70, 12)[-1:])
    assert "01-01" in last
    assert "12:15" in last
    assert "12:07" not in last


@dataclass
class Shown:
    study: str
    expected: tuple[str, ...]


@pytest.mark.parametrize(
    "shown",
    [Shown("averages", ("EMA 12", "VWAP")), Shown("RSI", ("RSI 14", "70", "30")), Shown("none", ())],
    ids=lambda shown: shown.study,
)
def test_studies(shown: Shown) -> None:
    bars = [bar(n, 10 + n % 3, 11 + n % 4) for n in range(30)]
    text = odd.words(chart_lines(chart(*bars, study=shown.study), 90, 24))
    for words in shown.expected:
        assert words in text
    assert ("EMA" in text) == ("EMA 12" in shown.expected)
    braille = any(0x2800 < ord(char) < 0x2900 for char in text)
    assert braille == bool(shown.expected)


def test_the_key_walks_through_what_there_is() -> None:
    assert [next_study(study, sample.INDICATORS) for study in STUDIES] == [*STUDIES[1:], STUDIES[0]]
    assert next_study("averages", ("EMA 12", "RSI 14")) == "RSI"
    assert next_study("none", ()) == "none"
    assert [curve.name for curve in curves_of("Bollinger", sample.INDICATORS)] == list(sample.INDICATORS[3:6])


def test_the_newest_bars_are_drawn() -> None:
    bars = [bar(n, 10 + n, 11 + n) for n in range(200)]
    wide = chart(*bars)
    assert 40 <= room_for(wide, 100) < 60
    assert "C 210.00" in odd.words(chart_lines(wide, 100, 12))


def test_so_many_bars_back_is_told() -> None:
    assert "◂ 7 bars back" in odd.words(chart_lines(chart(bar(0, 10, 20), back=7), 60, 12))


def test_no_bar_yet() -> None:
    lines = chart_lines(chart(), 40, 6)
    odd.fits(lines, 40, 6)
    assert "no bar yet" in odd.words(lines)


charts = st.builds(
    Chart,
    st.lists(odd.candles, max_size=40).map(tuple),
    st.sampled_from(((), odd.NAMES)),
    st.sampled_from(STUDIES),
    st.lists(odd.marks, max_size=4).map(tuple),
    st.lists(odd.fills, max_size=4).map(tuple),
    st.none() | odd.numbers,
    st.integers(0, 10),
    st.integers(-5, 10**9),
    st.integers(0, 500),
)


@settings(max_examples=150, deadline=None)
@given(charts, odd.widths, odd.heights)
def test_it_draws_whatever_the_figures_are(odd_chart: Chart, width: int, height: int) -> None:
    odd.fits(chart_lines(odd_chart, width, height), width, height)


@settings(max_examples=100, deadline=None)
@example([0.0, 1.3316245443424562e308], [float("inf")], 1)
@given(st.lists(odd.numbers, max_size=8), st.lists(odd.numbers, max_size=3), st.integers(1, 40))
def test_every_price_of_a_scale_has_its_row(prices: list[float], ours: list[float], rows: int) -> None:
    known = [price for price in prices if abs(price) < 1e308]
    scale = scale_of(prices, ours, rows)
    for price in (*known, *scale.round_prices(3)):
        assert 0 <= scale.row(price) < rows
    assert [scale.row(price) for price in sorted(known)] == sorted(map(scale.row, known), reverse=True)
