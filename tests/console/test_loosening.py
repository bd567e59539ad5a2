"""Whether a change of a limit allows more, and whether it can be made at all."""

from __future__ import annotations

import pytest

from console.loosening import beyond, question_of
from engine.api.trading_protocol import LimitPatch, LimitRow


@pytest.mark.parametrize(
    ("hard", "value", "refused"),
    [
        (">= 0.1, <= 30", 30.0, False),
        (">= 0.1, <= 30", 90.0, True),
        (">= 0.1, <= 30", 0.0, True),
        (">= 1, <= 400, whole, or 0", 0.0, False),
        ("> 0, <= 10", 0.0, True),
        ("", 90.0, False),
        ("as it likes", 90.0, False),
    ],
)
def test_what_no_limit_takes_is_refused_before_it_is_asked(hard: str, value: float, refused: bool) -> None:
    row = LimitRow("desk", "max_position_pct", "15", "15", hard, "%", "Most of one symbol.")
    why_not = beyond(row, LimitPatch("desk", "max_position_pct", value))
    assert bool(why_not) is refused
    assert not refused or hard in why_not
    assert not beyond(row, LimitPatch("desk", "max_position_pct", None))
    assert hard in " ".join(question_of(row, LimitPatch("desk", "max_position_pct", value)))
