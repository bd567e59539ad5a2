"""Orders and positions: quantities as they are, and what a halt takes away."""

from __future__ import annotations

import msgspec

from tests.console import sample_desk as sample
from widgets.orders import order_cells
from widgets.positions import position_cells


def progress(filled: str, quantity: str) -> str:
    return order_cells(
        msgspec.structs.replace(sample.orders()[0], filled=filled, quantity=quantity), False
    ).cells[3][0]


def test_a_filled_order_shows_its_quantity_alone() -> None:
    assert progress("0.01234567", "0.012345670") == "0.012345670"
    assert progress("0", "0.01234567") == "0/0.01234567"
    assert progress("", "3") == "0/3"
    assert progress("1000", "3000.5") == "1,000/3,000.5"


def test_the_target_of_a_halted_desk_is_dim() -> None:
    row = sample.positions()[0]
    target = [position_cells(row, "3m", "", halted).cells[10] for halted in (False, True)]
    assert target[0][0] == target[1][0]
    assert [style for _, style in target] == ["muted", "stale"]


def test_an_arrow_never_points_away_from_zero() -> None:
    row = msgspec.structs.replace(sample.positions()[0], unrealized="-0.001")
    assert position_cells(row, "3m", "", False).cells[3] == (" +0.00", "flat")
