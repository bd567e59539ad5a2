"""Settings and weights at the keyboard: what is typed is sent once, what is refused stays as it was."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from textual.events import Key
from textual.pilot import Pilot

from console.app import DeskApp
from console.screens.editor import Editor, parse
from console.screens.strategy import StrategyScreen
from console.screens.weights import WeightsScreen
from engine.api.protocol import StrategyPatch, WeightsPatch
from engine.errors import LinkError
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, text_of, toasts, until

TREND = ("5", "j", "j", "enter")
"""Opens the settings of the strategy called trend."""


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


def cells(app: DeskApp) -> dict[str, list[str]]:
    assert isinstance(app.screen, Editor)
    return {row.key: [text for text, _ in row.cells] for row in app.screen.grid.rows}


def typed(app: DeskApp) -> str:
    assert isinstance(app.screen, Editor)
    return app.screen._input.value


@pytest.mark.parametrize("size", [COMPACT, WIDE, (60, 16)], ids=str)
async def test_enter_opens_a_strategys_settings(size: tuple[int, int]) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND)
        await pilot.resize_terminal(*size)
        await pilot.pause()
        assert isinstance(app.screen, StrategyScreen)
        assert "EMA and MACD agree on a direction" in text_of(app) and "418 signals" in text_of(app)
        shown = cells(app)
        assert [row[0] for row in shown.values()] == [
            *("enabled", "weight", "budget %", "symbols", "ttl_s", "min_bars"),
        ]
        assert shown["param:min_bars"] == [
            "min_bars",
            "·",
            "30",
            "26",
            "2 to 200",
            "bars before the first signal",
        ]
        assert shown["param:ttl_s"][1] == "", "as by default"
        assert shown["symbols"][2] == "all"
        assert app.screen.grid.size.height >= 4 and app.focused is app.screen.grid
        await press(pilot, "G")
        assert "bars before the first signal" in text_of(app), "all of the row, where its columns are cut"
        await press(pilot, "escape")
        assert app.screen is app.desk
    assert link.sent == []


async def test_a_users_own_strategy_says_its_file_and_its_fault() -> None:
    link = FakeLink()
    link.details["mondays"] = msgspec.structs.replace(link.details["my_own"], name="mondays")
    async with desk(link) as (app, pilot):
        await press(pilot, "5", "j", "j", "j", "j", "j", "enter")
        said = text_of(app)
        assert "a user's own: strategies/my_own.py" in said
        assert "ZeroDivisionError: division by zero (the log has the traceback)" in said
        assert "uses 4.2 % of equity, budget 15 %" in said
        assert cells(app)["symbols"][2] == "kraken:BTC/USD" and cells(app)["param:loud"][2] == "on"


async def test_a_number_is_typed_and_sent_and_shown_at_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter")
        assert typed(app) == "1"
        await press(pilot, "2", ".", "5", "enter")
        assert link.sent == [("strategy", "trend", StrategyPatch(weight=2.5))]
        assert cells(app)["weight"][1:3] == ["·", "2.5"]
        assert "trend is changed" in text_of(app)
        assert isinstance(app.screen, Editor) and not app.screen.editing
        assert app.focused is app.screen.grid


@pytest.mark.parametrize(
    ("downs", "text", "patch"),
    [
        (2, "12.5", StrategyPatch(budget_pct=12.5)),
        (
            3,
            "kraken:BTC/USD, simulated:ETH-USD",
            StrategyPatch(symbols=("kraken:BTC/USD", "simulated:ETH-USD")),
        ),
        (4, "7", StrategyPatch(params={"ttl_s": 7.0})),
        (5, "40", StrategyPatch(params={"min_bars": 40})),
    ],
)
async def test_every_kind_is_sent_as_it_is_typed(downs: int, text: str, patch: StrategyPatch) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, *["j"] * downs, "enter")
        assert isinstance(app.screen, Editor)
        app.screen._input.value = text
        await press(pilot, "enter")
    assert link.sent == [("strategy", "trend", patch)]


async def test_nothing_typed_for_symbols_is_all_of_them() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "j", "j", "enter", "a", "backspace", "enter")
        assert cells(app)["symbols"][2] == "all"
    assert link.sent == [("strategy", "trend", StrategyPatch(symbols=()))]


@pytest.mark.parametrize("key", ["space", "enter"])
async def test_what_is_on_or_off_is_switched_without_typing(key: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, key)
        assert link.sent == [("strategy", "trend", StrategyPatch(enabled=False))]
        assert cells(app)["enabled"][1:3] == ["·", "off"]
        await press(pilot, key)
        assert link.sent[1:] == [("strategy", "trend", StrategyPatch(enabled=True))]
        await press(pilot, "j", "space")
        assert len(link.sent) == 2 and "enter edits" in text_of(app)


async def test_what_the_engine_refuses_stays_as_it_was() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter")
        link.fault = LinkError("strategies.trend.weight: must be above 0 and at most 100, not 900")
        await press(pilot, "9", "0", "0", "enter")
        assert "must be above 0 and at most 100, not 900" in text_of(app)
        assert cells(app)["weight"][2] == "1" and typed(app) == "900", "to be mended"
        link.fault = None
        await press(pilot, "backspace", "enter")
        assert link.sent[-1] == ("strategy", "trend", StrategyPatch(weight=90.0))
        assert cells(app)["weight"][2] == "90"


@pytest.mark.parametrize(
    ("text", "says"), [("2,5", "no number"), ("nan", "no number"), ("", "no number"), ("1_0", "no number")]
)
async def test_what_is_no_number_is_not_sent(text: str, says: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter")
        assert isinstance(app.screen, Editor)
        app.screen._input.value = text
        await press(pilot, "enter")
        assert says in text_of(app) and app.screen.editing
        await press(pilot, "escape")
        assert not app.screen.editing and cells(app)["weight"][2] == "1"
        await press(pilot, "escape")
        assert app.screen is app.desk
    assert link.sent == []


async def test_a_double_enter_sends_once() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter", "3", "enter", "enter")
        assert len(link.sent) == 1
        link.gate.set()
        await until(pilot, lambda: cells(app)["weight"][2] == "3")
        await pilot.pause()
        assert isinstance(app.screen, Editor) and not app.screen.editing, "nor opens it again"
    assert link.sent == [("strategy", "trend", StrategyPatch(weight=3.0))]


async def test_keys_behind_a_value_on_its_way_are_meant_for_what_comes_after_it() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter", "3", "enter", "G", "enter", "4", "0", "enter")
        assert len(link.sent) == 1 and typed(app) == "3", "not 340"
        link.gate.set()
        await until(pilot, lambda: len(link.sent) == 2)
    assert link.sent[0] == ("strategy", "trend", StrategyPatch(weight=3.0))
    assert link.sent[1] == ("strategy", "trend", StrategyPatch(params={"min_bars": 40}))


@pytest.mark.parametrize("how", ["refused", "esc"])
async def test_keys_behind_a_value_that_was_not_taken_or_given_up_do_nothing(how: str) -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter", "3", "enter", "G", "enter", "4")
        if how == "refused":
            link.fault = LinkError("weight: the engine is busy")
        else:
            await press(pilot, "escape")
        link.gate.set()
        await until(pilot, lambda: "busy" in text_of(app) or cells(app)["weight"][2] == "3")
        await press(pilot, "x")
        assert isinstance(app.screen, Editor) and app.screen.grid.cursor_key == "weight"
        assert bool(app.screen.editing) is (how == "refused"), "to be mended"
    assert len(link.sent) <= 1


async def test_keys_that_are_typed_do_not_walk_and_h_halts_while_a_number_is_typed() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter", "j", "k", "down", "pagedown")
        assert isinstance(app.screen, Editor)
        assert typed(app) == "jk" and app.screen.grid.cursor_key == "weight"
        await press(pilot, "H")
        assert typed(app) == "jk" and link.sent == [("risk", "halted")]
        await press(pilot, "escape", "j", "j", "enter", "E", "T", "H")
        assert typed(app) == "ETH", "part of a symbol"
    assert link.sent == [("risk", "halted")]


async def test_keys_wait_for_the_values_that_they_are_meant_for() -> None:
    """As on a slow line: the dialog is there before the engine has told its values."""
    link = FakeLink()
    link.values_gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, "5", "w", "j", "enter", "2", "5", "enter")
        assert isinstance(app.screen, WeightsScreen) and not app.screen.fields and link.sent == []
        assert app.screen.grid.empty == "asking the engine…"
        link.values_gate.set()
        await until(pilot, lambda: bool(link.sent))
        await press(pilot, "j", "enter")
        assert typed(app) == "15", "the row after it"
    assert link.sent == [("weights", WeightsPatch(speed=25.0))]


async def test_keys_that_wait_hinder_neither_a_halt_nor_esc() -> None:
    link = FakeLink()
    link.values_gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "j", "enter", "9", "enter", "H")
        assert link.sent == [("risk", "halted")]
        await press(pilot, "escape")
        assert app.screen is app.desk
        link.values_gate.set()
        await press(pilot, "j")
        assert app.screen is app.desk
    assert link.sent == [("risk", "halted")], "they went with their dialog"


async def test_keys_whose_values_never_came_do_nothing() -> None:
    link = FakeLink()
    link.fault = LinkError("the engine does not answer")
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND, "space")
        link.values_gate = asyncio.Event()
        await press(pilot, "escape", *TREND[3:], "space")
        link.values_gate.set()
        await until(pilot, lambda: "the engine does not answer" in text_of(app))
        link.fault = None
        assert isinstance(app.screen, StrategyScreen)
        app.screen.refresh_values()
        await until(pilot, lambda: bool(cells(app)))
        assert link.sent == []
        await press(pilot, "j", "enter")
        assert typed(app) == "1"


async def test_keys_that_come_together_act_in_their_order() -> None:
    """As from a paste, a slow line or a program: nothing is waited for between two keys."""
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        burst(app, *TREND)
        assert app.screen is app.desk, "nothing has run yet"
        await until(pilot, lambda: bool(getattr(app.screen, "fields", None)))
        burst(app, "j", "enter", "9", "4", "4", "backspace", "backspace", "2", ".", "left", "5", "enter")
        await until(pilot, lambda: bool(link.sent))
        assert link.sent == [("strategy", "trend", StrategyPatch(weight=925.0))]
        link.gate.set()
        await until(pilot, lambda: not app.screen.editing)  # type: ignore[attr-defined]
        burst(app, "enter", "7", "home", "1", "escape", "escape", "w")
        await pilot.pause()
        assert isinstance(app.screen, WeightsScreen)
    assert len(link.sent) == 1


def burst(app: DeskApp, *keys: str) -> None:
    """All at once into the application's queue, as the driver's thread does it."""
    for key in keys:
        name = {".": "full_stop"}.get(key, key)
        app.post_message(Key(name, key if len(key) == 1 else None))


async def test_a_strategy_that_has_no_settings_says_so_in_one_line() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await press(pilot, "5", "G", "enter")
        assert "unknown strategy volatility" in text_of(app)
        await press(pilot, "enter", "space", "j", "G")
        assert isinstance(app.screen, StrategyScreen) and not app.screen.editing


@pytest.mark.parametrize("pane", ["1", "3", "6"])
async def test_w_opens_the_weights_from_anywhere(pane: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, pane, "w")
        assert isinstance(app.screen, WeightsScreen)
        shown = cells(app)
        assert shown["technical"][:5] == ["T", "technical", "", "40 %", "68%"]
        assert shown["speed"][2:5] == ["·", "20 %", "16%"]
        assert shown["options"][4] == "absent"
        assert "sum 105 %" in text_of(app) and "ADA-USD" in text_of(app)
        (bar,) = [line for line in text_of(app).splitlines() if line.startswith("TTT")]
        assert len(bar) == 50 and bar.count("T") == 19 and set(bar) == set("TSMIONV")


async def test_a_weight_is_changed() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "w", "j", "enter", "1", "5", "enter")
        assert link.sent == [("weights", WeightsPatch(speed=15.0))]
        assert cells(app)["speed"][2:4] == ["", "15 %"]
        assert "sum 100 %" in text_of(app) and "part of the sum" not in text_of(app)
        await press(pilot, "escape")
        assert app.screen is app.desk


async def test_weights_without_a_symbol_and_without_signals() -> None:
    link = FakeLink()
    link.live = msgspec.structs.replace(link.live, inputs=(), score=None)
    async with desk(link) as (app, pilot):
        await press(pilot, "w")
        assert {row[4] for row in cells(app).values()} == {"absent"}


def test_parse_takes_what_a_person_types() -> None:
    assert parse("flag", " On ") is True and parse("flag", "no") is False
    assert parse("integer", " 12 ") == 12 and parse("number", "1e-3") == 0.001
    assert parse("list", " a:B , c:D/E  f:G") == ("a:B", "c:D/E", "f:G") and parse("list", "") == ()
    for kind, text in (("flag", "maybe"), ("integer", "1.5"), ("number", "inf"), ("number", "one")):
        with pytest.raises(ValueError, match="is n"):
            parse(kind, text)


async def test_an_answer_is_heard_when_the_dialog_is_closed_meanwhile() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *TREND)
        await until(pilot, lambda: bool(cells(app)))
        link.gate = asyncio.Event()
        await press(pilot, "space", "escape")
        assert app.screen is app.desk and link.sent == [("strategy", "trend", StrategyPatch(enabled=False))]
        link.gate.set()
        await until(pilot, lambda: bool(toasts(app)))
        assert "trend" in toasts(app)[-1]
