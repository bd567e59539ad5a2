"""Latencies: what was counted is never drawn as nothing, and every line fits."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.api.market_protocol import LatencyDetail, LatencyRow
from tests.console.sample_account import latency
from widgets.cells import width_of
from widgets.latency import chart_lines, histogram, latency_lines
from widgets.lines import Line


def text(lines: list[Line]) -> str:
    return "\n".join("".join(cell for cell, _ in line) for line in lines)


@given(
    st.lists(st.integers(0, 10**9), max_size=40),
    st.integers(-1, 60),
    st.integers(-1, 8),
)
def test_a_histogram_has_its_size_and_shows_the_tail(counts: list[int], width: int, height: int) -> None:
    lines = histogram(counts, width, height)
    assert len(lines) == max(height, 0) and all(len(line) == max(width, 0) for line in lines)
    if width > 0 and height > 0:
        assert bool(lines[-1].strip()) == any(counts)


def test_a_bar_per_bucket_and_the_slow_ones_in_sight() -> None:
    assert histogram((1_000_000, 0, 1), 3, 1) == ["█ ▁"]
    assert histogram((4, 1), 4, 2) == ["██  ", "████"]
    assert histogram((1, 1, 1, 1), 2, 1) == ["██"], "neighbours are added up"


def test_one_line_per_stage_where_it_is_low() -> None:
    lines = latency_lines(latency(), 75, 12)
    shown = text(lines)
    assert all(width_of(line) <= 75 for line in lines)
    assert "p50" in shown and "p99" in shown and "310µs" in shown and "12.4ms" in shown
    assert "from the frame to the order" in shown, "there is room for it"
    assert "from the frame to the order" not in text(latency_lines(latency(), 75, 4))


def test_a_chart_per_stage_where_it_is_high() -> None:
    lines = latency_lines(latency(), 120, 40)
    assert "≤250µs" in text(lines) and len(lines) == 2 * (10 + 4)
    assert all(width_of(line) <= 120 for line in lines)


def test_charts_beside_each_other_where_the_stages_are_many() -> None:
    """As many as a desk at work has, on a zoomed pane of 200x50."""
    two = latency().stages
    twelve = [msgspec.structs.replace(two[number % 2], stage=f"stage {number}") for number in range(12)]
    lines = latency_lines(LatencyDetail(0, tuple(twelve)), 196, 47)
    shown = text(lines)
    assert len(lines) <= 47 and all(width_of(line) <= 196 for line in lines)
    assert shown.count("≤50µs") == 12, "each has its axis"
    (head,) = [line for line in shown.split("\n") if "stage 3 " in line]
    assert head.index("stage 4 ") == 65 and head.index("stage 5 ") == 130 and "p99 1.2ms" in head


def test_what_is_not_known_is_said() -> None:
    assert "not known yet" in text(latency_lines(None, 80, 10))
    assert "nothing has been measured" in text(latency_lines(LatencyDetail(0, ()), 80, 10))
    none = LatencyRow("order", "about", 0, None, None, None, None, (), ())
    assert "–" in text(latency_lines(LatencyDetail(0, (none,)), 80, 3))
    assert chart_lines(none, 80, 5)
