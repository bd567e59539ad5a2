"""What the trader reads: orders nested below their parents, distances, totals, curves, drift, amendments."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.protocol import OrderRow
from engine.events import Amendment, ChangeKind, OrderChange
from tests.console import sample_account, sample_desk, sample_explanation
from widgets.account import account_lines, drift_lines, performance_lines
from widgets.braille import curve
from widgets.columns import Column, choose_columns
from widgets.equity import curve_lines
from widgets.explanation import explanation_lines
from widgets.lines import Line
from widgets.orders import nested, order_cells, order_state, tab_of
from widgets.positions import TRAILS, PositionsGrid, position_cells, stop_gap_pct, total_items
from widgets.status import StatusView, status_items
from widgets.strategies import gain_cell, net_of
from widgets.text_table import table_lines
from widgets.ticket import preview_lines

ORDERS = {row.id: row for row in sample_desk.orders()}


def text(lines: list[Line]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


# --- orders


def test_children_stand_indented_below_their_parent() -> None:
    rows = nested([*ORDERS.values()])
    at = [row.id for row, _ in rows].index("ord-0001")
    assert [(row.id, child) for row, child in rows[at : at + 3]] == [
        ("ord-0001", False),
        ("ord-0000", True),
        ("ord--002", True),
    ]
    assert order_cells(ORDERS["ord-0000"], True).cells[2][0] == "└ ETH-USD"
    assert order_cells(ORDERS["ord-0000"], False).cells[2][0] == "ETH-USD"


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=7, unique_by=lambda pair: pair[0]))
def test_no_order_is_lost_whatever_its_parent_is(pairs: list[tuple[int, int]]) -> None:
    base = ORDERS["ord-0001"]
    rows = [msgspec.structs.replace(base, id=str(own), parent_id=str(parent)) for own, parent in pairs]
    assert sorted(row.id for row, _ in nested(rows)) == sorted(row.id for row in rows)


def test_each_order_is_on_one_tab() -> None:
    tabs = {row.state: tab_of(row) for row in ORDERS.values()}
    assert tabs == {
        "submitted": 0,
        "filled": 1,
        "denied": 2,
        "partially_filled": 0,
        "accepted": 0,
        "held": 0,
    }


def test_what_is_asked_keeps_the_mark_of_the_state() -> None:
    row = ORDERS["ord--001"]
    assert order_state(row) == ("◐ cancel…", "warn") and row.pending == "cancel"
    assert order_state(msgspec.structs.replace(row, pending="update"))[0] == "◐ amend…"
    assert order_state(msgspec.structs.replace(row, pending="none"))[0] == "◐ part"
    assert order_state(msgspec.structs.replace(row, state="canceled"))[0] == "○ cancel"


@pytest.mark.parametrize(
    ("changes", "price", "stop"),
    [
        ({"price": "3400"}, "3,400.00", ""),
        ({"price": "", "stop_price": "3380"}, "»3,380.00", "3,380.00"),
        ({"price": "3390", "stop_price": "3380"}, "»3,380.00", "3,380.00"),
        ({"price": "3390", "stop_price": "3380", "state": "triggered"}, "3,390.00", "3,380.00"),
        ({"price": "", "stop_price": "3380", "trail": "20.5"}, "»3,380.00", "3,380.00 ±20.5"),
        ({"price": "", "trail": "20.5"}, "", "±20.5"),
    ],
)
def test_prices_of_an_order(changes: dict[str, str], price: str, stop: str) -> None:
    row: OrderRow = msgspec.structs.replace(ORDERS["ord-0001"], **changes)
    cells = order_cells(row, False).cells
    assert (cells[4][0], cells[8][0]) == (price, stop)


# --- positions


@pytest.mark.parametrize(
    ("quantity", "stop", "trailing", "gap"),
    [
        ("1", "99", "", 1.0),
        ("1", "98", "99.5", 0.5),
        ("-1", "102", "", 2.0),
        ("-1", "102", "100.5", 0.5),
        ("1", "101", "", -1.0),
        ("1", "", "", None),
        ("", "99", "", None),
    ],
)
def test_the_distance_to_the_nearer_stop(quantity: str, stop: str, trailing: str, gap: float | None) -> None:
    row = msgspec.structs.replace(
        sample_desk.positions()[0],
        quantity=quantity,
        mark_price="100",
        stop_price=stop,
        trailing_price=trailing,
    )
    assert stop_gap_pct(row) == (pytest.approx(gap) if gap is not None else None)


def test_a_position_shows_its_trailing_level_and_when_it_leaves() -> None:
    row = sample_desk.positions()[0]
    cells = [cell for cell, _ in position_cells(row, "3m", "11m", False).cells]
    assert "63,980.00" in cells and cells[-2:] == ["3m", "11m"]
    assert "0.37%" in cells, "to the trailing stop, which is nearer"
    assert f"{TRAILS}63,980.00" in cells and "63,799.50" not in cells, "the stop that the distance is to"


def test_totals_are_of_the_desk_or_not_known() -> None:
    said = text([line for _, line in total_items(sample_account.account())])
    assert said.split("\n") == [
        "gross 5,979.46 6.0%",
        "net +1,977.74",
        "rP&L▲+8.10",
        "uP&L▼-0.33",
        "fees 3.00",
        "USD",
    ]
    assert "not known yet" in text([line for _, line in total_items(None)])


# --- strategies


def test_a_strategys_net_is_less_fees_and_unknown_stays_unknown() -> None:
    rows = {row.name: row for row in sample_desk.strategies()}
    assert net_of(rows["trend"]) == Decimal("2.58") and net_of(rows["speed"]) is None
    assert gain_cell(net_of(rows["trend"])) == ("▲+2.58", "up")
    assert gain_cell(net_of(rows["model"])) == ("▼-1,223", "down")
    assert gain_cell(None) == ("–", "muted") and gain_cell(Decimal("-0.001"))[0] == " +0.00"


# --- status


def status_text(**changes: object) -> str:
    items = status_items(StatusView(sample_desk.status(**changes), (), (), "up"))  # type: ignore[arg-type]
    return text([line for _, line in (*items.first, *items.second)])


def test_drift_is_a_badge_that_never_falls() -> None:
    assert "DRIFT" not in status_text()
    items = status_items(StatusView(sample_desk.status(drifts=2), (), (), "up"))
    assert [priority for priority, line in items.first if "DRIFT 2" in text([line])] == [0]


def test_unknown_money_is_said_and_is_no_zero() -> None:
    said = status_text(equity="", day_pnl="", drawdown_pct=0.0, daily_loss_pct=0.0)
    assert said.count("unknown") == 3 and "0.0" not in said and "DD unknown" in said


def test_locks_and_the_broker_are_told() -> None:
    said = status_text(locked=("a:B", "a:C"), gateway="alpaca paper, dry run")
    assert "2 locked after stops" in said and "alpaca paper, dry run" in said


# --- account


@pytest.mark.parametrize("width", [54, 70, 120])
def test_tables_fit_their_width(width: int) -> None:
    lines = [
        *account_lines(sample_account.account(), width),
        *performance_lines(sample_account.performance(), width),
        *curve_lines(sample_account.curve(), width),
    ]
    tables = [line for line in lines if len(line) > 4]
    assert len(tables) > 10
    assert max(sum(len(part) for part, _ in line) for line in tables) <= width


def test_what_is_not_known_yet_is_said() -> None:
    for lines in (
        account_lines(None, 70),
        performance_lines(None, 70),
        drift_lines(None, 0),
        curve_lines(None, 70),
    ):
        assert "not known yet" in text(lines)
    one = msgspec.structs.replace(sample_account.curve(), ns=(1,), equity=(1.0,), drawdown_pct=(0.0,))
    assert "not known yet" in text(curve_lines(one, 70)), "one point is no curve"


def test_drift_in_words() -> None:
    said = text(drift_lines(sample_account.reconciliation(), sample_desk.NOW_NS))
    assert "✓ paper agrees with the desk  12s ago" in said
    assert "! alpaca: 1 difference" in said
    assert "position alpaca:AAPL: the desk has 12, alpaca has 10  for 1m" in said
    row = msgspec.structs.replace(sample_account.reconciliation()[0], ns=0)
    assert "never compared" in text(drift_lines([row], 0))
    row = msgspec.structs.replace(row, blocked="trading_blocked")
    assert "! paper takes no orders: trading_blocked" in text(drift_lines([row], 0))


def test_a_narrow_table_drops_by_priority() -> None:
    columns = (Column("a", "a", 6), Column("b", "b", 6, 2, right=True), Column("c", "c", 6, 1, right=True))
    row = (("x", "text"), ("1", "text"), ("2", "text"))
    assert text(table_lines(columns, [row], 13)) == "a           c\nx           2"


# --- curves


def test_a_line_goes_from_corner_to_corner_without_holes() -> None:
    assert curve([0.0, 1.0], 2, 1) == ["⡠⠊"]
    steep = curve([0.0, 0.0, 1.0, 1.0], 4, 3)
    dots = [[ord(char) - 0x2800 for char in row] for row in steep]
    assert all(any(row) for row in dots), "every row is passed"


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=40),
    st.integers(0, 30),
    st.integers(0, 8),
)
def test_any_values_are_drawn_in_the_cells_given(values: list[float], width: int, height: int) -> None:
    rows = curve(values, width, height)
    assert len(rows) == height and all(len(row) == width for row in rows)
    assert all(0x2800 <= ord(char) <= 0x28FF for row in rows for char in row)
    if width and height and any(map(math.isfinite, values)) and all(map(math.isfinite, values)):
        assert any(char != "⠀" for row in rows for char in row)


def test_a_flat_account_is_a_line_in_the_middle() -> None:
    rows = curve([5.0] * 9, 3, 3)
    assert rows[0] == rows[2] == "⠀" * 3 and rows[1] != "⠀" * 3


# --- explained


def test_amendments_are_told_among_the_events() -> None:
    story = sample_explanation.explanation()
    ns = story.order_events[-1].ns + 1_000_000
    wanted = Amendment(quantity=Decimal("0.04"), price=Decimal("64100.0"))
    changes = (
        OrderChange("ord-0007", "s:B", ChangeKind.UPDATE_ASKED, "asked by console", ns, wanted),
        OrderChange("ord-0007", "s:B", ChangeKind.UPDATE_REFUSED, "too late [b]", ns + 1, None),
    )
    said = text(explanation_lines(msgspec.structs.replace(story, order_changes=changes)))
    asked, refused = (
        said.index("update asked: quantity 0.04, price 64100.0"),
        said.index("update refused  too late [b]"),
    )
    assert said.index("accepted  ") < asked < refused


# --- tickets


def test_a_bracket_says_what_it_may_cost_and_bring() -> None:
    plain = sample_account.preview("", "")
    assert "stop" not in text(preview_lines(plain))
    both = msgspec.structs.replace(plain, loss="-48.16", gain="96.30")
    lines = preview_lines(both)
    assert text(lines[2:3]) == "at its stop -48.16  at its target 96.30"
    assert len(lines) == 4, "the form has room for so many"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, "symbol side qty uP&L"),
        (51, "symbol side qty uP&L stop"),
        (62, "symbol side qty uP&L stop away"),
        (78, "symbol side qty uP&L mark stop away"),
    ],
)
def test_what_is_held_and_where_it_ends_stays_longest(width: int, shown: str) -> None:
    titles = [PositionsGrid.COLUMNS[index].title for index, _ in choose_columns(PositionsGrid.COLUMNS, width)]
    assert " ".join(titles) == shown


def test_cells_stand_below_their_own_heads() -> None:
    held = next(row for row in sample_desk.positions() if row.stop_price and not row.trailing_price)
    row = position_cells(held, "1m", "", False)
    cells = {column.key: cell[0] for column, cell in zip(PositionsGrid.COLUMNS, row.cells, strict=True)}
    assert cells["gap"].endswith("%") and not cells["stop"].endswith("%")
    orders = dict(zip((column.key for column in PositionsGrid.COLUMNS), row.order, strict=True))
    assert orders["stop"] == Decimal(held.stop_price) and orders["gap"] == stop_gap_pct(held)


def test_a_preview_in_another_currency_than_the_account_s_says_so() -> None:
    foreign = msgspec.structs.replace(
        sample_account.preview(), notional="0.00123", fee="0.00000123", loss="-0.0002", currency="BTC"
    )
    cost, cash, outcome, _ = map(text, ([line] for line in preview_lines(foreign)))
    assert "cost 0.00123 BTC  fee 0.00000123 BTC" in cost and "at its stop -0.0002 BTC" in outcome
    assert "BTC" not in cash
