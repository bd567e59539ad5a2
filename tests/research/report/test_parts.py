from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from engine.events import NS
from engine.portfolio.report.picture import Plot, round_times, round_values, thinned
from engine.portfolio.report.table import as_lines
from engine.research.report.breakdown import by_purpose, by_source, by_strategy, by_symbol
from engine.research.report.monthly import monthly
from engine.research.report.sections import duration, short
from tests.research.made import DAY, backtest, trade


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


def test_months_are_closed_by_their_last_midnight() -> None:
    ns = tuple(at(day) for day in ("2023-12-15", "2024-01-01", "2024-01-20", "2024-02-01", "2024-02-02"))
    one = backtest([0.1] * 5, ns=ns, equity=(11_000.0, 12_000.0, 6_000.0, 9_000.0, 18_000.0))
    years = monthly(one)
    assert [year for year, _, _ in years] == [2023, 2024]
    assert years[0][1][11] == pytest.approx(20.0)
    assert years[0][2] == pytest.approx(20.0)
    assert years[1][1][:3] == [pytest.approx(-25.0), pytest.approx(100.0), None]
    assert years[1][2] == pytest.approx(50.0)


def test_parts_add_up() -> None:
    trades = [
        trade("A", net=10.0),
        trade("B", net=-4.0, purpose="stop_loss", strategies=(("trend", "-4.0"),), sources=()),
        trade("A", net=6.0, strategies=(("trend", "2"), ("golden_cross", "4"))),
    ]
    for parts in (by_symbol(trades), by_strategy(trades), by_source(trades), by_purpose(trades)):
        assert sum(part.net for part in parts) == pytest.approx(12.0)
        assert [part.net for part in parts] == sorted((part.net for part in parts), reverse=True)
    assert [(part.name, part.trades) for part in by_strategy(trades)] == [("golden_cross", 2), ("trend", 2)]
    assert {part.name: part.net for part in by_source(trades)} == pytest.approx(
        {"golden_cross": 12.0, "trend": 4.0 - 4.0}
    )
    # Of targets, and what a person added to it.
    ordered = trade("C", net=3.0, strategies=(("model", "5"), ("manual", "-2")), sources=())
    assert {part.name: part.net for part in by_source([ordered])} == {"model": 5.0, "manual": -2.0}


def test_columns_are_cut_where_they_do_not_fit() -> None:
    rows = [("a name that is long", "1.25", "another long one")]
    lines = list(as_lines(("name", ">n", "why"), rows, 30))
    assert all(len(line) <= 30 for line in lines)
    assert "1.25" in lines[1]
    assert list(as_lines(("name", ">n", "why"), rows))[1] == "a name that is long  1.25  another long one"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (-0.4, 0.0, [-0.4, -0.3, -0.2, -0.1, 0.0]), (3, 3, [3])],
)
def test_scales_are_round(low: float, high: float, expected: list[float]) -> None:
    assert round_values(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("2024-01-01", "2034-01-01", ["2024", "2026", "2028", "2030", "2032", "2034"]),
        ("2024-01-10", "2024-05-20", ["Feb 2024", "Mar 2024", "Apr 2024", "May 2024"]),
        ("2024-01-01T00:00", "2024-01-01T02:00", ["00:00", "00:30", "01:00", "01:30", "02:00"]),
        ("2024-01-01", "2024-01-05", ["01 Jan", "02 Jan", "03 Jan", "04 Jan", "05 Jan"]),
    ],
)
def test_times_are_round(begin: str, end: str, expected: list[str]) -> None:
    assert [text for _, text in round_times(at(begin), at(end))] == expected


def test_what_is_thinned_keeps_its_extremes() -> None:
    values = np.zeros(100_000)
    values[77_777], values[33_333] = 5.0, -7.0
    ns, kept = thinned(np.arange(100_000), values)
    assert len(kept) < 1_300
    assert (max(kept), min(kept), ns[0], ns[-1]) == (5.0, -7.0, 0, 99_999)


def test_a_flat_plot_has_a_height() -> None:
    plot = Plot(0, DAY, 5.0, 5.0, top=10, height=100)
    assert plot.y(5.0) == 60.0


def test_words() -> None:
    assert [duration(s) for s in (None, 5.0, 90.0, 7200.0, 1e6)] == ["-", "5 s", "1.5 min", "2 h", "11.6 d"]
    assert (short("0.1"), short("123.456789012345")) == ("0.1", "123.45679")
