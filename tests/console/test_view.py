"""What the desk shows of the engine's frames, and of an engine that sends none, is gone or is another."""

from __future__ import annotations

import msgspec
import pytest

from console.link_protocol import LinkState
from engine.api.protocol import StateFrame
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import WIDE, desk


async def test_rows_that_are_gone_leave_the_screen() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5")
        gone = {"strategies": ("mondays",), "automations": ("tell_me",)}
        link.on_message(StateFrame(full=False, status=sample.status(1), gone=gone))
        app.paint()
        assert "mondays" not in [row.key for row in app.desk.grid.rows]
        await pilot.press("left_square_bracket")
        assert [row.key for row in app.desk.grid.rows] == ["buy_the_cross", "hourly_trend"]


async def test_a_lost_link_shows_at_once_and_fades_the_tables() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        link.on_state(LinkState.LOST, "connection reset")
        assert "LINK LOST: connection reset" in app.desk.banner.text
        assert app.desk.ticks.faded
        status = "".join(text for text, _ in app.desk.status_bar._drawn[0])
        assert "LINK LOST" in status and "LIVE" not in status
        link.on_state(LinkState.ENGINE_GONE, "")
        assert "ENGINE GONE" in app.desk.banner.text
        link.on_state(LinkState.UP, "")
        app.paint()
        await pilot.pause()
        assert app.desk.banner.text == "" and not app.desk.ticks.faded


async def test_a_frame_without_changes_draws_no_row() -> None:
    link = FakeLink()
    async with desk(link) as (app, _):
        drawn = app.desk.ticks.lines_drawn
        link.on_message(StateFrame(full=False, status=sample.status()))
        app.paint()
        assert app.desk.ticks.lines_drawn == drawn


async def test_an_engine_that_sends_nothing_looks_old(monkeypatch: pytest.MonkeyPatch) -> None:
    link = FakeLink()
    async with desk(link, WIDE) as (app, pilot):
        shown = lambda: "".join(text for line in app.desk.status_bar._drawn for text, _ in line)  # noqa: E731
        later = app.view._frame_at + 3.5
        monkeypatch.setattr(app.view, "_clock", lambda: later)
        before = app.desk.ticks.rows
        app.paint()
        assert "no frame for 3 s" in shown() and "FEED" not in shown()
        assert app.desk.ticks.rows != before, "ages grow"
        link.on_message(sample.next_frame(1))
        app.paint()
        assert "no frame" not in shown() and "FEED" in shown()
        await pilot.pause()


async def test_a_restarted_engine_keeps_the_old_log_above_the_new() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("6")
        link.on_message(sample.full_frame())  # the same engine, reconnected
        assert list(app.view.logs.values()) == list(sample.logs())
        link.on_message(sample.full_frame(started_ns=sample.NOW_NS - 1))
        app.paint()
        texts = [row.order[-1] for row in app.desk.logs.rows]
        assert texts == [row.text for row in (*sample.logs(),)] + ["— reconnected —"] + [
            row.text for row in sample.logs()
        ]
        assert list(app.view.logs) == sorted(app.view.logs) == [row.seq for row in app.view.logs.values()]
        await pilot.pause()


async def test_a_tape_replayed_anew_is_told_by_its_log() -> None:
    link = FakeLink()
    async with desk(link) as (app, _):
        again = tuple(msgspec.structs.replace(row, text=f"again {row.text}") for row in sample.logs())
        link.on_message(msgspec.structs.replace(sample.full_frame(), logs=again))
        texts = [row.text for row in app.view.logs.values()]
        assert texts == [
            *(row.text for row in sample.logs()),
            "— reconnected —",
            *(row.text for row in again),
        ]
