"""Where the panes stand: whole, without gaps or overlaps, at every size, whichever of them are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.screens.desk_layout import (
    COMPACT,
    DESK,
    FUNNEL,
    LOG,
    MARKET,
    MEDIUM,
    OPPORTUNITIES,
    POSITIONS,
    TICKS,
    WIDE,
    Scene,
    layout_for,
    regions,
    shares,
)

EVERYTHING = frozenset(range(TICKS, DESK + 1)) | {FUNNEL}


@pytest.mark.parametrize(
    ("size", "layout"),
    [
        ((79, 24), "-tiny"),
        ((80, 23), "-tiny"),
        (COMPACT, "-compact"),
        ((109, 60), "-compact"),
        ((250, 35), "-compact"),
        (MEDIUM, "-medium"),
        ((159, 60), "-medium"),
        (WIDE, "-wide"),
        ((400, 120), "-wide"),
    ],
)
def test_the_layout_of_a_size(size: tuple[int, int], layout: str) -> None:
    assert layout_for(*size) == layout


@given(
    st.integers(60, 400),
    st.integers(16, 140),
    st.integers(TICKS, DESK),
    st.booleans(),
    st.frozensets(st.integers(TICKS, DESK), max_size=7),
    st.sampled_from([MARKET, DESK]),
)
def test_what_is_shown_fills_the_screen_once(
    width: int, rows: int, active: int, zoomed: bool, hidden: frozenset[int], beside: int
) -> None:
    layout = layout_for(width, rows)
    active = POSITIONS if layout == "-tiny" else active
    scene = Scene(layout, rows, active, zoomed, hidden - {active}, active if active >= MARKET else beside)
    height = rows - 3
    shown = scene.shown()
    assert active in shown
    placed = regions(scene.rows_of_panes(), shown, width, height)
    assert placed.keys() == shown
    taken = {
        (x, y)
        for where in placed.values()
        for x in range(where.x, where.right)
        for y in range(where.y, where.bottom)
    }
    assert sum(where.area for where in placed.values()) == len(taken) == width * height


@given(st.integers(0, 500), st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_shares_add_up(total: int, parts: list[int]) -> None:
    assert sum(shares(total, parts)) == (total if sum(parts) else 0)


def test_everything_at_a_glance_at_200_by_50() -> None:
    scene = Scene("-wide", 50, TICKS)
    assert scene.shown() == EVERYTHING
    placed = regions(scene.rows_of_panes(), scene.shown(), 200, 48)
    assert placed[TICKS].height >= 8 + 1 + 2, "eight symbols, their heading, a border"
    assert placed[MARKET].width >= 110 and placed[MARKET].height >= 14, "chart, book and prints side by side"
    assert placed[POSITIONS].height >= 4 + 2 + 1 + 1 and placed[LOG].height >= 3 + 2
    assert placed[FUNNEL].height == 2


@pytest.mark.parametrize("beside", [MARKET, DESK])
def test_market_and_desk_share_a_place_where_rows_are_few(beside: int) -> None:
    scene = Scene("-medium", 36, TICKS, beside=beside)
    assert scene.shared and scene.shown() == EVERYTHING - {DESK if beside == MARKET else MARKET}
    assert Scene("-medium", 36, TICKS, hidden=frozenset({MARKET}), beside=MARKET).shown() == EVERYTHING - {
        MARKET
    }
    tall = Scene("-medium", 50, TICKS, beside=beside)
    assert not tall.shared and tall.shown() == EVERYTHING


def test_one_pane_where_no_more_fits() -> None:
    assert Scene("-compact", 24, TICKS).shown() == {TICKS, LOG}
    assert Scene("-compact", 24, OPPORTUNITIES).shown() == {OPPORTUNITIES, FUNNEL, LOG}
    assert Scene("-compact", 24, TICKS, hidden=frozenset({LOG})).shown() == {TICKS}
    assert Scene("-compact", 24, TICKS, zoomed=True).shown() == {TICKS}
    assert Scene("-tiny", 20, POSITIONS, zoomed=True).shown() == {POSITIONS}
