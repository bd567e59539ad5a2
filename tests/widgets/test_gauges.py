"""Gauges: the limit that is nearest comes first, and says how near in words, a number and a mark."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.api.protocol import StrategyRow
from engine.api.trading_protocol import AccountDetail, LimitRow
from tests.console import sample_account as account
from tests.console import sample_desk as sample
from widgets.cells import width_of
from widgets.gauges import Gauge, GaugesGrid, distance, gauge_cells, gauge_lines, gauges, state_cells


def gauge(used: str, limit: str = "3", unit: str = "% of equity") -> Gauge:
    return Gauge("daily_loss_reduce_pct", Decimal(used), Decimal(limit), unit, "loss of the day")


def limit(name: str, value: str, used: str, scope: str = "desk") -> LimitRow:
    return LimitRow(scope, name, value, value, "> 0", "%", "about it", used)


def test_the_nearest_to_its_limit_comes_first() -> None:
    found = gauges(account.limits(), account.account(), sample.strategies())
    shares = [one.share for one in found]
    assert shares == sorted(shares, reverse=True)
    assert [one.name for one in found[:2]] == ["max_open_orders", "daily_loss_reduce_pct"]
    by_name = {one.name: one for one in found}
    assert by_name["max_position_pct"].used == Decimal("2.0"), "the largest of the symbols'"
    assert by_name["budget trend"].used == Decimal("3.98") and by_name["budget trend"].limit == 20


@pytest.mark.parametrize(
    "row",
    [
        limit("max_net_pct", "60", ""),
        limit("max_net_pct", "0", "1"),
        limit("max_net_pct", "", "1"),
        limit("max_net_pct", "NaN", "1"),
        limit("max_net_pct", "60", "nothing"),
        limit("max_net_pct", "60", "1", scope="strategy:trend"),
    ],
)
def test_what_has_no_number_is_no_gauge(row: LimitRow) -> None:
    assert gauges([row], None) == []


def test_without_an_account_there_are_no_budgets() -> None:
    assert gauges((), None, [StrategyRow("a", "technical", True, 1.0, 0, 0, "", 5.0)]) == []
    nothing = AccountDetail("USD", "100", (), (), ())
    (held,) = gauges((), nothing, [StrategyRow("a", "technical", True, 1.0, 0, 0, "", 5.0)])
    assert held.used == 0 and held.share == 0


@pytest.mark.parametrize(
    ("used", "words"),
    [
        ("2.1", "0.9 % left of 3"),
        ("0", "3 % left of 3"),
        ("3", "at the limit of 3 %"),
        ("3.40", "0.4 % beyond 3"),
    ],
)
def test_the_distance_in_words(used: str, words: str) -> None:
    assert distance(gauge(used)) == words


def test_orders_are_counted_and_not_per_cent() -> None:
    assert distance(gauge("2", "1000", "orders")) == "998 orders left of 1,000"


@pytest.mark.parametrize(
    ("used", "mark", "style"),
    [("1", "", "good"), ("1.8", "", "warn"), ("2.4", "!", "bad"), ("3", "✗", "bad"), ("9", "✗", "bad")],
)
def test_marked_by_more_than_a_colour(used: str, mark: str, style: str) -> None:
    cells = gauge_cells(gauge(used)).cells
    assert cells[0] == (mark, style) and cells[2][1] == style
    assert cells[3][0] == f"{float(used) / 3:.0%}"


def test_what_stops_entries_stands_above_the_gauges() -> None:
    (row,) = state_cells(sample.status())
    assert row.cells[4] == ("sent: ACTIVE", "good")
    off, locked = state_cells(
        sample.status(risk_state="halted", risk_reason="daily loss", locked=("sim:SOL-USD",))
    )
    assert off.cells[0][0] == "✗" and off.cells[4][0] == "off: HALTED: daily loss"
    assert locked.cells[4][0] == "not entered after stops: SOL-USD"
    assert state_cells(None) == []


def test_sorting_by_use_keeps_what_is_urgent_on_top() -> None:
    grid = GaugesGrid()
    grid.show(sample.status(risk_state="reducing"), [gauge("1"), gauge("2.9", "4")])
    grid.sort_by(3, True)
    assert grid.rows[0].key == "entries"


@pytest.mark.parametrize("width", [40, 73, 120])
def test_lines_fit(width: int) -> None:
    lines = gauge_lines([gauge("2.1"), gauge("0.2")], width, 1)
    assert len(lines) == 1
    assert "70%" in "".join(text for text, _ in lines[0])
    assert width < 73 or width_of(lines[0]) <= width
