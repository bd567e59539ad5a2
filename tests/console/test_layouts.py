"""The desk's arrangement by keys: hidden panes, kept layouts, pane 8 and what stands behind it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from console import asking
from console.arrangements import captured, take_up
from console.memory import FILE, ConsoleMemory, Layout, Memory
from console.screens.account import AccountScreen
from console.screens.feeds import FeedsScreen
from console.screens.layouts import LayoutsScreen
from console.screens.risk import RiskScreen
from engine.api.protocol import EventFrame, StateFrame
from engine.api.trading_protocol import AccountDetail
from engine.errors import LinkError
from engine.events import RiskChange, RiskState
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, press, text_of, until
from widgets.desk_pane import EQUITY, FUNNEL, LATENCY, RISK


def shown(app: object) -> set[int]:
    return {number for number, pane in enumerate(app.desk.panes, 1) if pane.display}  # type: ignore[attr-defined]


async def test_layouts_are_kept_taken_up_begun_with_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / FILE
    async with desk(FakeLink(), WIDE, memory=ConsoleMemory(path)) as (app, pilot):
        screen = app.desk
        app.memory.memory.watchlists["majors"] = ["simulated:BTC-USD"]
        app.choose_watchlist("majors")
        await press(pilot, "1", "s", "4", "right_square_bracket")
        screen.hide(7)
        screen.hide(4)
        assert shown(app) == {1, 2, 3, 5, 6, 8} and screen.active == 1, "the hidden one is not active"
        await press(pilot, "v", "s", *"scalp", "enter")
        assert isinstance(app.screen, LayoutsScreen) and "scalp is saved" in text_of(app)
        kept = msgspec.json.decode(path.read_bytes(), type=Memory).layouts["scalp"]
        assert kept.hidden == [4, 7] and kept.tabs[4] == 1 and kept.sorts["ticks"] == (0, True)
        app.choose_watchlist("")
        await press(pilot, "b", "escape", "4", "7", "plus", "left_square_bracket")
        assert shown(app) == {7}, "who goes to a pane wants to see it"
        await press(pilot, "v", "s", *"zoom", "escape")
        assert "zoom" not in app.memory.memory.layouts, "esc keeps nothing"
        await press(pilot, "enter")
        assert app.screen is screen and shown(app) == {1, 2, 3, 5, 6, 8} and screen.orders.tab == 1
        assert app.desk.watchlist is not None and app.desk.watchlist.name == "majors"
        await press(pilot, "v", "d")
        assert not msgspec.json.decode(path.read_bytes(), type=Memory).layouts
    memory = ConsoleMemory(path)
    memory.memory = Memory({"scalp": kept}, "scalp")
    async with desk(FakeLink(), WIDE, memory=memory) as (app, _):
        assert shown(app) == {1, 2, 3, 5, 6, 8} and app.desk.ticks.sort_mode == "symbol ▼"


async def test_what_cannot_be_written_is_told_and_not_lost(tmp_path: Path) -> None:
    memory = ConsoleMemory(tmp_path / "missing" / FILE)
    async with desk(FakeLink(), (60, 16), memory=memory) as (app, pilot):
        await press(pilot, "v", "s", "enter")
        assert "needs a name" in text_of(app)
        await press(pilot, *"mine", "enter")
        assert "until you leave only" in text_of(app) and "mine" in memory.memory.layouts
        dialog = app.screen.query_one(".dialog")
        assert dialog.region.width <= 60 and dialog.region.bottom <= 16
        damaged = Layout(99, True, {4: 77, 1: 3, 9: 1}, {"ticks": (99, True), "?": (0, False)}, [*range(20)])
        memory.memory.layouts["mine"] = damaged
        await press(pilot, "enter")
        assert app.screen is app.desk
        await pilot.resize_terminal(*WIDE)
        await pilot.pause()
        assert shown(app) == {1} and captured(app.desk).sorts == {}, "what the desk does not have is left out"
        take_up(app.desk, Layout())
        assert shown(app) == set(range(1, 9))


async def test_totals_are_asked_for_anew_when_a_position_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else those of before the fill stand below it for as long as two seconds."""
    for name in ("ACCOUNT_S", "LIMITS_S"):
        monkeypatch.setattr(asking, name, 3600.0)
    monkeypatch.setattr(asking, "AFTER_FILL_S", 1e-9)
    link = FakeLink()
    async with desk(link, WIDE) as (app, pilot):
        asked, account = [], link.account

        async def counted() -> AccountDetail:
            asked.append({row.symbol: row.quantity for row in app.view.positions.values()})
            return await account()

        link.account = counted  # type: ignore[method-assign]
        wanted = {"account", "limits"}
        await until(pilot, lambda: wanted <= {*app._asked_at} and not app._overtaken and not app._asking)
        before, (row, *_) = len(asked), app.view.positions.values()
        for change in ({"unrealized": "1.00"}, {"quantity": "0.5"}):
            moved = msgspec.structs.replace(row, **change)  # type: ignore[arg-type]
            link.on_message(StateFrame(full=False, status=sample.status(1), positions=(moved,)))
            for _ in range(3):
                await until(pilot, lambda: not app._asking)
                app.paint()
        assert [held[row.symbol] for held in asked[before:]] == ["0.5"], "once, and for the quantity alone"


async def test_the_desks_pane_asks_for_what_it_shows_and_opens_what_stands_behind() -> None:
    link = FakeLink()
    async with desk(link, COMPACT) as (app, pilot):
        await press(pilot, "1")
        await until(pilot, lambda: not app._asking)
        app.ask_anew()
        await pilot.pause()
        assert not app._asked_at, "nothing of it is in sight"
        pane = app.desk.desk_pane
        behind = {EQUITY: AccountScreen, RISK: RiskScreen, LATENCY: FeedsScreen, FUNNEL: RiskScreen}
        await press(pilot, "8")
        for tab in (EQUITY, RISK, LATENCY, FUNNEL):
            asked = (
                {"curve", "limits", "account"} if tab == EQUITY else {"latency"} if tab == LATENCY else set()
            )
            await until(pilot, lambda asked=asked: asked <= {*app._asked_at} and not app._asking)  # type: ignore[misc]
            app.paint()
            assert pane.tab == tab and app.focused is pane.part
            await press(pilot, "enter")
            assert isinstance(app.screen, behind[tab])
            await press(pilot, "escape", "right_square_bracket")
        assert pane.tab == EQUITY
        assert "max_open_orders" in pane.equity.text() and "100,390" in pane.equity.text()
        assert pane.risk.rows[1].key == "max_open_orders" and "tick to order" in pane.latency.text()
        link.curve = None
        app._asked_at.clear()
        await until(pilot, lambda: "curve" in app._unanswered and not app._asking)
        assert app.view.curve is not None, "the line may have been cut: what is known is dimmed then"
        app._asked_at.clear()
        await until(pilot, lambda: app.view.curve is None)
        app.paint()
        assert "not known yet" in pane.equity.text()


async def test_the_risk_screen_tells_more_as_it_comes_and_survives_every_size() -> None:
    link = FakeLink()
    async with desk(link, WIDE) as (app, pilot):
        await press(pilot, "D")
        await until(pilot, lambda: "max_open_orders" in text_of(app))
        assert "2025-12-29 12:00:07  ACTIVE → HALTED  HALT key  by console" in text_of(
            app
        )  # of an earlier run
        change = RiskChange(
            state=RiskState.HALTED, previous=RiskState.ACTIVE, reason="lunch", who="a", ns=sample.NOW_NS
        )
        link.changes.insert(0, change)
        link.on_message(EventFrame(42, change))
        link.on_message(sample.full_frame(risk_state="halted", risk_reason="lunch"))
        for size in ((60, 16), (20, 5), (200, 50)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert isinstance(app.screen, RiskScreen)
        await until(pilot, lambda: "ACTIVE → HALTED  lunch" in text_of(app))
        link.fault = LinkError("the line was cut")
        await until(pilot, lambda: text_of(app).startswith("the line was cut"))
        link.fault = None
        app.view._clock = lambda: app.view._frame_at + 3  # an engine that hangs cuts no line
        await until(pilot, lambda: text_of(app).startswith("nothing from the engine"))
        await press(pilot, "escape")
        assert shown(app) == set(range(1, 9)) and app.focused is app.desk.grid


async def test_where_rows_are_few_market_and_desk_share_a_place() -> None:
    async with desk(FakeLink(), (120, 36)) as (app, pilot):
        assert shown(app) == {1, 2, 3, 4, 5, 6, 7}
        assert str(app.desk.market.border_subtitle) == "8 Desk stands here too"
        await press(pilot, "8")
        assert shown(app) == {1, 2, 3, 4, 5, 6, 8} and app.focused is app.desk.grid
        await press(pilot, "1")
        assert shown(app) == {1, 2, 3, 4, 5, 6, 8}, "the one that was chosen last stays"
        app.desk.action_hide_pane(8)
        assert shown(app) == {1, 2, 3, 4, 5, 6, 7} and not app.desk.market.border_subtitle
        for number in range(1, 9):
            app.desk.hide(number) if number not in app.desk.hidden else None
        assert len(shown(app)) == 1, "the last one stays"
        await press(pilot, "tab")
        assert app.focused is app.desk.grid


async def test_the_screen_is_sent_again_whatever_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        drawn: list[str] = []
        monkeypatch.setattr(app, "action_redraw", lambda: drawn.append(type(app.screen).__name__))
        for key in ("o", "ctrl+p", "colon"):
            await press(pilot, key)
            await press(pilot, "ctrl+l")
            while app.screen is not app.desk or app.focused is not app.desk.grid:
                await press(pilot, "escape")
        assert drawn == ["TicketScreen", "Palette", "DeskScreen"]
