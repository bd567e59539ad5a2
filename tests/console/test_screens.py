"""Snapshots of the screens at both sizes in both themes; regenerate with ``--snapshot-update``."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from console.app import DeskApp
from console.colours import Colours
from console.link_protocol import LinkState
from console.memory import ConsoleMemory, Layout, Memory
from console.themes import Looks
from engine.alert_rule import AlertRule
from tests.console import sample_account
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink

SIZES = [(80, 24), (200, 50)]
THEME_NAMES = ["tickdesk-dark", "tickdesk-light"]


def still(app: DeskApp) -> DeskApp:
    """However long this machine takes, no frame is missed."""
    app.view._clock = lambda: app.view._frame_at
    return app


async def answered(pilot: Pilot[None]) -> None:
    """Until everything that was asked is drawn."""
    for _ in range(100):
        await pilot.pause()
        if all(worker.is_finished or worker.name == "_run_link" for worker in pilot.app.workers):
            break
    await pilot.pause()


async def drawn(app: DeskApp, pilot: Pilot[None]) -> None:
    """Until everything that is in sight was asked for and is drawn: one question at a time."""
    for _ in app.questions():
        app.paint()
        await answered(pilot)
    app.paint()
    await pilot.pause()


def take(snap_compare: Any, size: tuple[int, int], theme: str, *keys: str, **options: Any) -> None:
    """Compare the screen after ``keys``; frames come only where the test paints."""
    app = still(DeskApp(options.pop("link", None) or FakeLink(), theme=theme, frames_per_s=0.5, **options))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await drawn(app, pilot)
        for key in keys:
            await pilot.press(key)
        await drawn(app, pilot)

    assert snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.parametrize("theme", THEME_NAMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
class TestBothSizesAndThemes:
    def test_desk(self, snap_compare: Any, size: tuple[int, int], theme: str) -> None:
        take(snap_compare, size, theme, "2")

    def test_explain(self, snap_compare: Any, size: tuple[int, int], theme: str) -> None:
        take(snap_compare, size, theme, "2", "j", "enter")

    def test_help(self, snap_compare: Any, size: tuple[int, int], theme: str) -> None:
        take(snap_compare, size, theme, "5", "question_mark")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
class TestBothSizes:
    def test_strategy(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "5", "j", "j", "enter", "G")

    def test_watchlists(self, snap_compare: Any, size: tuple[int, int]) -> None:
        memory = ConsoleMemory()
        memory.memory.watchlists = {
            "majors": ["simulated:ETH-USD", "simulated:BTC-USD"],
            "to look at": ["simulated:XRP-USD"],
        }
        memory.memory.watchlist = "majors"
        take(snap_compare, size, "tickdesk-dark", "W", "j", "e", memory=memory)

    def test_command_line(self, snap_compare: Any, size: tuple[int, int]) -> None:
        keys = ("colon", *"buy", "space", *"bt", "tab", *"5", "space", *"@", "space", "tab", "tab")
        take(snap_compare, size, "tickdesk-dark", "1", *keys)

    def test_alert(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "3", "exclamation_mark", "up", "up", "left", "right")

    def test_alerts(self, snap_compare: Any, size: tuple[int, int]) -> None:
        link = FakeLink()
        for rule in (
            AlertRule("last", 70_000.0, symbol="simulated:BTC-USD", repeat=True, rearm=50.0),
            AlertRule("drawdown", 1.5, note="stop for today"),
            AlertRule("feed", 10.0),
        ):
            link.rules.add(rule, "test")
        keys = ("exclamation_mark", "exclamation_mark", "j")
        take(snap_compare, size, "tickdesk-dark", "1", "slash", *"usd", "enter", *keys, link=link)

    def test_strategy_edited(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "5", "j", "j", "enter", "j", "enter", "2", "x", "enter")

    def test_weights(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "w", "j")

    def test_signals(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "1", "enter")

    def test_automations(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "5", "left_square_bracket")

    def test_automation(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "5", "left_square_bracket", "j", "enter")

    @pytest.mark.parametrize("tab", ["working", "filled", "ended"])
    def test_orders(self, snap_compare: Any, size: tuple[int, int], tab: str) -> None:
        walked = ["working", "filled", "ended"].index(tab)
        take(snap_compare, size, "tickdesk-dark", "4", *["right_square_bracket"] * walked, "j")

    def test_limits(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "L", "j", "j")

    def test_limits_of_a_strategy(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "L", *["right_square_bracket"] * 10)

    def test_account(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "P")

    def test_feeds(self, snap_compare: Any, size: tuple[int, int]) -> None:
        shown = msgspec.structs.replace(sample.full_frame(), feeds=sample.feeds())
        take(snap_compare, size, "tickdesk-dark", "F", link=FakeLink(shown))

    def test_feeds_to_the_end(self, snap_compare: Any, size: tuple[int, int]) -> None:
        shown = msgspec.structs.replace(sample.full_frame(), feeds=sample.feeds())
        take(snap_compare, size, "tickdesk-dark", "F", "G", link=FakeLink(shown))

    def test_curve_and_performance(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "P", "G")

    @pytest.mark.parametrize("tab", ["equity", "risk", "latency", "funnel"])
    def test_desk_pane(self, snap_compare: Any, size: tuple[int, int], tab: str) -> None:
        walked = ["equity", "risk", "latency", "funnel"].index(tab)
        take(snap_compare, size, "tickdesk-dark", "8", *["right_square_bracket"] * walked)

    def test_risk(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "D")

    def test_models(self, snap_compare: Any, size: tuple[int, int]) -> None:
        take(snap_compare, size, "tickdesk-dark", "5", "right_square_bracket")


def test_a_users_strategy_at_the_least_size(snap_compare: Any) -> None:
    link = FakeLink()
    link.details["rapid_rise"] = link.details["my_own"]
    app = still(DeskApp(link, frames_per_s=0.5))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.paint()
        await pilot.press("5", "enter", "j", "j", "enter")
        await pilot.resize_terminal(60, 16)
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=prepare)


def test_layouts_at_the_least_size(snap_compare: Any) -> None:
    memory = ConsoleMemory()
    layouts = {"scalp": Layout(2, False, {}, {"ticks": (4, True)}, [5, 6]), "night": Layout(8, True)}
    memory.memory = Memory(layouts, "night")
    take(snap_compare, (60, 16), "tickdesk-dark", "v", "j", "s", memory=memory)


@pytest.mark.parametrize("pane", [1, 3, 4, 5, 6, 7])
def test_compact_pane(snap_compare: Any, pane: int) -> None:
    take(snap_compare, (80, 24), "tickdesk-dark", str(pane))


def test_medium(snap_compare: Any) -> None:
    take(snap_compare, (120, 36), "tickdesk-dark", "4")


def test_too_small(snap_compare: Any) -> None:
    take(snap_compare, (70, 20), "tickdesk-dark")


def test_leave_at_the_least_size(snap_compare: Any) -> None:
    take(snap_compare, (60, 16), "tickdesk-dark", "q")


def test_confirm(snap_compare: Any) -> None:
    take(snap_compare, (80, 24), "tickdesk-dark", "X")


TICKET = ("3", "o", "down", "right", "down", "down", "5")
"""A stop-limit, which has the most values, for the position in BTC-USD."""


@pytest.mark.parametrize("size", [(60, 16), *SIZES], ids=lambda size: f"{size[0]}x{size[1]}")
def test_ticket(snap_compare: Any, size: tuple[int, int]) -> None:
    take(snap_compare, size, "tickdesk-dark", *TICKET)


def test_ticket_denied(snap_compare: Any) -> None:
    link = FakeLink()
    link.judged = sample_account.preview("", "MAX_ORDER_NOTIONAL", "")
    take(snap_compare, (60, 16), "tickdesk-light", *TICKET, link=link)


def test_ticket_confirmed_at_the_least_size(snap_compare: Any) -> None:
    take(snap_compare, (60, 16), "tickdesk-dark", *TICKET, "enter")


def test_amend(snap_compare: Any) -> None:
    take(snap_compare, (80, 24), "tickdesk-dark", "4", "j", "j", "m", "3", "3")


@pytest.mark.parametrize("size", [(60, 16), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_close(snap_compare: Any, size: tuple[int, int]) -> None:
    take(snap_compare, size, "tickdesk-dark", "3", "x", "right", "j")


def test_receipt(snap_compare: Any) -> None:
    take(snap_compare, (80, 24), "tickdesk-dark", "3", "X", "down", "enter")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_drift_locks_and_unknown_money(snap_compare: Any, size: tuple[int, int]) -> None:
    worse = sample.full_frame(
        drifts=2, locked=("simulated:SOL-USD",), gateway="alpaca paper, dry run", equity="", day_pnl=""
    )
    take(snap_compare, size, "tickdesk-dark", "3", link=FakeLink(worse))


def test_first_run(snap_compare: Any) -> None:
    take(snap_compare, (80, 24), "tickdesk-dark", first_run=True)


def test_halted_for_a_long_reason(snap_compare: Any) -> None:
    halted = sample.full_frame(risk_state="halted", risk_reason="the day's loss is unknown: " * 6)
    take(snap_compare, (80, 24), "tickdesk-dark", "3", link=FakeLink(halted))


def test_resume(snap_compare: Any) -> None:
    halted = sample.full_frame(risk_state="halted", risk_reason="halted from the console")
    take(snap_compare, (80, 24), "tickdesk-dark", "E", link=FakeLink(halted))


def test_warming_up(snap_compare: Any) -> None:
    link = FakeLink(sample.full_frame(phase="warming up", phase_detail="62 %", stale_symbols=8))
    take(snap_compare, (120, 36), "tickdesk-dark", link=link)


def test_link_lost(snap_compare: Any) -> None:
    halted = sample.full_frame(risk_state="halted", risk_reason="daily loss")
    app = still(DeskApp(FakeLink(halted), frames_per_s=0.5))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.paint()
        app.link_changed(app.view, LinkState.LOST, "connection reset")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(200, 50), run_before=prepare)


@pytest.mark.parametrize("keys", [("3",), ("3", "X")], ids=["desk", "dialog"])
def test_no_color(snap_compare: Any, keys: tuple[str, ...]) -> None:
    take(snap_compare, (80, 24), "tickdesk-dark", *keys, looks=Looks(colours=Colours.NONE))


def test_sixteen_colours_and_ascii(snap_compare: Any) -> None:
    take(snap_compare, (80, 24), "tickdesk-dark", "3", looks=Looks(colours=Colours.SIXTEEN, ascii=True))


def test_leave_without_an_engine(snap_compare: Any) -> None:
    app = still(DeskApp(FakeLink(), frames_per_s=0.5))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.paint()
        app.link_changed(app.view, LinkState.ENGINE_GONE, "no engine runs: q leaves, `tickdesk` starts one")
        await pilot.press("q")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(70, 20), run_before=prepare)
