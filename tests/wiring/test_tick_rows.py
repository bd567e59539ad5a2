"""Rows of many symbols: made in slices, once for all that ask, and of every symbol at any time."""

from __future__ import annotations

import asyncio

import pytest

from engine import slices
from engine.wiring import tick_rows
from engine.wiring.tick_rows import TickRows
from tests.wiring.conftest import Bench, trade
from tests.wiring.test_data_view import at


def traded(count: int) -> Bench:
    bench = Bench()
    for number in range(count):
        bench.desk.on_events([trade(f"x:{number}", 1, 100.0 + number, 1.0, 1.0)])
    return bench


async def test_others_go_first_after_each_slice_and_all_are_told_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tick_rows, "MOST_AGE_S", 60.0)
    monkeypatch.setattr(slices, "SLICE_NS", 1)  # a row
    bench = traded(20)
    made, expected = TickRows(bench.desk, lambda: 10**10), TickRows(bench.desk, lambda: 10**10).rows(at(2))
    turns, looks = 0, []

    def now_ns() -> int:
        looks.append(turns)
        return at(2)

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    await asyncio.gather(made.prepare(now_ns), made.prepare(now_ns))
    other.cancel()
    assert len(looks) == 20 and looks == sorted(set(looks)), "a slice, then the others, and once for both"
    assert made.rows(at(2)) == expected and made.rows(at(3)) is made.rows(at(4))
    assert [row.symbol for row in expected] == [f"x:{number}" for number in range(20)]
    assert made.spent_ns > 0

    bench.desk.on_events([trade("x:new", 1, 5.0, 1.0, 2.0)])
    assert [row.last for row in made.rows(at(2)) if row.symbol == "x:new"] == [5.0]


async def test_what_was_prepared_is_told_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_rows, "MOST_AGE_S", 0.0)
    bench = traded(20)
    made = TickRows(bench.desk, lambda: 10**10)
    await made.prepare(lambda: at(2))
    bench.desk.on_events([trade("x:0", 2, 100.5, 1.0, 2.0)])
    assert made.rows(at(2))[0].last == 100.5
    for bar in range(3, 8):
        bench.desk.on_events([trade("x:0", 1 + bar, 100.0 + bar / 10, 1.0, float(bar))])
        assert made.rows(at(bar))[0].spark == tuple(bench.desk.features.closes(0, tick_rows.SPARK_BARS))
