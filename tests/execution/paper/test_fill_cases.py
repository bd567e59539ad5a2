"""What fills, what does not, at what price, at what fee: each case on both sides of the market."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.execution.paper.script import Floor, cases, mirrored

TABLE = Path(__file__).with_name("fill_cases.txt")
ALL = [pytest.param(steps, reports, id=name) for name, steps, reports in cases(TABLE.read_text())]


@pytest.mark.parametrize(("steps", "reports"), ALL)
def test_case(steps: str, reports: list[str]) -> None:
    assert Floor().play(steps) == reports


@pytest.mark.parametrize(("steps", "reports"), ALL)
def test_case_on_the_other_side(steps: str, reports: list[str]) -> None:
    assert Floor(mirrored=True).play(steps) == [mirrored(report) for report in reports]


def test_there_are_enough_of_them() -> None:
    assert len(ALL) >= 230 and len({case.id for case in ALL}) == len(ALL)
