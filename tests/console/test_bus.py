"""The bus screen: who does what, what nobody does, what waits; and that a desk of one process has none."""

from __future__ import annotations

import pytest

from tests.console.conftest import Compare
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, desk, text_of, until
from tests.console.sample_bus import inspection
from tests.console.test_screens import SIZES, take
from widgets.bus import bus_lines


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_its_picture(compare_pictures: Compare, size: tuple[int, int]) -> None:
    link = FakeLink()
    link.inspected = inspection()
    take(compare_pictures, size, "B", link=link)


def test_who_does_what_and_what_nobody_does() -> None:
    lines = ["".join(text for text, _ in line) for line in bus_lines(inspection(), 170)]
    assert lines[0] == "Redis 7.4.1 at redis.example:6379, prefix dfp: append-only file everysec"
    assert lines[1] == "✗ nobody does shard 3"
    assert lines[2] == "✗ box-9 was not heard of for 2m"
    (row,) = [line for line in lines if "box-2" in line]
    assert "◌ catching up" in row and "0-2,5" in row and "2,500.0 ms" in row
    assert any("2 holes" in line and "[@click=app.halt]" in line for line in lines)
    (row,) = [line for line in lines if line.startswith("clean_ticks:0")]
    assert row.split() == ["clean_ticks:0", "1,500", "87", "features", "1,200", "3", "2.5", "s"]


async def test_a_desk_of_one_process_says_so() -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        await pilot.press("B")
        await until(pilot, lambda: "one process" in text_of(app))
