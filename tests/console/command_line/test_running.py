"""Every command of the command line does what its key does, and says in place what it cannot do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Label

from console.app import DeskApp
from console.command_line.command import CommandError
from console.command_line.completion import understood
from console.keymap import KeyMap
from console.keymap.key_map import Given
from console.memory import ConsoleMemory, Layout
from console.screens.confirm import ConfirmScreen
from console.screens.feeds import FeedsScreen
from console.screens.ticket import TicketScreen
from engine.api.protocol import StrategyPatch, WeightsPatch
from engine.api.trading_protocol import FlattenPatch, LimitPatch
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import comes_true, desk, press, text_of, toasts, typing, until
from tests.console.sample_models import ACTIVE, GOOD, SHADOW
from widgets.command_line import CommandLine

BTC = "simulated:BTC-USD"


def line_of(app: DeskApp) -> CommandLine:
    return app.screen.query_one(CommandLine)


async def run(app: DeskApp, pilot: Pilot[None], text: str) -> None:
    """As the line does when ``text`` is entered there, without drawing one each time."""
    command, words = understood(text, app.known_commands())
    done = command.run(words)
    if done is not None:
        await done
    await pilot.pause(0)


async def typed(app: DeskApp, pilot: Pilot[None], text: str) -> None:
    """Enter ``text`` in the line and wait until it is done."""
    await app.action_command_line(text)
    line = line_of(app)
    await line.input.action_submit()
    assert await comes_true(pilot, lambda: not typing(app)), (text, line.said)


async def test_a_person_types_completes_errs_and_walks_back() -> None:
    """Key by key, at the least size."""
    link, memory = FakeLink(), ConsoleMemory()
    memory.memory.commands = ["freeze"]
    async with desk(link, (60, 16), memory=memory) as (app, pilot):
        await press(pilot, "colon")
        line = line_of(app)
        line.input.insert_text_at_cursor("\x1b]52;c;eA==\a\u202e")  # pasted
        assert line.input.value.isprintable()
        await press(pilot, "ctrl+u", *"buyx", "backspace", "tab")
        assert line.input.value == "buy " and line.said == " buy SYM SIZE [WORDS …]  SYM: the symbol"
        assert line.region.bottom == 16 and line.region.y >= 4  # the status stays in sight
        await press(pilot, "tab", "tab", "shift+tab", "shift+tab")
        assert line.input.value == "buy XRP-USD" and len(line.offered) == 8
        await press(pilot, "ctrl+u", *"buy", "space", *"bt", "tab")
        assert line.input.value == "buy BTC-USD "
        await press(pilot, *"1", "space", *"lever", "enter")
        await until(pilot, lambda: "lever is no part of an order" in line.said)
        assert (
            line.input.value == "buy BTC-USD 1 lever" and app.screen is app.desk and app.focused is line.input
        )
        await press(pilot, "up")
        assert line.input.value == "freeze"
        await press(pilot, "down")
        assert line.input.value == "buy BTC-USD 1 lever"
        await press(pilot, "H")  # is typed: a line holds letters
        assert link.sent == [] and line.input.value.endswith("H")
        assert line.query_one(".hint", Label).region.right == 60
        await press(pilot, "ctrl+g")
        assert link.sent == [("risk", "halted")] and line.input.value.endswith("H")
        await press(pilot, "escape")
        assert app.focused is app.desk.grid and not typing(app) and memory.memory.commands == ["freeze"]


async def test_one_key_halts_wherever_letters_are_typed() -> None:
    link, keys = FakeLink(), KeyMap([Given("test", "halt_anywhere", "ctrl+t f8")])
    async with desk(link, keys=keys) as (app, pilot):
        for opened, halts in (("/", "ctrl+t"), (":", "f8"), ("ctrl+p", "f8"), ("W a", "ctrl+t")):
            await press(pilot, *opened.split(), "h", halts)
            assert await comes_true(pilot, lambda: link.sent == [("risk", "halted")]), opened
            assert isinstance(app.focused, Input) and app.focused.value == "h"
            link.sent.clear()
            await press(pilot, "escape", "escape", "escape")
        assert app.screen is app.desk
        await press(pilot, "colon", "ctrl+g")
        assert link.sent == []  # it is another key now
        assert "ctrl+t HALT" in str(app.screen.query_one(".hint", Label).render())


async def test_an_order_is_filled_in_and_sent_by_the_ticket_alone() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await typed(app, pilot, "sell btc-usd $500 @ 60000 tp 50000 post")
        screen = app.screen
        assert isinstance(screen, TicketScreen)
        values = {field.key: field.value for field in screen.form.fields}
        assert (values["side"], values["sizing"], values["size"], values["price"]) == (
            "sell",
            "notional",
            "500",
            "60000",
        )
        await until(pilot, lambda: bool(link.previewed) and "risk" in text_of(app))
        assert link.previewed[-1].notional == "500" and link.previewed[-1].post_only and link.sent == []
        await press(pilot, "enter")
        assert isinstance(app.screen, ConfirmScreen) and app.screen.choices.index == 0
        await press(pilot, "down", "enter")
        await until(pilot, lambda: len(link.placed) == 1)
    assert [command for command, *_ in link.sent] == ["place"]


SENT: dict[str, tuple[object, ...]] = {
    "halt": ("risk", "halted"),
    "reduce": ("risk", "reducing"),
    "entries": ("risk", "reducing"),
    "cancel all": ("cancel all",),
    "cancel_all": ("cancel all",),
    "cancel sol-usd": ("cancel all", "simulated:SOL-USD"),
    "cancel ord-0008": ("cancel", "ord-0008"),
    "strategy rapid_rise off": ("strategy", "rapid_rise", StrategyPatch(enabled=False)),
    "automation tell_me off": ("automation", "tell_me", False),
    "weight speed 30": ("weights", WeightsPatch(speed=30.0)),
    "limit max_open_orders 1": ("limit", LimitPatch("desk", "max_open_orders", 1.0)),
    "limit max_position_pct 1 symbol:BTC-USD": (
        "limit",
        LimitPatch(f"symbol:{BTC}", "max_position_pct", 1.0),
    ),
    "model reload": ("reload",),
    "reload": ("reload",),
    f"model shadow {GOOD[:6]}": ("shadow", GOOD),
    "model shadow off": ("shadow", ""),
}
"""Sent at once."""
ASKS: dict[str, tuple[object, ...]] = {
    "flatten": ("flatten",),
    "kill": ("kill",),
    "close BTC-USD 50%": ("flatten", FlattenPatch(symbol=BTC, percent=50.0)),
    "close BTC-USD 12.5": ("flatten", FlattenPatch(symbol=BTC, percent=12.5)),
    "close BTC-USD": ("flatten", FlattenPatch(symbol=BTC, percent=100.0)),
    "limit max_open_orders default": ("limit", LimitPatch("desk", "max_open_orders", None)),
    "limit max_open_orders 150": ("limit", LimitPatch("desk", "max_open_orders", 150.0)),
    f"model activate {SHADOW}": ("activate", SHADOW),
    "model rollback": ("roll back",),
    "rollback": ("roll back",),
    "model deactivate": ("deactivate",),
    "model cancel": ("cancel training",),
}
"""Sent after one question, which begins at Cancel."""


async def test_a_line_that_is_left_leaves_the_pane_active() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for leave in (("escape",), (*"freeze", "enter")):
            await press(pilot, "2", "colon", *leave)
            await until(pilot, lambda: not typing(app))
            await pilot.pause()
            assert app.desk.active == 2 and app.focused is app.desk.grid


async def test_what_is_safer_is_sent_at_once_and_what_is_not_after_one_question() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        for line, command in (SENT | ASKS).items():
            link.sent.clear()
            await run(app, pilot, line)
            if line in ASKS:
                assert app.screen is not app.desk and link.sent == [], line
                await press(pilot, "down", "enter")
            came = await comes_true(pilot, lambda: bool(link.sent) and app.screen is app.desk)
            assert came and link.sent[-1] == command, (line, link.sent, toasts(app))
            await press(pilot, "escape")
            app.desk.notice = app.desk.receipt = ""
        link.on_message(sample.full_frame(risk_state="halted"))
        with pytest.raises(CommandError, match="HALTED already"):
            await run(app, pilot, "reduce")  # never upwards
        assert app.screen is app.desk


OPENS = {
    "buy ETH-USD 1": "TicketScreen",
    "sell ETH-USD 10%": "TicketScreen",
    "explain ord-0001": "ExplainScreen",
    "help": "HelpScreen",
    "limits": "LimitsScreen",
    "model": "ModelsScreen",
    "model train": "TrainingScreen",
    "strategy rapid_rise": "StrategyScreen",
    "automation tell_me": "AutomationScreen",
}


async def test_what_opens_a_screen_opens_the_one_of_its_key() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for line, name in OPENS.items():
            await run(app, pilot, line)
            await until(pilot, lambda: app.screen is not app.desk)
            assert type(app.screen).__name__ == name, line
            await press(pilot, "escape")
            assert app.screen is app.desk


async def test_the_screen_is_arranged_by_typing(tmp_path: Path) -> None:
    memory = ConsoleMemory(tmp_path / "console.json")
    memory.memory.watchlists["mine"] = [BTC]
    memory.memory.layouts["orders"] = Layout(pane=4)
    async with desk(FakeLink(), memory=memory, exports=tmp_path / "out") as (app, pilot):
        view = app.desk
        for line, holds in {
            "go ETH-USD": lambda: view.ticks.cursor_key == "simulated:ETH-USD",
            "chart XRP-USD": lambda: view.active == 7 and app.market_symbol == "simulated:XRP-USD",
            "go orders": lambda: view.active == 4,
            "go filled": lambda: view.orders.tab == 1,
            "go 2": lambda: view.active == 2,
            "pane3": lambda: view.active == 3,
            "sort symbol up": lambda: view.positions.grid.sort_mode.endswith("▲"),
            "sort none": lambda: not view.positions.grid.sort_mode,
            "filter usd": lambda: view.positions.grid.sought == "usd",
            "filter": lambda: not view.positions.grid.sought,
            "theme tickdesk-light": lambda: app.theme == "tickdesk-light",
            "layout orders": lambda: view.active == 4,
            "layout save now": lambda: memory.memory.layouts["now"].pane == 4,
            "watch mine": lambda: view.watchlist is not None and view.watchlist.name == "mine",
            "watch all": lambda: view.watchlist is None,
            "export": lambda: any((tmp_path / "out").glob("*.csv")),
            "screenshot": lambda: any((tmp_path / "out").glob("*.svg")),
            "zoom": lambda: view.zoomed,
            "unzoom": lambda: not view.zoomed,
            "freeze": lambda: view.frozen,
        }.items():
            await (typed if line in ("screenshot", "freeze") else run)(app, pilot, line)
            assert await comes_true(pilot, holds), line
            assert app.screen is view and not typing(app), line
        (picture,) = (tmp_path / "out").glob("*.svg")
        assert ":screenshot" not in picture.read_text() and "ETH-USD" in picture.read_text()
    again = ConsoleMemory(tmp_path / "console.json")
    again.load()
    assert again.memory.commands == ["screenshot", "freeze"] and "now" in again.memory.layouts


FAILS = {
    "byu BTC-USD 1": "no command is called byu; did you mean buy?",
    "buy DOGE-USD 1": "there is no symbol DOGE-USD",
    "buy BTC-USD": "SIZE is missing",
    "buy BTC-USD 0": "size: give a number above 0",
    "cancel ord-0007": "order ord-0007 is filled: nothing to cancel",
    "cancel nothing": "there is no symbol nothing",
    "close DOGE-USD": "there is no symbol DOGE-USD",
    "close ltc-usd": "ltc-usd: nothing of it is held",
    "cancel ADA-USD": "ADA-USD: no order of it is at work",
    "close BTC-USD 101%": "give 1% to 100%",
    "limit max_open_orders 500": "takes >= 1, <= 200, whole while the desk runs",
    "limit max_open_orders x": "'x' is no number; give one, or default",
    "limit max_opn_orders 5": "there is no limit of desk max_opn_orders; did you mean max_open_orders?",
    "limit max_open_orders 5 strategy:nope": "there is no scope strategy:nope",
    "weight speed fast": "'fast' is no number",
    "weight spede 5": "did you mean speed?",
    "strategy nope on": "there is no strategy nope",
    "strategy rapid_rise maybe": "there is no switch (on or off) maybe",
    "model activate zz": "there is no model zz",
    "model activate": "VERSION is missing",
    f"model activate {ACTIVE}": "is the active one already",
    "model reload now": "model reload takes no version",
    "theme pink": "there is no theme pink",
    "layout none": "there is no layout none",
    "watch none": "no watchlist is called none",
    "sort nothing": "there is no column nothing",
    "chart nowhere": "there is no symbol nowhere",
    "seek 50%": "this desk plays no tape",
    "go nowhere": "there is no symbol nowhere",
    "halt now": "now is too much: halt",
    "export ~nobody-of-this-name/x": "~nobody-of-this-name/x: ",
    f"export {'x' * 300}": "File name too long",
    f"replay {'x' * 300}": "no tape can be opened from here",
}


async def test_what_cannot_be_done_is_said_in_place_and_the_text_stays() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await app.action_command_line()
        line = line_of(app)
        for text, says in {**FAILS, "limit max_open_orders 5": "the engine is away"}.items():
            link.error = says if text not in FAILS else None
            line.begin(text)
            await line.input.action_submit()
            await until(pilot, lambda wanted=says: wanted in line.said and not line.waiting)
            assert line.input.value == text and app.focused is line.input
        assert not app.memory.memory.commands and link.sent == [] and not toasts(app)

        # What waits for an answer is dropped with its line, and asks and sends nothing later.
        link.models_gate, link.error = asyncio.Event(), None
        line.begin(f"model shadow {GOOD[:6]}")
        await line.input.action_submit()
        await until(pilot, lambda: line.waiting)
        await press(pilot, "escape")
        link.models_gate.set()
        await until(pilot, lambda: any("is not waited for any more" in text for text in toasts(app)))
        assert link.sent == [] and not typing(app)


async def test_what_is_typed_while_a_command_waits_is_done_after_it() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        link.models_gate = asyncio.Event()
        await press(pilot, "colon", *f"model shadow {GOOD[:6]}", "enter")
        line = line_of(app)
        await until(pilot, lambda: line.waiting)
        await press(pilot, "colon", *"x", "backspace", *"xy", "ctrl+u", *"sort symbol", "enter", "F")
        assert line.waiting and line.input.value == f"model shadow {GOOD[:6]}", "of the line that waits"
        link.models_gate.set()
        await until(pilot, lambda: isinstance(app.screen, FeedsScreen))
        assert app.memory.memory.commands == [f"model shadow {GOOD[:6]}", "sort symbol"]
        assert len(link.sent) == 1 and not typing(app)


async def test_what_is_typed_while_a_command_fails_is_for_nothing() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        link.models_gate, link.error = asyncio.Event(), "the engine is away"
        await press(pilot, "colon", *f"model shadow {GOOD[:6]}", "enter")
        line = line_of(app)
        await until(pilot, lambda: line.waiting)
        await press(pilot, "colon", *"flatten", "enter")
        link.models_gate.set()
        await until(pilot, lambda: "the engine is away" in line.said)
        assert line.input.value == f"model shadow {GOOD[:6]}" and typing(app) and link.sent == []
        await press(pilot, "escape")
        assert not typing(app) and app.screen is app.desk


def test_every_command_is_tried() -> None:
    """Those of a tape by the tests of replays, those of the market by its own."""
    names = {text.split()[0] for text in (*SENT, *ASKS, *OPENS, *FAILS)}
    names |= {"chart", "go", "sort", "filter", "theme", "layout", "watch", "export", "screenshot"}
    with_words = {name for name, command in DeskApp(FakeLink()).known_commands().items() if command.arguments}
    assert with_words - names <= {"alert", "alerts", "replay", "step", "seek", "speed"}
