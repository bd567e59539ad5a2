"""Toasts: each thing is told once, and none hides what a person is at."""

from __future__ import annotations

import pytest

from console import commanding
from console.app import DeskApp
from engine.api.protocol import EventFrame
from engine.events import Alert, RiskChange, RiskState
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, press, toasts, until


async def test_alerts_and_risk_changes_are_toasted() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        now = sample.NOW_NS
        link.on_message(EventFrame(42, Alert(level="error", source="store", text="disk [b]full[/b]", ns=now)))
        change = RiskChange(
            state=RiskState.HALTED, previous=RiskState.ACTIVE, reason="daily loss", who="risk", ns=now
        )
        link.on_message(EventFrame(43, change))
        app.paint()
        await pilot.pause()
        assert toasts(app) == ["disk [b]full[/b]", "ACTIVE → HALTED: daily loss"]
        assert not any(note.markup for note in app._notifications)


async def test_the_reply_and_the_alert_of_a_command_are_one_toast() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        link.reply = "ACTIVE → HALTED"
        await pilot.press("H")
        await pilot.pause()
        change = RiskChange(
            state=RiskState.HALTED,
            previous=RiskState.ACTIVE,
            reason="halted from the console",
            who="console",
            ns=sample.NOW_NS,
        )
        link.on_message(EventFrame(42, change))
        app.paint()
        await pilot.pause()
        assert toasts(app) == ["ACTIVE → HALTED"]
        link.on_message(EventFrame(43, change))
        app.paint()
        await pilot.pause()
        assert toasts(app) == ["ACTIVE → HALTED", "ACTIVE → HALTED: halted from the console"]


async def test_a_toast_takes_the_place_of_one_that_says_the_same() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for text in ("one", "two", "one"):
            app.say(text)
        assert toasts(app) == ["two", "one"]
        app.say("three")
        assert toasts(app) == ["one", "three"], "few on a low terminal"
        await press(pilot, "t", "t")
        assert len(toasts(app)) == 2 and "tickdesk-contrast" in toasts(app)[-1]


async def test_on_a_small_screen_a_toast_leaves_the_log_in_sight_and_goes_with_the_next_key() -> None:
    app = DeskApp(FakeLink(), frames_per_s=10)
    async with app.run_test(size=COMPACT, notifications=True) as pilot:
        for pane in ("1", "6"):
            await press(pilot, pane)
            app.say("one line", "warning")
            await until(pilot, lambda: lowest(app) > 0)
            assert lowest(app) <= app.desk.logs.region.bottom - 2, pane
            await press(pilot, "j")
            assert toasts(app) == ["one line"], "nobody can have read it yet"
            read(app)
            await press(pilot, "j")
            assert toasts(app) == []
    async with desk(FakeLink(), WIDE) as (app, pilot):
        app.say("one line")
        read(app)
        await press(pilot, "j")
        assert toasts(app) == ["one line"], "there is room"


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_no_toast_lies_on_what_the_command_line_offers(size: tuple[int, int]) -> None:
    app = DeskApp(FakeLink(), frames_per_s=10)
    async with app.run_test(size=size, notifications=True) as pilot:
        await press(pilot, "colon")
        app.say("while it is open")
        await until(pilot, lambda: 0 < lowest(app) <= 10)
        await press(pilot, "escape")
        await until(pilot, lambda: lowest(app) > size[1] - 8)
        await press(pilot, "colon")
        await until(pilot, lambda: 0 < lowest(app) <= 10)


def lowest(app: DeskApp) -> int:
    """The line below that of the lowest toast; 0 where none is drawn."""
    return max((toast.region.bottom for toast in app.desk.query("Toast")), default=0)


def read(app: DeskApp) -> None:
    for note in app._notifications:
        note.raised_at -= commanding.READ_S
