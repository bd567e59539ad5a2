"""Cancel, amend, close, flatten, kill at the keyboard: what is safe goes at once, the rest asks once."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from console.app import DeskApp
from console.screens.amend import AmendScreen
from console.screens.close import CloseScreen
from console.screens.confirm import ConfirmScreen
from engine.api.protocol import StateFrame
from engine.api.trading_protocol import AmendPatch, FlattenPatch, OrderPreview
from tests.console import sample_account
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, text_of, toasts, until

BTC = "simulated:BTC-USD"


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


def keys_shown(app: DeskApp) -> list[str]:
    return [row.key for row in app.desk.grid.rows]


async def test_c_cancels_the_selected_order_at_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "c")
        assert app.screen is app.desk and "order ord-0003: canceled" in toasts(app)
    assert link.sent == [("cancel", "ord-0003")]


async def test_capital_c_cancels_all_anywhere_at_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "1", "C")
        assert "canceled 2/2" in toasts(app)
    assert link.sent == [("cancel all",)]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (("1", "c"), "select the order to cancel first"),
        (("3", "m"), "select the order to amend first"),
        (("4", "]", "c"), "is filled: there is nothing to cancel"),
        (("4", "[", "m"), "is denied: there is nothing to amend"),
        (("4", "x"), "select the position to close first"),
    ],
)
async def test_without_something_selected_nothing_is_sent(keys: tuple[str, ...], says: str) -> None:
    link = FakeLink()
    names = {"]": "right_square_bracket", "[": "left_square_bracket"}
    async with desk(link) as (app, pilot):
        await press(pilot, *(names.get(key, key) for key in keys))
        assert any(says in text for text in toasts(app)) and app.screen is app.desk
    assert link.sent == []


async def test_the_cursor_stays_on_its_order_when_others_come() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j")
        new = msgspec.structs.replace(sample.orders()[0], id="ord-0099", created_ns=sample.NOW_NS)
        link.on_message(StateFrame(full=False, status=sample.status(1), orders=(new,)))
        app.paint()
        assert keys_shown(app)[0] == "ord-0099"
        await press(pilot, "c")
    assert link.sent == [("cancel", "ord-0003")]


async def test_the_tabs_of_the_orders() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await press(pilot, "4")
        assert keys_shown(app) == ["ord-0008", "ord-0003", "ord-0001", "ord-0000", "ord--002", "ord--001"]
        await press(pilot, "right_square_bracket")
        assert keys_shown(app) == ["ord-0007", "ord-0006", "ord-0002"]
        await press(pilot, "right_square_bracket")
        assert keys_shown(app) == ["ord-0005", "ord-0004"] and app.focused is app.desk.grid
        await press(pilot, "right_square_bracket")
        assert keys_shown(app)[0] == "ord-0008"
        assert "Orders ▸Working Filled Ended" in str(app.desk.orders.border_title)
        for id in ("ord-0008", "ord-0003", "ord-0001", "ord-0000", "ord--002", "ord--001"):
            app.view.orders[id] = msgspec.structs.replace(app.view.orders[id], state="filled")
        app.desk.paint(force=True)
        assert (
            "no order is at work · in the other tabs: 9 filled, 2 ended" in app.desk.grid.render_line(1).text
        )
        await press(pilot, "enter")
        assert toasts(app)[-1] == "no order stands in this tab: ] goes to the next"


async def test_an_order_is_amended_after_one_question() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "j", "m")
        screen = app.screen
        assert isinstance(screen, AmendScreen) and screen.form.cursor == "price"
        assert {field.key: field.value for field in screen.form.fields} == {
            "quantity": "0.58",
            "price": "3400",
        }
        assert "3.2 ahead of it in the queue" in text_of(app)
        await press(pilot, "enter")
        assert app.screen is screen and "nothing is changed yet" in text_of(app)
        await press(pilot, "3", "3", "9", "0", "up", "0", ".", "6", "enter")
        assert isinstance(app.screen, ConfirmScreen) and app.screen.choices.index == 0
        assert app.screen.choices.choices[0].label == "Back", "Cancel would read as of the order"
        assert "quantity 0.58 → 0.6, limit 3,400 → 3,390" in text_of(app)
        await press(pilot, "down", "enter", "enter")
        await until(pilot, lambda: app.screen is app.desk)
        assert "order ord-0001: change asked for" in toasts(app)
    assert link.sent == [("amend", "ord-0001", AmendPatch(quantity="0.6", price="3390"))]


async def test_what_risk_says_of_an_amendment_is_shown_before_it_is_sent() -> None:
    link = FakeLink()
    link.judged = sample_account.preview("PRICE_COLLAR")
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "j", "m", "9")
        await until(pilot, lambda: "risk ✗ PRICE_COLLAR" in text_of(app))
        await press(pilot, "enter")
        assert isinstance(app.screen, ConfirmScreen) and "risk ✗ PRICE_COLLAR" in text_of(app)
    assert link.sent == []


async def test_a_line_that_stands_still_leaves_no_old_verdict_on_an_amendment() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "j", "m", "9")
        screen = app.screen
        assert isinstance(screen, AmendScreen)
        await until(pilot, lambda: "approved" in text_of(app))
        gate, judge = asyncio.Event(), link.preview_amendment

        async def stalled(id: str, patch: AmendPatch) -> OrderPreview:
            await gate.wait()
            return await judge(id, patch)

        link.preview_amendment = stalled  # type: ignore[method-assign]
        screen.follow()
        await until(pilot, lambda: screen.judged_since is not None)
        assert screen.judged_since is not None
        screen.judged_since -= 3
        screen.follow()
        assert "no answer for" in text_of(app) and "approved" not in text_of(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, ConfirmScreen)
        assert "no answer for" in text_of(app) and "approved" not in text_of(app)
        gate.set()
        await until(pilot, lambda: "approved" in text_of(app))
        assert "no answer" not in text_of(app)
    assert link.sent == []


async def test_the_question_of_an_amendment_is_judged_and_follows_its_order() -> None:
    link = FakeLink()
    link.judged = sample_account.preview("PRICE_COLLAR")
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "j", "m", "9", "enter")
        assert isinstance(app.screen, ConfirmScreen)
        await until(pilot, lambda: "risk ✗ PRICE_COLLAR" in text_of(app))
        done = msgspec.structs.replace(app.view.orders["ord-0001"], state="filled")
        link.on_message(StateFrame(full=False, status=sample.status(1), orders=(done,)))
        (amend,) = [screen for screen in app.screen_stack if isinstance(screen, AmendScreen)]
        amend.follow()
        await until(pilot, lambda: "the order is filled: there is nothing to amend" in text_of(app))
    assert link.sent == []


@pytest.mark.parametrize("key", ["X", ":kill"])
async def test_the_question_of_what_closes_all_counts_what_is_there_by_now(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.screens.confirm.REFRESH_S", 0.01)
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *(("X",) if key == "X" else ("colon", *"kill", "enter")))
        assert isinstance(app.screen, ConfirmScreen) and "close 3 positions" in text_of(app)
        closed = [msgspec.structs.replace(row, quantity="0") for row in app.view.positions.values()][:2]
        link.on_message(StateFrame(full=False, status=sample.status(1), positions=tuple(closed)))
        await until(pilot, lambda: "close 1 position" in text_of(app))
    assert link.sent == []


@pytest.mark.parametrize(
    ("levels", "first"),
    [({"stop_price": "3300"}, "stop_price"), ({"stop_price": "3300", "trail": "1%"}, "trail")],
    ids=["stop", "trailing stop"],
)
async def test_a_number_typed_at_once_is_the_level_of_an_order(levels: dict[str, str], first: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        row = msgspec.structs.replace(app.view.orders["ord-0001"], type="stop", price="", **levels)
        link.on_message(StateFrame(full=False, status=sample.status(1), orders=(row,)))
        await press(pilot, "4", "j", "j", "m")
        assert isinstance(app.screen, AmendScreen) and app.screen.form.cursor == first


async def test_a_refused_amendment_stays_to_be_mended() -> None:
    link = FakeLink()
    link.ok, link.reply = False, "order ord-0001: denied:PRICE_COLLAR 8.1 %, limit 2 %"
    async with desk(link, (60, 16)) as (app, pilot):
        await pilot.resize_terminal(80, 24)
        await press(pilot, "4", "j", "j", "m", "9", "enter", "down", "enter")
        await until(pilot, lambda: link.reply in " ".join(text_of(app).split()))
        assert isinstance(app.screen, AmendScreen)
        await press(pilot, "backspace", "enter")
        assert "limit: give a number" in text_of(app)


async def test_an_order_that_ends_meanwhile_is_not_amended() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "4", "j", "j", "m", "9")
        done = msgspec.structs.replace(app.view.orders["ord-0001"], state="filled")
        link.on_message(StateFrame(full=False, status=sample.status(1), orders=(done,)))
        await press(pilot, "enter")
        assert "the order is filled: there is nothing to amend" in text_of(app)
    assert link.sent == []


@pytest.mark.parametrize(
    ("keys", "patch"),
    [
        (("down", "enter"), FlattenPatch(symbol=BTC, percent=100.0)),
        (("down", "down", "enter"), FlattenPatch(symbol=BTC, percent=75.0)),
        (("down", "right", "j", "j", "j", "enter"), FlattenPatch(symbol=BTC, percent=25.0, type="limit")),
        (("left", "space", "j", "j", "j", "enter", "enter"), FlattenPatch(symbol=BTC, percent=50.0)),
    ],
)
async def test_x_closes_a_part_after_one_question(keys: tuple[str, ...], patch: FlattenPatch) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "3", "x")
        assert isinstance(app.screen, CloseScreen) and app.screen.choices.index == 0
        assert "sell 0.0312 at the market" in app.screen.choices.choices[1].detail
        await press(pilot, *keys)
        assert app.screen is app.desk
        assert any("closed 3/3" in text for text in toasts(app))
    assert link.sent == [("flatten", patch)]


@pytest.mark.parametrize("key", ["enter", "escape", "q"])
async def test_closing_can_be_left(key: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "3", "j", "j", "x")
        assert "▼ SHORT 3,824.5 XRP-USD" in text_of(app)
        assert isinstance(app.screen, CloseScreen)
        assert "buy ~956.125 at the market" in app.screen.choices.choices[4].detail
        await press(pilot, key)
        assert app.screen is app.desk
    assert link.sent == []


@pytest.mark.parametrize("size", [COMPACT, WIDE], ids=str)
async def test_the_receipt_of_flatten_stands_until_escape(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        await press(pilot, "X", "down", "enter")
        assert "FLATTEN: canceled 2/2, closed 3/3, verified flat in 1.2 s" in app.desk.banner.text
        await press(pilot, "escape")
        assert app.desk.banner.text == ""


async def test_a_desk_that_is_not_flat_is_told_in_the_notice() -> None:
    link = FakeLink()
    link.ok, link.reply = False, "canceled 2/2, closed 2/3, NOT FLAT: simulated:BTC-USD: no quote"
    async with desk(link) as (app, pilot):
        await press(pilot, "X", "down", "enter")
        assert app.desk.notice == f"FLATTEN: {link.reply}" == app.desk.banner.text


async def test_the_kill_switch_is_in_the_palette_and_asks_with_cancel_first() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("ctrl+p", *"kill")
        palette = app.screen
        await until(pilot, lambda: bool(palette.query_one("CommandList", OptionList).option_count))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) or app.screen is palette)
        if app.screen is palette:
            await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert isinstance(app.screen, ConfirmScreen) and app.screen.choices.index == 0
        assert "cancel 6 orders, close 3 positions" in text_of(app)
        await press(pilot, "down", "enter", "enter")
        await until(pilot, lambda: bool(app.desk.receipt))
        assert app.desk.receipt == "KILL: canceled 4/4, closed 3/3, verified flat in 1.2 s; HALTED"
    assert link.sent == [("kill",)]


async def test_leaving_can_kill_and_stays_to_show_the_receipt() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "q", "up", "enter")
        await until(pilot, lambda: "KILL: " in app.desk.receipt)
        assert app.is_running and app.screen is app.desk
    assert link.sent == [("kill",)]


async def test_totals_are_not_known_before_the_engine_says_them() -> None:
    link = FakeLink()
    link.balance = None
    async with desk(link) as (app, pilot):
        await press(pilot, "3")
        assert "not known yet" in app.desk.positions.totals.render_line(0).text


async def test_one_question_about_the_account_at_a_time() -> None:
    link = FakeLink()
    gate, asked, account = asyncio.Event(), 0, link.account

    async def slow():  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        await gate.wait()
        return await account()

    link.account = slow  # type: ignore[method-assign]
    async with desk(link) as (app, pilot):
        await press(pilot, "3")
        before = asked
        assert before == 1
        for _ in range(3):
            app.ask_anew()
            await pilot.pause()
        assert asked == 1
        gate.set()
        await until(pilot, lambda: app.view.account is not None)
        app.paint()
        await pilot.pause()
        line = app.desk.positions.totals.render_line(0).text
        assert "gross ~5,979.46 6.0%" in line and "fees 3.00" in line


async def test_the_account_is_asked_for_only_where_its_totals_are_seen() -> None:
    link = FakeLink()
    asked, account = 0, link.account

    async def counted():  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        return await account()

    link.account = counted  # type: ignore[method-assign]

    async def questions(app: DeskApp, pilot: Pilot[None]) -> int:
        """Of two frames, long after the last question."""
        await until(pilot, lambda: not app._asking)  # a frame of the app's own may just have asked
        before = asked
        app._asked_at.clear()
        for _ in range(2):
            app.paint()
            await pilot.pause()
        return asked - before

    async with desk(link, COMPACT) as (app, pilot):
        await press(pilot, "1")
        assert await questions(app, pilot) == 0, "the pane is hidden"
        await press(pilot, "3")
        await until(pilot, lambda: app.view.account is not None)
        assert await questions(app, pilot) == 1, "not again so soon"
        await press(pilot, "f")
        assert await questions(app, pilot) == 0, "the display is frozen"
        await press(pilot, "f")
        assert await questions(app, pilot) == 1


async def test_a_resume_is_of_the_state_that_was_asked_about() -> None:
    """The desk halted itself behind the question whether to go up from REDUCING."""
    link = FakeLink()
    async with desk(link) as (app, pilot):
        link.on_message(StateFrame(full=False, status=sample.status(1, risk_state="reducing")))
        app.paint()
        await press(pilot, "A", "down")
        link.on_message(StateFrame(full=False, status=sample.status(2, risk_state="halted")))
        await press(pilot, "enter")
        assert link.sent == []
        assert "NOT SENT: the desk is HALTED by now: A asks again" in toasts(app)
        await press(pilot, "A", "down", "down", "enter")
    assert link.sent == [("risk", "active")]


async def test_a_question_about_a_position_follows_it() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "3", "x")
        assert isinstance(app.screen, CloseScreen)
        row = app.view.positions[BTC]
        for quantity, says in (("-0.5", "▼ SHORT 0.5 BTC-USD"), ("0", "nothing is held")):
            changed = msgspec.structs.replace(row, quantity=quantity)
            link.on_message(StateFrame(full=False, status=sample.status(1), positions=(changed,)))
            await until(pilot, lambda says=says: says in text_of(app))  # type: ignore[misc]
        assert app.screen.choices.choices[1].detail == "buy 0.5 at the market"
