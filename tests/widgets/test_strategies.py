"""The strategies pane's cells."""

from __future__ import annotations

import pytest

from widgets.strategies import StrategiesGrid, weight_text


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (1.0, "1.00"),
        (100.0, "100"),
        (99.99, "100"),
        (10.25, "10.2"),
        (9.994, "9.99"),
        (0.005, "0.01"),
        (1e-320, "<.01"),
    ],
)
def test_every_weight_that_can_be_set_is_told_in_its_column(weight: float, text: str) -> None:
    assert weight_text(weight) == text
    assert len(text) <= next(column.width for column in StrategiesGrid.COLUMNS if column.key == "weight")
