"""Prices as the tables show them: a tick is seen, and nothing is too wide for its column."""

from __future__ import annotations

import math

import msgspec
import pytest

from tests.console import sample_desk as sample
from widgets import figures
from widgets.market.prices import decimals_needed
from widgets.positions import PositionsGrid, level, position_cells
from widgets.row_line import row_cells
from widgets.ticks import TicksPane, tick_cells


@pytest.mark.parametrize(
    ("prices", "decimals"),
    [
        ((157.121, 157.124), 3),  # a yen's tick is a thousandth
        ((157.12, 157.13), 2),
        ((1.08764, 1.0877), 5),
        ((6.8784, None), 4),
        ((61_920.5, 61_921.0), 2),
        ((9_500_000.25,), 2),
        ((0.60138,), 6),
        ((0.000012345, 0.000012346), 9),
        ((0.00001, 0.00002), 8),
        ((147.57331245,), 3),  # no more than six digits, whatever an average has
        ((), 6),
        ((0.0,), 6),
        ((math.nan, None), 6),
    ],
)
def test_decimals_where_no_tick_is_told(prices: tuple[float | None, ...], decimals: int) -> None:
    assert decimals_needed(*prices) == decimals


def test_a_spread_of_one_tick_is_seen_and_no_price_is_too_wide() -> None:
    row = sample.ticks()[0]
    for bid, ask in ((157.121, 157.122), (1.08764, 1.08765), (0.000012345, 0.000012346), (9.5e6, 9.5e6 + 1)):
        shown = tick_cells(msgspec.structs.replace(row, bid=bid, ask=ask, last=bid, stale=True), "")
        last, seen_bid, seen_ask = (shown.cells[n][0] for n in (1, 3, 4))
        assert seen_bid != seen_ask, (seen_bid, seen_ask)
        assert max(len(last), len(seen_bid), len(seen_ask)) <= 10, "else it is ########## on a narrow screen"


def test_the_decimals_of_a_symbol_stay() -> None:
    pane = TicksPane(flash=False)
    row = sample.ticks()[0]
    for last in (157.121, 157.12):
        pane.show([(msgspec.structs.replace(row, bid=157.12, ask=157.13, last=last), None)])
    assert pane.rows[0].cells[1][0] == "157.120"


def test_a_level_is_as_it_was_given() -> None:
    assert [level(text) for text in ("157.125", "1.08745", "61606", "147.573312451", "", "0.000012345")] == [
        "157.125",
        "1.08745",
        "61,606.00",
        "147.573",
        figures.UNKNOWN,
        "1.234e-05",
    ]
    assert len(level("104123.45")) <= 9, "the narrowest column of a level"


def test_no_profit_is_too_large_to_be_shown() -> None:
    grid = PositionsGrid()
    for worth in ("123456.78", "-98765432.10", "999999999999.99"):
        row = msgspec.structs.replace(sample.positions()[0], unrealized=worth, realized=worth, stale=True)
        cells = position_cells(row, "1h", "", False)
        for width in (78, 95, 200):
            drawn = "".join(
                text for text, _ in row_cells(cells, grid.COLUMNS, grid._widths.plan(width), width)
            )
            assert "##" not in drawn, (width, drawn)
