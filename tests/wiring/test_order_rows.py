"""Rows of orders that are over are made once."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from engine.events import OrderState, OrderType
from engine.execution.blotter import Blotter
from engine.instruments import Instruments
from engine.slices import at_once
from engine.wiring.order_rows import OrderRows, order_row
from tests.store.samples import fill, request, transition


def test_only_what_may_still_change_is_made_again() -> None:
    blotter, instruments = Blotter(), Instruments()
    rows = OrderRows(instruments)
    for number in (1, 2):
        blotter.apply(transition(number, OrderState.INITIALIZED, request(number)))
        blotter.apply(transition(number, OrderState.SUBMITTED))
    blotter.apply(transition(1, OrderState.CANCELED, reason="asked"))
    orders = blotter.recent(10)
    first, second = (at_once(rows.making(orders, waits, {})) for waits in ({}, {"o2": "queued"}))
    assert first[1] is second[1] and second[1].state == "canceled"
    assert (first[0].reason, second[0].reason) == ("", "queued")
    for part in (0, 1):
        blotter.apply(fill(2, part))
    third = at_once(rows.making(orders, {}, {}))
    assert third[1] is first[1] and third[0].state == "filled"
    assert list(third) == [order_row(order, {}, {}, instruments) for order in orders]
    assert [rows.row(order, {}, {}) for order in orders] == list(third)
    assert rows.row(orders[1], {}, {}) is third[1]
    assert at_once(rows.making(orders[1:], {}, {}))
    assert list(rows._over) == ["o1"], "nothing is kept of others"


def test_an_order_that_ends_while_rows_are_made_is_not_kept_as_it_was() -> None:
    blotter, instruments = Blotter(), Instruments()
    rows = OrderRows(instruments)
    blotter.apply(transition(1, OrderState.INITIALIZED, request(1)))
    blotter.apply(transition(1, OrderState.SUBMITTED))
    (order,) = blotter.recent(1)
    work = rows.making([order], {}, {})
    next(work)  # its row is made, and others go first
    blotter.apply(transition(1, OrderState.CANCELED, reason="asked"))
    at_once(work)
    assert rows.row(order, {}, {}).state == "canceled"
    assert [row.state for row in at_once(rows.making([order], {}, {}))] == ["canceled"]


def test_a_trailing_stop_is_shown_where_it_has_moved_to_while_it_works() -> None:
    blotter, instruments = Blotter(), Instruments()
    rows, moved = OrderRows(instruments), {"o1": Decimal("98.5")}
    trailing = replace(request(1), type=OrderType.TRAILING_STOP, trail=Decimal(2))
    blotter.apply(transition(1, OrderState.INITIALIZED, trailing))
    blotter.apply(transition(1, OrderState.SUBMITTED))
    (order,) = blotter.recent(1)
    (row,) = at_once(rows.making([order], {}, moved))
    assert (row.stop_price, row.trail) == ("98.5", "2") and rows.row(order, {}, {}).stop_price == ""
