"""Small numbers are not rounded away."""

from __future__ import annotations

import pytest

from engine.research.report.figures import figure, unit
from engine.research.report.html import as_html
from engine.research.report.text import WIDTH, as_text
from engine.research.summary import summarise
from tests.research.made import backtest


@pytest.mark.parametrize(
    ("value", "digits", "told"),
    [
        (None, 2, "-"),
        (1234.5, 2, "1,234.50"),
        (0.126, 2, "0.13"),
        (0.0175, 2, "0.018"),
        (-0.00033, 2, "-0.00033"),
        (0.000041, 3, "0.000041"),
        (-1e-12, 2, "0.00"),
        (-0.0, 1, "0.0"),
    ],
)
def test_two_significant_digits_of_what_is_small(value: float | None, digits: int, told: str) -> None:
    assert figure(value, digits) == told


@pytest.mark.parametrize(
    ("largest", "name"),
    [(3.0, "%"), (0.0, "%"), (0.4, "basis points (0.01 %)"), (0.002, "millionths (0.0001 %)")],
)
def test_a_table_is_in_the_unit_of_its_largest(largest: float, name: str) -> None:
    assert unit([None, -largest, largest / 7])[0] == name


def test_months_of_small_returns_can_be_read() -> None:
    one = backtest([1e-5] * 30 + [-2e-6] * 30)
    summary = summarise(one, samples=0)
    text, page = as_text(one, summary), as_html(one, summary)
    at = text.splitlines().index("Returns by month, basis points (0.01 %)")
    row = text.splitlines()[at + 2]
    assert row.split() == ["2024", "2.2", "0.5", "-0.3", "2.4"]
    assert len(row) <= WIDTH and "-0.0 " not in f"{row} "
    assert "<caption>basis points (0.01 %)</caption>" in page
