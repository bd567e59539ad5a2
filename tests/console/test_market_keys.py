"""Pane 7 and the market screen by key: what is watched, when it is not, and what moves."""

from __future__ import annotations

import msgspec
import pytest

from console.app import DeskApp
from console.command_line.command import CommandError
from console.market import longer_than
from console.screens.desk import DeskScreen
from console.screens.market import MarketScreen
from console.screens.ticket import TicketScreen
from console.view import DeskView
from engine.api.market_protocol import TradeRow, Watch
from tests.console import sample_desk as desk_sample
from tests.console import sample_market as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, press, until
from tests.console.sample_desk import NOW_NS
from widgets.market.part import MarketPart

ETH = "simulated:ETH-USD"


def shown(part: MarketPart) -> str:
    return part.text()


async def test_the_selected_symbol_is_watched_while_the_market_is_in_sight() -> None:
    link = FakeLink()
    async with desk(link, COMPACT) as (app, pilot):
        assert link.watched == []  # nobody sees it: the wire is spared
        market = app.desk.market
        await press(pilot, "3", "7")  # the first position's
        await until(pilot, lambda: link.watched == [Watch(sample.SYMBOL)])
        app.paint()
        assert "64,218.37" in shown(market.chart)
        assert "┃" in shown(market.chart)
        await press(pilot, "right_square_bracket")
        assert "spread" in shown(market.ladder)
        assert market.ladder.has_focus
        await press(pilot, "right_square_bracket")
        app.paint()
        assert "◂ours" in shown(market.trades)
        assert "▸Trades" in str(market.border_title) and "spread 1.30" in str(market.border_title)

        await press(pilot, "right_square_bracket", "i")
        await until(pilot, lambda: link.watched[-1] == Watch(sample.SYMBOL, 300))
        app.paint()
        assert " 5m " in str(market.border_title)
        study = market.chart.study
        await press(pilot, "I")
        assert market.chart.study != study

        await press(pilot, "1", *"jjjj")
        await until(pilot, lambda: link.watched[-1] == Watch())  # out of sight again
        await press(pilot, "7")
        await until(pilot, lambda: link.watched[-1] == Watch(ETH, 300))
        app.paint()
        assert "C 3,412.55" in shown(market.chart)
        assert app.selected_symbol() == ETH  # what a ticket is opened for

        await press(pilot, "f")
        before = shown(market.chart)
        newer = TradeRow(NOW_NS, 9_999.0, 1.0, 1)
        link.on_message(sample.full_frame(full=False, symbol=ETH, interval_s=300, trades=(newer,)))
        app.paint()
        assert shown(market.chart) == before  # frozen: nothing moves
        await press(pilot, "f")
        assert "9,999" in str(market.border_title)
        assert link.watched[-1] == Watch(ETH, 300)

        before_replay, app.link = link, FakeLink()
        app.begin_with_desk()
        app.follow_market()
        await until(pilot, lambda: before_replay.watched[-1] == Watch())  # the desk behind is asked no more
        assert isinstance(app.link, FakeLink)
        assert [watch.interval_s for watch in app.link.watched] == [0]


@pytest.mark.parametrize(("size", "seen"), [(COMPACT, False), (WIDE, True)])
async def test_no_market_is_watched_before_it_is_known_whether_somebody_sees_it(
    size: tuple[int, int], seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    panes: list[int] = []
    on_mount = DeskScreen.on_mount

    def mount(screen: DeskScreen) -> None:
        on_mount(screen)
        app = screen.app
        assert isinstance(app, DeskApp)
        app.view.merge(desk_sample.full_frame())
        app.paint()
        panes.append(len(app.market_panes()))

    monkeypatch.setattr(DeskScreen, "on_mount", mount)
    link = FakeLink()
    async with desk(link, size):
        assert panes == [0]
        assert bool(link.watched) == seen


async def test_scrolling_stays_where_it_is_while_more_comes() -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        await press(pilot, "3", "7")
        link, market = app.link, app.desk.market
        assert isinstance(link, FakeLink)
        await until(pilot, lambda: app.view.market.frame is not None)
        app.paint()
        await press(pilot, "k", "k")
        assert market.chart.scrolled == 2
        last = sample.bars()[-1]
        newer = msgspec.structs.replace(last, open_ns=last.open_ns + 60_000_000_000)
        link.on_message(sample.full_frame(full=False, bars=(newer,), trades=(), fills=()))
        app.paint()
        assert market.chart.scrolled == 3
        assert "◂ 3 bars back" in shown(market.chart)
        await press(pilot, "G")
        assert market.chart.scrolled == 0

        await press(pilot, "right_square_bracket", "right_square_bracket", "j", "j", "j")
        link.on_message(sample.full_frame(full=False, bars=(), trades=sample.trades()[:5], fills=()))
        app.paint()
        assert "8 newer above" in shown(market.trades)
        await press(pilot, "G")
        assert market.trades.scrolled == 0
        await press(pilot, "left_square_bracket", "pagedown", "pagedown")
        assert "spread" not in "\n".join(shown(market.ladder).split("\n")[1:])
        await press(pilot, "G")
        assert "── spread" in shown(market.ladder)
        market.trades.focus()  # as a click does
        await pilot.pause()
        assert market.grid is market.trades


async def test_enter_shows_the_market_on_the_whole_screen() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await press(pilot, "3", "7")
        await until(pilot, lambda: app.view.market.frame is not None)
        await press(pilot, "enter")
        screen = app.screen
        assert isinstance(screen, MarketScreen)
        app.paint()
        await pilot.pause()
        pane = screen.pane
        assert [part.display for part in pane.grids] == [True, True, True]
        assert "entry" in shown(pane.chart)
        assert "spread" in shown(pane.ladder)
        await press(pilot, "h", "h", "left")
        assert pane.chart.scrolled == 3
        await press(pilot, "l", "pageup")
        assert pane.chart.scrolled > 10
        await press(pilot, "G", "right_square_bracket")
        assert pane.ladder.has_focus
        assert pane.title.startswith("Market Chart Book Trades · keys: Book · BTC-USD")
        await press(pilot, "f")
        assert app.desk.frozen and "FROZEN" in str(screen.query_one(".dialog").border_title)
        await press(pilot, "f", "o")
        assert isinstance(app.screen, TicketScreen)
        await press(pilot, "escape", "q")
        assert not isinstance(app.screen, MarketScreen)


async def test_the_command_line_shows_a_chart_and_a_layout_keeps_its_bars() -> None:
    link = FakeLink()
    link.market = lambda symbol: None
    async with desk(link, COMPACT) as (app, pilot):
        next(command for command in app.typed_commands() if command.name == "chart").run([ETH])
        await pilot.pause()
        app.paint()
        assert app.desk.active == 7
        assert app.market_symbol == ETH
        assert f"asking for {ETH}…" in shown(app.desk.market.chart)
        app.chart_interval_s = 900
        kept = app.capture_layout()
        app.chart_interval_s = 0
        app.take_up_layout(kept)
        assert app.chart_interval_s == 900
        layouts = next(command for command in app.typed_commands() if command.name == "layout")
        with pytest.raises(CommandError, match="needs a name"):
            layouts.run(["save", "\u200b\x07"])
        with pytest.raises(CommandError, match="needs a name"):
            layouts.run(["save"])


def test_bars_are_of_round_lengths_that_the_desks_own_make_up() -> None:
    assert longer_than(1) == [5, 15, 60, 300, 900]
    assert longer_than(60) == [300, 900, 3600, 14_400, 86_400]
    assert longer_than(7) == longer_than(0) == []


def test_another_engines_market_is_asked_for_anew() -> None:
    view = DeskView()
    view.merge(desk_sample.full_frame())
    view.merge(sample.full_frame())
    assert view.market.frame is not None
    view.merge(desk_sample.full_frame())
    assert view.market.frame is not None, "the same engine"
    view.merge(desk_sample.full_frame(started_ns=NOW_NS))
    assert view.market.frame is None and not view.market.trades and not view.market.bars
