"""Pictures of the screens at both sizes in three themes; regenerate with ``--snapshot-update``."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from console.app import DeskApp
from console.colours import Colours
from console.link_protocol import LinkState
from console.memory import ConsoleMemory, Layout, Memory
from console.themes import Looks
from engine.alert_rule import AlertRule
from engine.api.protocol import StateFrame
from engine.api.rows import PlaybackRow
from engine.events import NS
from tests.console import sample_account, sample_feeds
from tests.console import sample_desk as sample
from tests.console.conftest import THEMES, Compare
from tests.console.fake_link import FakeLink
from tests.console.pilot import until

SIZES = [(80, 24), (200, 50)]
DARK = THEMES[:1]
"""Enough for what the same screen also says."""


def still(app: DeskApp) -> DeskApp:
    """However long this machine takes, no frame is missed."""
    app.view._clock = lambda: app.view._frame_at
    return app


def at_rest(app: App[None]) -> bool:
    """Nothing is asked for any more."""
    return all(worker.is_finished or worker.name == "_run_link" for worker in app.workers)


async def answered(pilot: Pilot[None]) -> None:
    """Until everything that was asked is drawn."""
    for _ in range(100):
        await pilot.pause()
        if at_rest(pilot.app):
            break
    await pilot.pause()


async def drawn(app: DeskApp, pilot: Pilot[None]) -> None:
    """Until everything that is in sight was asked for and is drawn: one question at a time."""
    for _ in app.questions():
        app.paint()
        await answered(pilot)
    app.paint()
    await pilot.pause()


def take(compare_pictures: Compare, size: tuple[int, int], *keys: str, **options: Any) -> None:
    """Compare the screen after ``keys``; frames come only where the test paints."""
    themes = options.pop("themes", THEMES)
    app = still(DeskApp(options.pop("link", None) or FakeLink(), frames_per_s=0.01, **options))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await drawn(app, pilot)
        for key in keys:
            await pilot.press(key)
        await drawn(app, pilot)

    compare_pictures(app, size, prepare, themes)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
class TestBothSizes:
    def test_desk(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "2")

    def test_explain(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "2", "j", "enter")

    def test_help(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "5", "question_mark")

    def test_strategy(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "5", "j", "j", "enter", "G")

    def test_watchlists(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        memory = ConsoleMemory()
        memory.memory.watchlists = {
            "majors": ["simulated:ETH-USD", "simulated:BTC-USD"],
            "to look at": ["simulated:XRP-USD"],
        }
        memory.memory.watchlist = "majors"
        take(compare_pictures, size, "W", "j", "e", memory=memory)

    def test_command_line(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        keys = ("colon", *"buy", "space", *"bt", "tab", *"5", "space", *"@", "space", "tab", "tab")
        take(compare_pictures, size, "1", *keys)

    def test_alert(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "3", "exclamation_mark", "up", "up", "left", "right")

    def test_alerts(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        link = FakeLink()
        for rule in (
            AlertRule("last", 70_000.0, symbol="simulated:BTC-USD", repeat=True, rearm=50.0),
            AlertRule("drawdown", 1.5, note="stop for today"),
            AlertRule("feed", 10.0),
        ):
            link.rules.add(rule, "test")
        keys = ("exclamation_mark", "exclamation_mark", "j")
        take(compare_pictures, size, "1", "slash", *"usd", "enter", *keys, link=link)

    def test_strategy_edited(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "5", "j", "j", "enter", "j", "enter", "2", "x", "enter")

    def test_weights(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "w", "j")

    def test_signals(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "1", "enter")

    def test_automations(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "5", "left_square_bracket")

    def test_automation(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "5", "left_square_bracket", "j", "enter")

    @pytest.mark.parametrize("tab", ["working", "filled", "ended"])
    def test_orders(self, compare_pictures: Compare, size: tuple[int, int], tab: str) -> None:
        walked = ["working", "filled", "ended"].index(tab)
        take(compare_pictures, size, "4", *["right_square_bracket"] * walked, "j")

    def test_limits(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "L", "j", "j")

    def test_limits_of_a_strategy(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "L", *["right_square_bracket"] * 10)

    def test_account(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "P")

    def test_feeds(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        shown = msgspec.structs.replace(sample.full_frame(), feeds=sample_feeds.feeds())
        take(compare_pictures, size, "F", link=FakeLink(shown))

    def test_feeds_to_the_end(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        shown = msgspec.structs.replace(sample.full_frame(), feeds=sample_feeds.feeds())
        take(compare_pictures, size, "F", "G", link=FakeLink(shown))

    def test_curve_and_performance(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "P", "G")

    @pytest.mark.parametrize("tab", ["equity", "risk", "latency", "funnel"])
    def test_desk_pane(self, compare_pictures: Compare, size: tuple[int, int], tab: str) -> None:
        walked = ["equity", "risk", "latency", "funnel"].index(tab)
        take(compare_pictures, size, "8", *["right_square_bracket"] * walked)

    def test_risk(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "D")

    def test_models(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "5", "right_square_bracket")

    def test_filtered(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "1", "slash", *"btc")

    def test_layouts(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        take(compare_pictures, size, "v", "j", memory=with_layouts())

    def test_palette(self, compare_pictures: Compare, size: tuple[int, int]) -> None:
        app = still(DeskApp(FakeLink(), frames_per_s=0.01))

        async def prepare(pilot: Pilot[None]) -> None:
            await pilot.pause()
            await drawn(app, pilot)
            await pilot.press("ctrl+p")
            await pilot.pause()
            # To take it in three themes may last longer than half a second.
            app.screen.query_one(Input).cursor_blink = False
            await pilot.press(*"halt")
            await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 1)
            await until(pilot, lambda: at_rest(app))
            await drawn(app, pilot)

        compare_pictures(app, size, prepare)


def test_a_users_strategy_at_the_least_size(compare_pictures: Compare) -> None:
    link = FakeLink()
    link.details["rapid_rise"] = link.details["my_own"]
    app = still(DeskApp(link, frames_per_s=0.01))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.paint()
        await pilot.press("5", "enter", "j", "j", "enter")
        await pilot.resize_terminal(60, 16)
        await pilot.pause()

    compare_pictures(app, (80, 24), prepare, DARK)


def with_layouts() -> ConsoleMemory:
    memory = ConsoleMemory()
    layouts = {"scalp": Layout(2, False, {}, {"ticks": (4, True)}, [5, 6]), "night": Layout(8, True)}
    memory.memory = Memory(layouts, "night")
    return memory


def test_layouts_at_the_least_size(compare_pictures: Compare) -> None:
    take(compare_pictures, (60, 16), "v", "j", "s", memory=with_layouts(), themes=DARK)


@pytest.mark.parametrize("pane", [1, 3, 4, 5, 6, 7])
def test_compact_pane(compare_pictures: Compare, pane: int) -> None:
    take(compare_pictures, (80, 24), str(pane))


def test_medium(compare_pictures: Compare) -> None:
    take(compare_pictures, (120, 36), "4", themes=DARK)


def test_too_small(compare_pictures: Compare) -> None:
    take(compare_pictures, (70, 20), themes=DARK)


HALTED = sample.full_frame(risk_state="halted", risk_reason="halted from the console")
TICKET = ("3", "o", "down", "right", "down", "down", "5")
"""A stop-limit, which has the most values, for the position in BTC-USD."""


REPLAYED = sample.full_frame(
    mode="REPLAY",
    tape="monday.tape",
    playback=PlaybackRow("playing", 4.0, sample.NOW_NS, sample.NOW_NS - 900 * NS, sample.NOW_NS + 900 * NS),
)
DIALOGS: dict[str, tuple[tuple[str, ...], StateFrame | None]] = {
    "flatten": (("X",), None),
    "leave": (("q",), None),
    "ticket": (TICKET, None),
    "ticket confirmed": ((*TICKET, "enter"), None),
    "amend": (("4", "j", "j", "m", "3", "3"), None),
    "close": (("3", "x", "right", "j"), None),
    "control": (("K", "j"), None),
    "resume": (("E",), HALTED),
    "seek": (("T",), REPLAYED),
    "leave a replay": (("q",), REPLAYED),
}


@pytest.mark.parametrize("dialog", DIALOGS)
@pytest.mark.parametrize("size", [(60, 16), *SIZES], ids=lambda size: f"{size[0]}x{size[1]}")
def test_dialog(compare_pictures: Compare, size: tuple[int, int], dialog: str) -> None:
    keys, frame = DIALOGS[dialog]
    link = FakeLink() if frame is None else FakeLink(frame)
    take(compare_pictures, size, *keys, link=link, themes=DARK if size == (60, 16) else THEMES)


def test_ticket_denied(compare_pictures: Compare) -> None:
    link = FakeLink()
    link.judged = sample_account.preview("", "MAX_ORDER_NOTIONAL", "")
    take(compare_pictures, (60, 16), *TICKET, link=link, themes=DARK)


def test_receipt(compare_pictures: Compare) -> None:
    take(compare_pictures, (80, 24), "3", "X", "down", "enter", themes=DARK)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_drift_locks_and_unknown_money(compare_pictures: Compare, size: tuple[int, int]) -> None:
    worse = sample.full_frame(
        drifts=2, locked=("simulated:SOL-USD",), gateway="alpaca paper, dry run", equity="", day_pnl=""
    )
    take(compare_pictures, size, "3", link=FakeLink(worse), themes=DARK)


def test_first_run(compare_pictures: Compare) -> None:
    take(compare_pictures, (80, 24), first_run=True)


def test_halted_for_a_long_reason(compare_pictures: Compare) -> None:
    halted = sample.full_frame(risk_state="halted", risk_reason="the day's loss is unknown: " * 6)
    take(compare_pictures, (80, 24), "3", link=FakeLink(halted), themes=DARK)


def test_warming_up(compare_pictures: Compare) -> None:
    link = FakeLink(sample.full_frame(phase="warming up", phase_detail="62 %", stale_symbols=8))
    take(compare_pictures, (120, 36), link=link, themes=DARK)


def test_link_lost(compare_pictures: Compare) -> None:
    halted = sample.full_frame(risk_state="halted", risk_reason="daily loss")
    app = still(DeskApp(FakeLink(halted), frames_per_s=0.01))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await drawn(app, pilot)
        app.link_changed(app.view, LinkState.LOST, "connection reset")
        await drawn(app, pilot)

    compare_pictures(app, (200, 50), prepare)


@pytest.mark.parametrize("keys", [("3",), ("3", "X")], ids=["desk", "dialog"])
def test_no_color(compare_pictures: Compare, keys: tuple[str, ...]) -> None:
    take(compare_pictures, (80, 24), *keys, looks=Looks(colours=Colours.NONE), themes=DARK)


def test_sixteen_colours_and_ascii(compare_pictures: Compare) -> None:
    take(compare_pictures, (80, 24), "3", looks=Looks(colours=Colours.SIXTEEN, ascii=True), themes=DARK)


def test_leave_without_an_engine(compare_pictures: Compare) -> None:
    app = still(DeskApp(FakeLink(), frames_per_s=0.01))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.paint()
        app.link_changed(app.view, LinkState.ENGINE_GONE, "no engine runs: q leaves, `tickdesk` starts one")
        await pilot.press("q")
        await pilot.pause()

    compare_pictures(app, (70, 20), prepare, DARK)
