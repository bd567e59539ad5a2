"""H, E, A and X: what makes the desk safer goes at once, what takes it up again asks."""

from __future__ import annotations

import asyncio

import pytest

from console.screens.confirm import ResumeScreen
from console.screens.leave import LeaveScreen
from engine.api.protocol import EventFrame
from engine.events import RiskChange, RiskState
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, press, toasts


async def test_halt_and_entries_off_are_sent_at_once() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await press(pilot, "H")
        assert link.expected_state is None, "whatever the desk is in"
        await press(pilot, "E")
        assert link.expected_state == "active", "a desk that has halted meanwhile is not taken up"
    assert link.sent == [("risk", "halted"), ("risk", "reducing")]


async def test_halt_works_inside_a_dialog() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q", "H")
        await pilot.pause()
        assert isinstance(app.screen, LeaveScreen)
        assert app.screen.choices.choices[0].detail == "the engine trades on without you"
        link.on_message(sample.full_frame(risk_state="halted"))
        app.paint()
        assert app.screen.choices.choices[0].detail == "it goes on: only stop-losses leave"
    assert link.sent == [("risk", "halted")]


@pytest.mark.parametrize(
    ("state", "offered"), [("reducing", ["cancel", "active"]), ("halted", ["cancel", "reducing", "active"])]
)
async def test_entries_off_again_asks_to_resume_with_cancel_selected(state: str, offered: list[str]) -> None:
    link = FakeLink(sample.full_frame(risk_state=state))
    async with desk(link) as (app, pilot):
        assert ("E", "resume…") in app.desk.keys._keys
        await pilot.press("E")
        assert isinstance(app.screen, ResumeScreen)
        assert [choice.id for choice in app.screen.choices.choices] == offered
        await pilot.press("enter")
        await pilot.pause()
        assert link.sent == []
        await pilot.press("E", "down", "enter")
        await pilot.pause()
    assert link.sent == [("risk", offered[1])]


async def test_resume_asks_and_escape_cancels() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("A")
        assert isinstance(app.screen, ResumeScreen)
        await pilot.press("escape")
        assert app.screen is app.desk
    assert link.sent == []


async def test_flatten_asks_and_a_double_enter_sends_one_command() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await pilot.press("X", "down", "enter", "enter")
        await pilot.pause()
        app.command("FLATTEN", link.flatten)  # a second one while the first is on its way
        await pilot.pause()
        assert "FLATTEN is already on its way" in toasts(app)
        assert link.sent == [("flatten",)]
        link.gate.set()
        await pilot.pause()
        assert "canceled 2/2, closed 3/3, verified flat in 1.2 s" in toasts(app)


@pytest.mark.parametrize("later_ns, choices", [(1, 3), (-1, 2)], ids=["since the frame", "before it"])
async def test_a_change_of_state_counts_before_the_next_frame(later_ns: int, choices: int) -> None:
    link = FakeLink(sample.full_frame(risk_state="reducing"))
    async with desk(link) as (app, pilot):
        change = RiskChange(
            state=RiskState.HALTED,
            previous=RiskState.REDUCING,
            reason="halted from the console",
            who="console",
            ns=app.view.status.engine_ns + later_ns if app.view.status is not None else 0,
        )
        link.on_message(EventFrame(42, change))
        await press(pilot, "A")
        assert isinstance(app.screen, ResumeScreen)
        assert len(app.screen.choices.choices) == choices, "to Cancel, REDUCING and ACTIVE of a halted one"
