"""A dialog that waited to be opened looks and acts as one that is made at its key."""

from __future__ import annotations

import logging

import pytest
from textual.pilot import Pilot

from console.app import DeskApp
from console.screens.help import HelpScreen
from console.screens.ticket import TicketScreen
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, press, typing, until
from tests.console.test_control import ME, OTHER, READS, frame, link_of

KINDS = {"question_mark": HelpScreen, "o": TicketScreen, "colon": None}


async def stocked(app: DeskApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: set(app._spares or ()) == {HelpScreen, TicketScreen})


async def looks(app: DeskApp, pilot: Pilot[None]) -> dict[str, str]:
    """Every dialog's picture."""
    pictures = {}
    for key in KINDS:
        await press(pilot, key)
        await pilot.pause(0.1)
        pictures[key] = app.export_screenshot(title="")
        await press(pilot, "escape")
    return pictures


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_what_waited_looks_as_what_is_made_now(size: tuple[int, int]) -> None:
    other = WIDE if size == COMPACT else COMPACT
    pictures = {}
    for waits in (True, False):
        async with desk(FakeLink(), size, theme="tickdesk-dark") as (app, pilot):
            await stocked(app, pilot)
            await looks(app, pilot)
            await stocked(app, pilot)
            app.theme = "tickdesk-light"
            await pilot.resize_terminal(*other)
            await pilot.pause(0.2)
            spares = dict(app._spares or {})
            if not waits:
                app._spares = None  # none is kept any more
            await press(pilot, "o")
            assert (app.screen is spares[TicketScreen]) == waits
            await press(pilot, "escape")
            if waits:
                await stocked(app, pilot)
            pictures[waits] = await looks(app, pilot)
    assert pictures[True].keys() == KINDS.keys()
    for key in KINDS:
        assert len(set(pictures[True][key].split("\n"))) > 10
        assert _drawn(pictures[True][key]) == _drawn(pictures[False][key]), key


def _drawn(picture: str) -> str:
    """Without the name that Textual gives each picture anew."""
    return picture.replace(picture.partition(".terminal-")[2].partition("-")[0], "")


async def test_nothing_is_left_of_the_ticket_before() -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        seen: list[TicketScreen] = []
        for _ in range(3):
            await stocked(app, pilot)
            await press(pilot, "o")
            screen = app.screen
            assert isinstance(screen, TicketScreen) and screen not in seen
            assert not any(screen._token == before._token for before in seen)
            size = next(field for field in screen.form.fields if field.key == "size")
            assert not size.value and screen._values["symbol"] == app.desk.ticks.cursor_key
            seen.append(screen)
            await press(pilot, "down", "down", "down", "7")
            assert screen._values["size"] == "7"
            await press(pilot, "escape")
            await until(pilot, lambda: not seen[-1].is_attached)


async def test_what_this_console_may_do_by_then_is_what_the_ticket_shows() -> None:
    link = link_of(ME, ME)
    async with desk(link, WIDE) as (app, pilot):
        for holder, watches in ((OTHER, True), (ME, False)):
            await stocked(app, pilot)
            waiting = (app._spares or {})[TicketScreen]
            link.on_message(frame(holder))  # another console takes the seat, and this one again
            app.paint()
            await press(pilot, "o")
            assert app.screen is waiting
            assert ("not sent from here" in str(waiting.query_one(".dialog").border_title)) == watches
            await press(pilot, "escape")
        await stocked(app, pilot)
        waiting = (app._spares or {})[TicketScreen]
        app.view.console = READS
        await press(pilot, "o")
        assert app.screen is waiting
        assert "not sent from here" in str(waiting.query_one(".dialog").border_title)


async def test_a_fault_while_one_is_made_leaves_the_console_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(screen: HelpScreen) -> None:
        raise RuntimeError("cannot be drawn ahead")

    monkeypatch.setattr(HelpScreen, "draw_ahead", fail)
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await until(pilot, lambda: set(app._spares or ()) == {TicketScreen} and bool(caplog.messages))
        assert caplog.messages == ["no HelpScreen waits to be opened"]
        assert caplog.records[0].levelno == logging.ERROR
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen) and app.is_running


async def test_a_fault_in_one_that_is_mounted_leaves_the_console_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(screen: TicketScreen) -> None:
        raise RuntimeError("cannot be mounted")

    monkeypatch.setattr(TicketScreen, "on_mount", fail)
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await until(pilot, lambda: set(app._spares or ()) == {HelpScreen} and bool(caplog.messages))
        monkeypatch.undo()
        assert caplog.messages == ["no TicketScreen waits to be opened"]
        assert caplog.records[0].exc_info is not None
        assert str(caplog.records[0].exc_info[1]) == "cannot be mounted"
        await until(pilot, lambda: not any(isinstance(node, TicketScreen) for node in app._registry))
        await press(pilot, "o")
        assert isinstance(app.screen, TicketScreen) and app.screen.form.has_focus
        await press(pilot, "escape", "2")
        assert app.screen is app.desk and app.desk.active == 2


async def test_a_fault_in_one_that_waits_is_logged_and_another_is_made_at_its_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError("while it waited")

    async with desk(FakeLink(), WIDE) as (app, pilot):
        await stocked(app, pilot)
        waiting = (app._spares or {})[HelpScreen]
        waiting.children[0].call_later(fail)
        await until(pilot, lambda: HelpScreen not in (app._spares or {}))
        assert caplog.messages == ["the HelpScreen that waited to be opened failed"]
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen) and app.screen is not waiting and app.is_running


async def test_a_fault_in_one_that_is_open_ends_the_console() -> None:
    def fail() -> None:
        raise RuntimeError("in sight")

    with pytest.raises(RuntimeError, match="in sight"):
        async with desk(FakeLink(), WIDE) as (app, pilot):
            await stocked(app, pilot)
            await press(pilot, "question_mark")
            app.screen.call_later(fail)
            await pilot.pause(0.1)


async def test_none_is_made_while_the_console_leaves() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await stocked(app, pilot)
        assert app._spares is not None
        app._spares.clear()
        app.exit()
        await app._stock(HelpScreen)
        assert not app._spares


async def test_the_line_begins_empty_each_time() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        line = app.desk.line_place.line

        def is_seen() -> bool:
            return line in app.desk._compositor.visible_widgets

        assert not typing(app) and not is_seen()
        for _ in range(3):
            await press(pilot, "2", "colon")
            assert typing(app) and line.input.value == "" and line.input.has_focus
            assert is_seen() and line.region.bottom == 50 and len(line.offered) > 8
            await press(pilot, "b", "u", "y")
            assert line.input.value == "buy" and line.offered[0] == "buy"
            await press(pilot, "escape")
            assert not typing(app) and not is_seen() and app.desk.active == 2
            assert app.desk.grid.has_focus
