"""A frozen display: every pane of one moment, whichever is looked at, however it is turned over."""

from __future__ import annotations

from console.watchlist import Watchlist
from engine.api.protocol import StateFrame
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import WIDE, desk, press
from widgets.market.part import MarketPart


def shown(part: MarketPart) -> str:
    return "\n".join("".join(text for text, _ in line) for line in part.layout_lines(*part.size))


def flat_frame() -> StateFrame:
    """The desk a moment later: nothing is held, and all orders are gone."""
    frame = sample.full_frame()
    return StateFrame(full=True, status=frame.status, ticks=frame.ticks, last_seq=frame.last_seq)


async def test_a_pane_that_was_not_in_sight_shows_the_moment_of_the_freeze() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        held, orders = len(app.view.positions), len(app.view.orders)
        await press(pilot, "f")
        link.on_message(flat_frame())
        app.paint()
        await press(pilot, "3")
        assert len(app.desk.positions.grid.rows) == held > 0
        await press(pilot, "4")
        rows = len(app.desk.orders.grid.rows)
        for _ in range(2):
            await press(pilot, "right_square_bracket")
            rows += len(app.desk.orders.grid.rows)
        assert rows == orders > 0
        await press(pilot, "7")
        app.paint()
        assert "was not in sight before the freeze" in shown(app.desk.market.chart)
        await press(pilot, "f", "3")
        assert not app.desk.positions.grid.rows


async def test_a_frozen_desk_is_resized_and_shows_another_list_of_the_same_moment() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        held = len(app.view.positions)
        await press(pilot, "f")
        link.on_message(flat_frame())
        await pilot.resize_terminal(*WIDE)
        app.paint()
        await pilot.pause()
        assert len(app.desk.positions.grid.rows) == held
        app.desk.watchlist = Watchlist("mine", ("simulated:SOL-USD",))
        app.desk.paint(force=True)
        names = {row.key for row in app.desk.ticks.rows}
        assert {"simulated:SOL-USD", *(row.symbol for row in sample.positions())} <= names
        assert len(names) < len(app.view.ticks)


async def test_nothing_frozen_ages_or_fades_and_another_desk_is_not_frozen() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "f")
        still, now = app.desk.shown, app.desk.shown.now_ns
        app.view._clock = lambda: app.view._frame_at + 60.0
        assert app.view.is_past and app.view.now_ns > now
        assert not still.is_past and still.now_ns == now
        app.begin_with_desk()
        assert not app.desk.frozen


async def test_what_is_not_known_yet_is_not_frozen() -> None:
    async with desk(FakeLink()) as (app, pilot):
        app.view.status = None
        await press(pilot, "f")
        assert not app.desk.frozen


async def test_freeze_holds_the_panes_but_not_the_status() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        before = app.desk.ticks.rows
        await pilot.press("f")
        assert "FROZEN" in app.desk.banner.text
        link.on_message(sample.next_frame(8))
        app.paint()
        assert app.desk.ticks.rows == before
        assert app.desk.status_bar._view.status is not None
        assert app.desk.status_bar._view.status.engine_ns == sample.NOW_NS + 2 * sample.NS
        await pilot.press("f")
        assert app.desk.ticks.rows != before
        assert app.desk.banner.text == ""
