"""What is of another day has its date: a fill of last night is none of this morning."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.protocol import LogRow
from engine.api.trading_protocol import EquityCurve
from engine.events import NS
from tests.console import sample_desk as sample
from widgets import figures
from widgets.columns import Widths
from widgets.equity import since
from widgets.logs import LogsPane, log_cells
from widgets.orders import WorkingOrders

NOON = 1_767_268_800 * NS
"""2026-01-01 12:00 UTC."""
HOUR = 3_600 * NS


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (NOON, "12:00:00"),
        (NOON - 12 * HOUR, "00:00:00"),
        (NOON - 12 * HOUR - 1, "2025-12-31 23:59"),
        (NOON + 12 * HOUR, "01-02 00:00:00"),
        (NOON + 400 * 24 * HOUR, "2027-02-05 12:00"),
        (0, "–"),
    ],
)
def test_a_time_of_another_day_has_its_date(ns: int, text: str) -> None:
    assert figures.on_day(ns, figures.day_of(NOON)) == text
    assert figures.on_day(ns, 0) == figures.clock(ns), "what day it is is not known"


def test_orders_and_lines_of_the_log_get_their_date_at_midnight() -> None:
    orders = WorkingOrders()
    placed = [msgspec.structs.replace(sample.orders()[0], created_ns=NOON)]
    column = [one.key for one in orders.COLUMNS].index("time")
    for after, date in ((11 * HOUR, ""), (12 * HOUR, "01-01 "), (36 * HOUR, "01-01 ")):
        orders.show(placed, NOON + after)
        assert orders.rows[0].cells[column][0] == f"{date}12:00:00"
    line = log_cells(LogRow(1, NOON, "info", "risk", "halted"), figures.day_of(NOON + 12 * HOUR))
    assert line.cells[0][0] == "01-01 12:00:00"
    widths = Widths(LogsPane.COLUMNS)
    widths.take_in([line])
    assert dict(widths.plan(80))[0] == len("01-01 12:00:00"), "it is not cut"


def test_a_curve_of_days_says_from_which() -> None:
    curve = EquityCurve((NOON, NOON + 48 * HOUR), (1.0, 2.0), (0.0, 0.0))
    assert since(curve) == "01-01 12:00:00Z, 2d"
