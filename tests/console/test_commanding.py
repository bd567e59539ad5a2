"""Commands that are not answered: told at once, until what was asked for is so."""

from __future__ import annotations

import asyncio

import pytest

from console import commanding
from console.link_protocol import NoAnswerError
from engine.api.protocol import StateFrame
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, toasts, until


async def test_a_command_that_cannot_be_sent_says_why() -> None:
    link = FakeLink()
    link.error = "no engine answers: start one with `tickdesk`"
    async with desk(link) as (app, pilot):
        await pilot.press("H")
        await pilot.pause()
        assert link.error in toasts(app)


async def test_a_hanging_engine_is_told_at_once_and_halt_is_not_taken_for_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commanding, "ANSWER_S", 0.01)
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "HALT sent, waiting for the engine…" in app.desk.banner.text)
        await pilot.press("H")
        await pilot.pause()
        assert "HALT is already on its way" in toasts(app) and len(link.sent) == 1
        link.fault = NoAnswerError("the engine did not answer within 3 s")
        link.gate.set()
        await until(pilot, lambda: "HALT NOT CONFIRMED" in app.desk.banner.text)
        assert "HALT again" in app.desk.banner.text and "tickdesk stop" in app.desk.banner.text
        link.on_message(sample.next_frame(1))
        app.paint()
        assert "NOT CONFIRMED" in app.desk.banner.text, "the desk is ACTIVE still"
        halted = sample.status(2, risk_state="halted")
        link.on_message(StateFrame(full=False, status=halted))
        app.paint()
        assert app.desk.banner.text == "", "it came after all"


async def test_a_halt_that_was_not_confirmed_is_told_until_the_desk_halts_whatever_is_sent_after_it() -> None:
    link = FakeLink()
    link.fault = NoAnswerError("the engine did not answer within 3 s")
    async with desk(link) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "HALT NOT CONFIRMED" in app.desk.notice)
        link.fault = None
        app.command("CANCEL", link.cancel_all)
        await until(pilot, lambda: not app._in_flight)
        assert "HALT NOT CONFIRMED" in app.desk.notice, "answered: another command"
        link.fault = NoAnswerError("the engine did not answer within 3 s")
        app.command("ENTRIES", link.flatten)
        await until(pilot, lambda: any("ENTRIES NOT CONFIRMED" in text for text in toasts(app)))
        assert "HALT NOT CONFIRMED" in app.desk.notice, "not answered either"
        link.fault = None
        app.command("FLATTEN", app.flatten)
        await until(pilot, lambda: bool(app.desk.receipt))
        assert "HALT NOT CONFIRMED" in app.desk.notice
        await pilot.press("H")
        await until(pilot, lambda: not app.desk.notice)


async def test_a_halt_takes_the_place_of_what_else_was_not_confirmed() -> None:
    link = FakeLink()
    link.fault = NoAnswerError("the engine did not answer within 3 s")
    async with desk(link) as (app, pilot):
        app.action_entries_off()
        await until(pilot, lambda: "ENTRIES OFF NOT CONFIRMED" in app.desk.notice)
        await pilot.press("H")
        await until(pilot, lambda: "HALT NOT CONFIRMED" in app.desk.notice)
        app.action_entries_off()
        await until(pilot, lambda: any("ENTRIES OFF NOT CONFIRMED" in text for text in toasts(app)))
        assert "HALT NOT CONFIRMED" in app.desk.notice
        link.fault = None
        await pilot.press("H")
        await until(pilot, lambda: not app.desk.notice)


async def test_escape_closes_what_was_not_confirmed() -> None:
    link = FakeLink()
    link.fault = NoAnswerError("the engine did not answer within 3 s")
    async with desk(link) as (app, pilot):
        await pilot.press("q", "H")
        await pilot.pause()
        assert any("NOT CONFIRMED" in text for text in toasts(app)), "the banner is behind the dialog"
        await pilot.press("escape", "escape")
        assert app.desk.banner.text == ""
