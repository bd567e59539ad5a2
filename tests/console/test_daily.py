"""The screen of daily runs: the newest first, what is wrong with it and what to do, and the days before."""

from __future__ import annotations

import pytest

from tests.console import sample_daily
from tests.console.conftest import Compare
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, text_of, until
from tests.console.test_screens import DARK, SIZES, take
from widgets.daily import daily_lines, wrapped


def link() -> FakeLink:
    made = FakeLink()
    made.daily_runs = sample_daily.runs()
    return made


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_picture_of_a_failed_run(compare_pictures: Compare, size: tuple[int, int]) -> None:
    take(compare_pictures, size, "d", link=link())


def test_the_picture_of_the_day_before(compare_pictures: Compare) -> None:
    take(compare_pictures, WIDE, "d", "right_square_bracket", link=link(), themes=DARK)


def said(chosen: int, width: int = 170) -> list[str]:
    found = sample_daily.runs()
    rows = [detail.run for detail in found]
    lines = daily_lines(rows, chosen, found[chosen], sample_daily.BEGAN, width)
    return ["".join(text for text, _ in line) for line in lines]


def test_a_failure_says_what_to_do_next() -> None:
    lines = said(0)
    assert any(line.startswith("✗ targets: 2 symbols have no price") for line in lines)
    assert any(line.startswith("next: start it again while their market is open") for line in lines)


def test_a_killed_run_says_that_it_goes_on() -> None:
    (todo,) = [line for line in said(2) if line.startswith("next:")]
    assert "`tickdesk daily` goes on at this step" in todo


def test_orders_and_figures_of_a_day() -> None:
    lines = said(1)
    (denied,) = [line for line in lines if "binance:SOLUSDT" in line and "denied" in line and "buy" in line]
    assert "POSITION_LIMIT" in denied
    assert any("Net P&L" in line and "41.20 USD" in line for line in lines)


@pytest.mark.parametrize("width", [1, 7, 40, 76])
def test_nothing_of_what_to_do_is_cut(width: int) -> None:
    text = "start it again while their market is open"
    assert " ".join(wrapped(text, width)) == text
    assert all(len(line) <= width or " " not in line for line in wrapped(text, width))


async def test_days_are_walked_and_a_run_is_followed() -> None:
    made = link()
    async with desk(made, COMPACT) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "› 2026-11-21" in text_of(app))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "› 2026-11-20" in text_of(app) and "denied" in text_of(app))
        newer = sample_daily.run("2026-11-22", "running", sample_daily.steps_until("gate", "running"), "")
        made.daily_runs.insert(0, sample_daily.DailyDetail(newer, (), ()))
        await until(pilot, lambda: "2026-11-22" in text_of(app))
        assert "› 2026-11-20" in text_of(app)  # the same day stays chosen
        for _ in range(5):
            await pilot.press("left_square_bracket")
        await until(pilot, lambda: "› 2026-11-22" in text_of(app) and "▶ running" in text_of(app))


async def test_no_run_yet_says_how_one_is_begun() -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "tickdesk daily begins one" in text_of(app))
        made = app.link
        assert isinstance(made, FakeLink)
        made.error = "the engine hung up"
        await until(pilot, lambda: "the engine hung up" in text_of(app))
