"""Leaving: what is held is said, and nothing ends that was not asked for."""

from __future__ import annotations

import pytest

from console.link_protocol import LinkState
from console.screens.leave import LeaveScreen
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, text_of


async def test_the_leave_dialog_says_what_is_held_now() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, LeaveScreen)
        held = len(app.view.positions)
        assert f"holds {held} open position" in text_of(app)
        for symbol in [*app.view.positions][1:]:
            del app.view.positions[symbol]
        app.paint()
        await pilot.pause()
        assert "holds 1 open position." in text_of(app)
        app.view.positions.clear()
        app.paint()
        await pilot.pause()
        assert "The desk is flat." in text_of(app)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_leave_detaches_by_default(key: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press(key)
        assert isinstance(app.screen, LeaveScreen)
        await pilot.press("enter")
        await pilot.pause()
    assert link.sent == []
    assert app.return_code == 0


@pytest.mark.parametrize(
    ("downs", "sent"), [(1, [("risk", "halted"), ("stop",)]), (2, [("flatten",), ("stop",)])]
)
async def test_leave_can_make_safe_and_stop(downs: int, sent: list[tuple[str, ...]]) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q", *["j"] * downs, "enter")
        await pilot.pause()
    assert link.sent == sent
    assert app.return_code == 0


async def test_a_refused_flatten_does_not_stop_the_engine() -> None:
    link = FakeLink()
    link.ok = False
    async with desk(link) as (app, pilot):
        await pilot.press("q", "j", "j", "enter")
        await pilot.pause()
        assert link.sent == [("flatten",)]
        assert app.is_running and app.screen is app.desk


async def test_without_an_engine_leaving_is_all_there_is() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q")
        assert "engine holds 3 open positions" in text_of(app)
        link.on_state(LinkState.ENGINE_GONE, "")
        await pilot.pause()
        assert isinstance(app.screen, LeaveScreen)
        said = " ".join(text_of(app).split())
        assert "No engine runs. 3 positions are in the ledger; `tickdesk` starts it again." in said
        assert [choice.label for choice in app.screen.choices.choices] == ["Leave"]
        await pilot.press("enter")
        await pilot.pause()
    assert app.return_code == 0 and link.sent == []
