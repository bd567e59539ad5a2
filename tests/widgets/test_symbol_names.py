"""Two venues bring a symbol of the same name: every place tells which is meant."""

from __future__ import annotations

import msgspec
import pytest

from tests.console import sample_desk as sample
from tests.console import sample_feeds
from widgets.alerts import alert_fields
from widgets.columns import Column, Widths
from widgets.data_health import symbol_data_lines
from widgets.opportunities import opportunity_cells
from widgets.orders import order_cells
from widgets.positions import PositionsGrid, position_cells
from widgets.rows import GridRow
from widgets.symbol_names import learn, short_name
from widgets.ticket import BEGIN, ticket_fields
from widgets.ticks import TicksPane, tick_cells

HERE, THERE = "binance:BTCUSDT", "bybit:BTCUSDT"


def test_the_venue_is_named_where_the_name_alone_says_too_little() -> None:
    learn([HERE, "bybit:ETHUSDT"])
    assert short_name(HERE) == "BTCUSDT"
    learn([THERE])
    assert (short_name(HERE), short_name(THERE)) == (HERE, THERE)
    assert short_name("bybit:ETHUSDT") == "ETHUSDT"
    learn(["bybit:ETHUSDT"])
    assert short_name("bybit:ETHUSDT") == "ETHUSDT", "the same one again is no other"


def test_every_table_and_the_ticket_tell_them_apart() -> None:
    learn([HERE, THERE])
    tick, position, order, opportunity = (
        msgspec.structs.replace(rows()[0], symbol=THERE)
        for rows in (sample.ticks, sample.positions, sample.orders, sample.opportunities)
    )
    for cells in (
        tick_cells(tick, "").cells,
        position_cells(position, "", "", False).cells,
        order_cells(order, False).cells,
        opportunity_cells(opportunity, "").cells,
    ):
        assert any(text == THERE for text, _ in cells), cells
    offered = dict(ticket_fields({**BEGIN, "symbol": HERE}, [HERE, THERE])[0].choices)
    assert offered == {HERE: HERE, THERE: THERE}
    assert any(dict(field.choices) == offered for field in alert_fields({"what": "last"}, [HERE, THERE]))


def test_a_row_that_was_made_before_the_second_venue_came_is_made_anew() -> None:
    learn([HERE])
    pane, held = PositionsGrid(), [msgspec.structs.replace(sample.positions()[0], symbol=HERE)]
    pane.show(held, 0)
    assert pane.rows[0].cells[0][0] == "BTCUSDT"
    learn([THERE])
    pane.show(held, 0)
    assert pane.rows[0].cells[0][0] == HERE


@pytest.mark.parametrize("width", [20, 40, 60, 78, 120])
def test_a_name_gets_room_where_what_stays_longest_leaves_it(width: int) -> None:
    columns = (
        Column("symbol", "symbol", 9, 0, grow=5, whole=24),
        Column("quantity", "qty", 10, 0, right=True),
        Column("age", "age", 12, 3),
        Column("trend", "trend", 12, 4),
    )
    widths = Widths(columns)
    before = widths.plan(width)
    assert not widths.take_in([GridRow("1", (("BTC-USD", ""), ("1", ""), ("", ""), ("", "")))])
    assert widths.plan(width) is before, "nothing has changed"
    longer = [GridRow("1", (("binance-futures:BTCUSDT_261225", ""), ("1", ""), ("", ""), ("", "")))]
    assert widths.take_in(longer) and not widths.take_in(longer)
    shown = dict(widths.plan(width))
    assert shown[0] == min(24, max(9, width - 11)) or shown[0] > 24, "the symbol is whole where it can be"
    assert 1 in shown and sum(shown.values()) + len(shown) - 1 <= width, "what is held never gives way"


def test_the_ticks_of_two_venues_on_the_smallest_screen() -> None:
    learn([HERE, THERE])
    pane = TicksPane(flash=False)
    pane.show((msgspec.structs.replace(sample.ticks()[0], symbol=symbol), None) for symbol in (HERE, THERE))
    plan = dict(pane._widths.plan(80))
    assert plan[0] >= len(HERE), plan


def test_a_name_that_was_filtered_out_when_it_came_gets_its_room_when_it_is_shown() -> None:
    learn([HERE, THERE])
    pane = TicksPane(flash=False)
    pane.look_for("nothing")
    rows = [(msgspec.structs.replace(sample.ticks()[0], symbol=one), None) for one in (HERE, THERE)]
    pane.show(rows)
    narrow = dict(pane._widths.plan(80))[0]
    assert not pane.rows and narrow < len(HERE)
    pane.look_for("")
    assert len(pane.rows) == 2 and dict(pane._widths.plan(80))[0] >= len(HERE)


def test_symbols_are_told_apart_in_the_tables_that_are_read_too() -> None:
    symbols = ("binance-futures:BTCUSDT", "binance-futures:ETHUSDT")
    row = sample_feeds.symbol_data()[0]
    data = [msgspec.structs.replace(row, symbol=symbol) for symbol in symbols]
    text = "\n".join("".join(part for part, _ in line) for line in symbol_data_lines(data, 72))
    assert all(symbol in text for symbol in symbols), text
    assert all(title in text for title in ("trade", "quote", "book", "bar", "imbal.", "gaps"))
