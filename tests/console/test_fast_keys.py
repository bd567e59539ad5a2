"""Keys that come faster than the console gets round to them: what is typed is what is sent."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from textual.command import CommandList
from textual.events import Key

from console import keystrokes
from console.app import DeskApp
from console.screens.alerts import AlertScreen
from console.screens.amend import AmendScreen
from console.screens.confirm import ConfirmScreen
from console.screens.layouts import LayoutsScreen
from console.screens.limits import LimitsScreen
from console.screens.models import ModelsScreen
from console.screens.ticket import TicketScreen
from console.screens.weights import WeightsScreen
from engine.api.protocol import StateFrame, WeightsPatch
from engine.api.trading_protocol import AmendPatch, LimitRow
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import WIDE, desk, press, text_of, toasts, typing, until


async def burst(app: DeskApp, *keys: str, apart: int = 0) -> None:
    """As the driver's thread puts them into the application's queue; ``apart``: turns of the loop between."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))
        for _ in range(apart):
            await asyncio.sleep(0)


@pytest.mark.parametrize("apart", range(12))
async def test_a_size_has_all_its_digits(apart: int) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "3", "o", "down", "left", "down", "down")
        assert isinstance(app.screen, TicketScreen) and app.screen.form.cursor == "size"
        await burst(app, *"1234567890", apart=apart)
        await pilot.pause()
        assert {field.key: field.value for field in app.screen.form.fields}["size"] == "1234567890"
        await until(pilot, lambda: link.previewed[-1].quantity == "1234567890")


async def test_an_amendment_is_what_was_asked_about() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "m")
        assert isinstance(app.screen, AmendScreen)
        await burst(app, "ctrl+u", *"61000", "enter", "7")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.pause()
        assert "→ 61,000" in text_of(app)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: bool(link.sent))
    assert link.sent == [("amend", "ord-0003", AmendPatch(quantity="61000"))]


async def test_a_double_enter_asks_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "m")
        await burst(app, "ctrl+u", *"61000", "enter", "enter")
        for _ in range(20):
            await pilot.pause(0.01)
            assert sum(isinstance(screen, ConfirmScreen) for screen in app.screen_stack) <= 1


@pytest.mark.parametrize("apart", range(8))
async def test_a_value_is_sent_for_the_row_it_was_typed_for(apart: int) -> None:
    link = FakeLink()
    link.gate = asyncio.Event()  # no answer yet
    async with desk(link) as (app, pilot):
        await press(pilot, "w")
        await until(pilot, lambda: bool(getattr(app.screen, "fields", None)))
        await burst(app, "enter", "4", "enter", "escape", "j", "enter", apart=apart)
        await pilot.pause(0.05)
        assert isinstance(app.screen, WeightsScreen)
        first, second = list(app.screen.fields)[:2]
        assert app.screen.editing == second
    assert link.sent == [("weights", WeightsPatch(**{first: 4.0}))]


async def test_values_come_over_a_line_that_takes_longer_than_they_are_asked_anew() -> None:
    link = FakeLink()
    asked = link.weights

    async def slow() -> object:
        await asyncio.sleep(1.3)
        return await asked()

    link.weights = slow  # type: ignore[assignment,method-assign]
    async with desk(link) as (app, pilot):
        await press(pilot, "w")
        assert isinstance(app.screen, WeightsScreen)
        await pilot.pause(2.0)
        assert app.screen.fields


async def test_keys_wait_for_the_limits_of_another_scope() -> None:
    link = FakeLink()
    gate = asyncio.Event()
    asked = link.limits

    async def slow() -> object:
        await gate.wait()
        return await asked()

    async with desk(link) as (app, pilot):
        await press(pilot, "L")
        await until(pilot, lambda: bool(getattr(app.screen, "fields", None)))
        screen = app.screen
        assert isinstance(screen, LimitsScreen)
        link.limits = slow  # type: ignore[assignment,method-assign]
        await press(pilot, "right_square_bracket", "j")
        gate.set()
        await press(pilot, "enter")
        await until(pilot, lambda: bool(screen.fields))
        await pilot.pause()
        assert screen.scope == "exits" and screen.editing == list(screen.fields)[1]


async def test_keys_wait_for_the_models_that_they_are_meant_for() -> None:
    link = FakeLink()
    link.models_gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, "M", "j")
        link.models_gate.set()
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: bool(screen.grid.rows))
        await pilot.pause()
        assert screen.grid.cursor_key == screen.grid.rows[1].key


async def test_an_order_that_has_just_gone_lets_no_key_fall_on_the_next() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j")
        row = app.view.orders[app.desk.grid.cursor_key or ""]
        filled = msgspec.structs.replace(row, state="filled")
        link.on_message(StateFrame(full=False, status=sample.status(1), orders=(filled,)))
        app.paint()
        await press(pilot, "c")
        assert link.sent == []
        assert any("has just gone" in text for text in toasts(app))


async def test_an_alert_is_what_was_typed_before_enter() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "1", "exclamation_mark")
        assert isinstance(app.screen, AlertScreen) and app.screen.form.cursor == "value"
        await burst(app, "ctrl+u", *"61000", "enter", "7")
        await until(pilot, lambda: bool(link.rules.rows()))
        assert [row.rule.value for row in link.rules.rows()] == [61000.0]


async def test_keys_after_a_search_act_on_what_it_left() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "slash")
        await burst(app, *"ltc", "enter", "c")
        await until(pilot, lambda: bool(link.sent))
    assert link.sent == [("cancel", "ord-0003")]


def first_of_palette(app: DeskApp) -> str:
    """What the palette would do at Enter."""
    for found in app.screen.query(CommandList):
        if found.highlighted is not None:
            return str(found.get_option_at_index(found.highlighted).prompt)
    return ""


@pytest.mark.parametrize("key", ["pageup", "pagedown"])
async def test_the_palette_outlives_a_page_before_it_is_filled(key: str) -> None:
    async with desk(FakeLink()) as (app, pilot):
        await burst(app, "ctrl+p", key, *"weights", key)
        await until(pilot, lambda: "weights" in first_of_palette(app))  # Enter takes what is found by then
        await burst(app, "enter")
        await until(pilot, lambda: isinstance(app.screen, WeightsScreen))


async def test_an_answer_for_the_scope_before_lets_no_key_go() -> None:
    """As after a limit was sent: what was asked then is not asked by the dialog's own rounds."""
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "L")
        await until(pilot, lambda: bool(getattr(app.screen, "fields", None)))
        screen, limits, gates = app.screen, link.limits, [asyncio.Event(), asyncio.Event()]
        assert isinstance(screen, LimitsScreen)
        waiting = iter(gates)

        async def slowly() -> list[LimitRow]:
            if gate := next(waiting, None):
                await gate.wait()
            return await limits()

        link.limits = slowly  # type: ignore[method-assign]
        before = asyncio.create_task(screen._load())
        await asyncio.sleep(0)
        await burst(app, "tab", "enter", "7")
        await pilot.pause(0.05)
        for gate in gates:
            gate.set()
            await pilot.pause(0.05)
        await before
        assert screen.editing and screen._input.value == "7"


async def test_keys_after_a_typed_command_are_meant_for_what_it_leads_to() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await burst(app, "colon", *"freeze", "enter", "colon", *"zoom", "enter")
        await until(pilot, lambda: app.desk.frozen and app.desk.zoomed)
        await burst(app, "colon", "x", "escape", "minus", "3")
        await until(pilot, lambda: app.desk.active == 3)
        assert not app.desk.zoomed and not typing(app)


@pytest.mark.parametrize("count", (1, 2, 5))
async def test_keys_on_their_way_when_the_console_ends_are_no_crash(count: int) -> None:
    async with desk(FakeLink()) as (app, _):
        await burst(app, *("j", "G", "d", "w", "F", "M") * count)
        app.exit()
    assert app.return_code == 0


@pytest.mark.parametrize("apart", range(8))
@pytest.mark.parametrize(
    ("opening", "sent"), [(("X",), "flatten"), (("3", "x"), "flatten"), (("A",), "")], ids=["X", "x", "A"]
)
async def test_an_answer_counts_whatever_is_pressed_behind_it(
    opening: tuple[str, ...], sent: str, apart: int
) -> None:
    """The Esc went first: the answer was lost, and then closed the desk below, which ended the console."""
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *opening)
        dialog = app.screen
        assert dialog is not app.desk
        await burst(app, *(("down",) if sent else ()), "enter", "escape", "enter", "escape", apart=apart)
        await until(pilot, lambda: app.screen is app.desk)
        await pilot.pause()
        assert [what[0] for what in link.sent] == ([sent] if sent else [])
        dialog.dismiss(None)
        assert app.screen is app.desk, "a dialog that has gone closes nothing"


async def test_a_key_for_a_dialog_that_takes_too_long_to_open_is_dropped_and_halt_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keystrokes, "_OPENING_S", 0.0)
    link = FakeLink()
    async with desk(link) as (app, pilot):
        for key in ("v", "s", "H"):
            await app.on_event(Key(key, key))
        await until(pilot, lambda: link.sent == [("risk", "halted")])
        assert isinstance(app.screen, LayoutsScreen) and app._exception is None
