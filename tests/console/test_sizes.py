"""The desk on terminals of every size: never blank, nothing clipped that has room."""

from __future__ import annotations

import msgspec

from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, until


async def test_sizes_change_live_and_are_never_blank() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for size, layout in (
            ((80, 24), "-compact"),
            ((60, 16), "-tiny"),
            ((120, 40), "-medium"),
            ((20, 5), "-tiny"),
            ((200, 50), "-wide"),
        ):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.desk.layout_name == layout
            assert app.desk.status_bar.size.height == (1 if layout == "-wide" else 2)
            if layout == "-tiny":
                assert app.desk.positions.display and "too small" in app.desk.banner.text
            elif layout == "-compact":
                assert app.desk.logs.size.height == 2
                assert app.desk.ticks.size.height == 24 - 2 - 1 - 2 - 1
            assert app.desk.keys.size.height == 1


async def test_a_long_reason_of_a_halt_stands_in_the_banner() -> None:
    reason = " ".join(["daily loss"] * 18)
    link = FakeLink(sample.full_frame(risk_state="halted", risk_reason=reason))
    async with desk(link) as (app, pilot):
        assert app.desk.banner.text == f"HALTED: {reason}"
        assert app.desk.banner.size.height == 3
        shown = "".join(app.desk.banner.render_line(y).text for y in range(3))
        assert " ".join(shown.split()) == f"HALTED: {reason}"
        short = sample.full_frame(risk_state="halted", risk_reason="lunch")
        link.on_message(msgspec.structs.replace(short, positions=()))  # nor a mark of a stale one
        app.paint()
        await pilot.pause()
        assert app.desk.banner.text == "" and not app.desk.banner.display


async def test_below_the_least_size_the_keys_work_on_the_positions() -> None:
    link = FakeLink()
    async with desk(link, (70, 20)) as (app, pilot):
        assert app.desk.grid is app.desk.positions.grid is app.focused
        assert [key for key, _ in app.desk.keys._keys] == ["H", "E", "x", "X", "q", "?"]
        await pilot.press("5", "space", "2", "enter", "j")
        await pilot.pause()
        assert app.screen is app.desk and app.desk.positions.grid.cursor_key == "simulated:DOT-USD"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.desk.active == 1 and app.focused is app.desk.ticks)
    assert link.sent == []


async def test_nothing_of_the_medium_layout_is_clipped() -> None:
    async with desk(FakeLink(), (120, 36)) as (app, _):
        assert app.desk.strategies.strategies.size.height >= 1 + 5
        assert app.desk.strategies.below.size.height == 1
        assert app.desk.ticks.size.height >= 1 + len(sample.PRICES)
        assert "fills 57" in app.desk.funnel.render_line(0).text
        assert "SCORE 8,902" in app.desk.funnel.render_line(1).text


async def test_the_drops_stand_below_the_opportunities_where_the_funnel_does_not_fit() -> None:
    async with desk(FakeLink()) as (app, pilot):
        assert not app.desk.funnel.display
        await pilot.press("2")
        await pilot.pause()
        assert app.desk.funnel.size.height == 1
        shown = app.desk.funnel.render_line(0).text
        assert "dropped SCORE 8,902 · SPREAD 310 · STALE_DATA 12 · POSITION_LIMIT 3" in shown
