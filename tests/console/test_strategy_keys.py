"""Pane 5 by key: strategies, models and automations are walked, switched and reloaded."""

from __future__ import annotations

import pytest

from engine.api.protocol import StrategyPatch
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, toasts


async def test_space_toggles_the_strategy_under_the_cursor() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press("5", "j", "space", "G", "space")
        await pilot.pause()
    assert link.sent == [
        ("strategy", "golden_cross", StrategyPatch(enabled=False)),
        ("strategy", "volatility", StrategyPatch(enabled=True)),
    ]


async def test_space_elsewhere_sends_nothing() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press("1", "space")
        await pilot.pause()
    assert link.sent == []


async def test_r_reloads_the_model_and_shows_the_answer() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("r")
        await pilot.pause()
        assert link.sent == [("reload",)]
        assert "loaded b2c3d4" in toasts(app)


async def test_r_in_the_strategies_reloads_files_and_on_the_models_row_the_model() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5", "r")
        await pilot.pause()
        assert link.sent == [("reload strategies",)]
        assert "read 2 files: mondays is new" in toasts(app)
        await pilot.press("j", "j", "j", "j", "r")
        await pilot.pause()
        assert app.desk.grid.cursor_key == "model" and link.sent[1:] == [("reload",)]
        await pilot.press("right_square_bracket", "r")
        await pilot.pause()
        assert app.desk.grid is app.desk.strategies.models and link.sent[2:] == [("reload",)]
        await pilot.press("right_square_bracket", "r")
        await pilot.pause()
        assert link.sent[3:] == [] and any("need no reload" in text for text in toasts(app))


@pytest.mark.parametrize("pane", ["1", "5"])
async def test_capital_r_reloads_both(pane: str) -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press(pane, "R")
        await pilot.pause()
    assert link.sent == [("reload",), ("reload strategies",)]


async def test_the_models_below_the_strategies_are_sorted_as_in_their_tab() -> None:
    async with desk(FakeLink()) as (app, pilot):
        pane = app.desk.strategies
        await pilot.press("5", "right_square_bracket", "s", "s", "left_square_bracket")
        await pilot.pause()
        assert pane.models.sort_column == 0
        assert pane.below.sort_mode == pane.models.sort_mode
        assert [row.key for row in pane.below.rows] == [row.key for row in pane.models.rows]


async def test_brackets_walk_the_tabs_of_the_strategies() -> None:
    async with desk(FakeLink()) as (app, pilot):
        pane = app.desk.strategies
        await pilot.press("5")
        for key, tab in (("]", 1), ("]", 2), ("]", 0), ("[", 2), ("[", 1), ("[", 0)):
            name = "right_square_bracket" if key == "]" else "left_square_bracket"
            await pilot.press(name)
            await pilot.pause()
            assert pane.tab == tab and app.focused is pane.grids[tab] is app.desk.grid
            assert [grid.display for grid in pane.grids] == [tab == 0, tab == 1, tab == 2]
            assert pane.below.display is (tab == 0) and pane.below.rows
            assert pane.grid.rows, "filled at once"
        await pilot.press("1", "right_square_bracket")
        assert pane.tab == 0, "only there"


async def test_space_switches_the_automation_under_the_cursor() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5", "left_square_bracket", "space", "j", "space")
        await pilot.pause()
        assert "hourly_trend off" in toasts(app)
    assert link.sent == [("automation", "buy_the_cross", True), ("automation", "hourly_trend", False)]


async def test_space_on_the_models_sends_nothing() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press("5", "right_square_bracket", "space")
        await pilot.pause()
    assert link.sent == []


async def test_a_users_own_strategy_is_marked() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await pilot.press("5")
        shown = {row.key: [text for text, _ in row.cells] for row in app.desk.grid.rows}
        assert shown["mondays"][1] == "mondays *" and shown["mondays"][-1] == "mondays.py"
        assert shown["trend"][1] == "trend" and shown["trend"][3] == "20 %"
        assert shown["half_done"][-1] == "! ZeroDivisionError: division by zero"
