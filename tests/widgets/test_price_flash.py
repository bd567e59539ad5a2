"""Flashes: a price that moved is marked for two frames, unless nearly all move."""

from __future__ import annotations

import msgspec

from engine.api.protocol import TickRow
from tests.console import sample_desk as sample
from widgets.price_flash import PriceFlashes
from widgets.ticks import TicksPane, tick_cells

BTC, ETH = "simulated:BTC-USD", "simulated:ETH-USD"


def rows(**prices: float | None) -> list[TickRow]:
    """The made-up desk's rows, with other last prices for some."""
    return [
        msgspec.structs.replace(row, last=prices.get(row.symbol.partition(":")[2][:3], row.last))
        for row in sample.ticks()
    ]


def test_a_move_is_marked_for_two_frames() -> None:
    flashes = PriceFlashes()
    assert flashes.moved(rows()) == {}, "the first frame moves nothing"
    assert flashes.moved(rows(BTC=70_000.0, ETH=1.0)) == {BTC: 1, ETH: -1}
    assert flashes.moved(rows(BTC=70_000.0, ETH=1.0)) == {BTC: 1, ETH: -1}
    assert flashes.moved(rows(BTC=70_000.0, ETH=1.0)) == {}


def test_what_is_stale_or_unknown_does_not_flash() -> None:
    flashes = PriceFlashes()
    flashes.moved(rows())
    assert flashes.moved(rows(DOT=9.0, BTC=None)) == {}
    assert flashes.moved(rows(DOT=9.0, BTC=70_000.0)) == {}, "from nothing, it did not go up"


def test_where_nearly_all_move_none_is_marked() -> None:
    flashes = PriceFlashes()
    flashes.moved(sample.ticks(step=1))
    assert flashes.moved(sample.ticks(step=2)) == {}


def test_the_mark_is_an_arrow_too_and_never_breaks_a_price() -> None:
    row = sample.ticks()[0]
    assert (
        tick_cells(row, "", 1).cells[1][0].startswith("▲")
        and tick_cells(row, "", 1).cells[1][1] == "flash-up"
    )
    assert tick_cells(row, "", -1).cells[1][0].startswith("▼")
    wide = msgspec.structs.replace(row, last=1_234_567.891)
    assert tick_cells(wide, "", 1).cells[1] == ("1234567.89", "flash-up"), "no room for it"
    assert tick_cells(row, "").cells[1][1] == "text"
    assert tick_cells(row, "", 1, past=True).cells[1] == (f"~{tick_cells(row, '').cells[1][0]}", "stale")


def test_off_nothing_is_marked() -> None:
    pane = TicksPane(flash=False)
    for price in (64_000.0, 65_000.0):
        pane.show((row, None) for row in rows(BTC=price))
    assert {row.cells[1][1] for row in pane.rows} == {"text", "stale"}
