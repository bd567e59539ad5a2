"""The order ticket at the keyboard: judged while it is filled in, asked once, placed once."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from textual.pilot import Pilot

from console.app import DeskApp
from console.link_protocol import LinkState, NoAnswerError
from console.screens.confirm import ConfirmScreen
from console.screens.ticket import TicketScreen, sized
from console.standing import Standing
from console.view import DeskView
from engine.api.trading_protocol import OrderTicket
from engine.errors import LinkError
from engine.events import Check
from tests.console import sample_account
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, text_of, toasts, until
from widgets.ticket import BEGIN, TYPES, preview_lines, ticket_fields, ticket_of

BTC = "simulated:BTC-USD"
MARKET = ("3", "o", "down", "left")
"""Opens the ticket for the position in BTC-USD and makes it a market order."""


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


def shown(app: DeskApp) -> dict[str, str]:
    assert isinstance(app.screen, TicketScreen)
    return {field.key: field.value for field in app.screen.form.fields}


def placed(link: FakeLink) -> list[OrderTicket]:
    return [what[1] for what in link.sent if what[0] == "place"]  # type: ignore[misc]


async def judged(pilot: Pilot[None], app: DeskApp) -> None:
    await until(pilot, lambda: "risk " in text_of(app))


async def confirm(pilot: Pilot[None], app: DeskApp) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))


@pytest.mark.parametrize("size", [COMPACT, WIDE, (60, 16)], ids=str)
async def test_it_opens_for_the_selected_row_and_fits(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        await press(pilot, *(("3",) if size != (60, 16) else ()), "o")
        screen = app.screen
        assert isinstance(screen, TicketScreen) and app.focused is screen.form
        assert shown(app)["symbol"] == BTC and shown(app)["side"] == "buy"
        assert "held 0.0312" in text_of(app) and "give the size" in text_of(app)
        await press(pilot, "down", "right", "right")
        assert shown(app)["type"] == "stop_limit", "the type with the most values"
        bottom = max(widget.region.bottom for widget in screen.query("#said, #outcome, Form"))
        assert bottom < size[1] and screen.form.size.height == 7
        await press(pilot, "escape")
        assert app.screen is app.desk


async def test_an_order_is_judged_asked_for_and_placed_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "0", ".", "0", "5")
        await judged(pilot, app)
        said = text_of(app)
        assert "0.05 at ≈64,218.40  cost 3,210.92  fee 3.21" in said
        assert "then held 0.0812  cash 92,784.50" in said and "✓ approved  2 checks" in said
        assert link.previewed[-1] == OrderTicket(symbol=BTC, side="buy", quantity="0.05")
        await confirm(pilot, app)
        assert isinstance(app.screen, ConfirmScreen) and app.screen.choices.index == 0, "on Back"
        assert "▲ BUY 0.05 BTC-USD market GTC" in text_of(app)
        assert app.screen.choices.choices[0][:3] == ("cancel", "Back", "nothing is sent")
        await press(pilot, "enter")
        assert isinstance(app.screen, TicketScreen) and not placed(link), "Back was meant"
        await confirm(pilot, app)
        await press(pilot, "down", "enter", "enter")
        await until(pilot, lambda: app.screen is app.desk or bool(placed(link)))
        await pilot.pause()
        assert len(placed(link)) == 1 and placed(link)[0].token
        assert msgspec.structs.replace(placed(link)[0], token="") == link.previewed[-1]
        assert "buy 0.05 simulated:BTC-USD: sent" in toasts(app)


async def test_enter_before_the_engine_has_judged_waits_for_it() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        gate = asyncio.Event()
        preview = link.preview

        async def slow(ticket: OrderTicket):  # type: ignore[no-untyped-def]
            await gate.wait()
            return await preview(ticket)

        link.preview = slow  # type: ignore[method-assign]
        await press(pilot, *MARKET, "down", "down", "5", "enter", "enter")
        assert isinstance(app.screen, TicketScreen)
        gate.set()
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert placed(link) == []


async def test_the_question_tells_what_the_order_comes_to_now() -> None:
    """An answer may take minutes: it showed the price and the verdict of when it was asked."""
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "0", ".", "0", "5")
        await judged(pilot, app)
        screen = app.screen
        assert isinstance(screen, TicketScreen)
        await confirm(pilot, app)
        question = app.screen
        assert isinstance(question, ConfirmScreen) and "≈64,218.40" in text_of(app)
        answers = question.choices.region
        judged_now = msgspec.structs.replace(sample_account.verdict("PRICE_COLLAR"), detail="far " * 30)
        link.judged = msgspec.structs.replace(
            sample_account.preview(), price="61000", verdicts=(judged_now,), approved=False
        )
        screen.follow()
        await until(pilot, lambda: "≈61,000" in text_of(app) and "✗ PRICE_COLLAR" in text_of(app))
        assert question.choices.choices[1].detail == "risk denies it as it stands"
        await pilot.pause()
        assert question.choices.region == answers, "a click would meet another answer than it was meant for"
        link.error = "NOT SENT: the engine is gone"
        screen.follow()
        await until(pilot, lambda: "the engine is gone" in text_of(app))
        assert "NOT SENT" not in text_of(app), "nothing was to be sent yet"
        assert {style for line in question._lines.lines[:-1] for _, style in line} == {"stale"}
        link.error, link.judged = None, sample_account.preview()
        screen.follow()
        await until(pilot, lambda: "≈64,218.40" in text_of(app) and "approved" in text_of(app))
        assert question.choices.choices[1].detail == "" and not placed(link)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: bool(placed(link)))
        assert placed(link)[0].quantity == "0.05"


async def test_a_line_that_stands_still_leaves_no_old_verdict_as_it_was() -> None:
    """Ten seconds of an old price and "approved", until the request had given up."""
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "0", ".", "0", "5")
        await judged(pilot, app)
        screen = app.screen
        assert isinstance(screen, TicketScreen)
        gate, preview = asyncio.Event(), link.preview

        async def stalled(ticket: OrderTicket):  # type: ignore[no-untyped-def]
            await gate.wait()
            return await preview(ticket)

        link.preview = stalled  # type: ignore[method-assign]
        screen.follow()
        await until(pilot, lambda: screen.judged_since is not None)
        screen.follow()
        assert "approved" in text_of(app), "no line answers at once"
        assert screen.judged_since is not None
        screen.judged_since -= 3
        screen.follow()
        assert "no answer for 3 s" in text_of(app) and "approved" not in text_of(app)
        assert {style for line in screen._outcome.lines[:-1] for _, style in line} == {"stale"}
        gate.set()
        await judged(pilot, app)
        assert "no answer" not in text_of(app)

        await confirm(pilot, app)
        question = app.screen
        assert isinstance(question, ConfirmScreen)
        gate.clear()
        screen.follow()
        await until(pilot, lambda: screen.judged_since is not None)
        screen.judged_since -= 4
        screen.follow()
        assert "no answer for 4 s" in text_of(app) and "approved" not in text_of(app)
        assert {style for line in question._lines.lines[:-1] for _, style in line} == {"stale"}
        gate.set()
        await until(pilot, lambda: "approved" in text_of(app))


async def test_what_is_unconfirmed_keeps_its_token_and_is_placed_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "1")
        await judged(pilot, app)
        for fault in (NoAnswerError("the engine did not answer within 10 s"), None):
            await confirm(pilot, app)
            place = link.place

            async def unheard(ticket: OrderTicket, place=place, fault=fault):  # type: ignore[no-untyped-def]
                reply = await place(ticket)
                if fault is not None:
                    raise fault
                return reply

            link.place = unheard  # type: ignore[method-assign]
            await press(pilot, "down", "enter")
            link.place = place  # type: ignore[method-assign]
            if fault is not None:
                await until(pilot, lambda: "places one order" in text_of(app))
                assert "ORDER NOT CONFIRMED" in app.desk.notice
        await until(pilot, lambda: app.screen is app.desk)
        assert len(placed(link)) == 2 and len(link.placed) == 1, "sent twice, one order"


async def test_a_ticket_for_paper_is_not_sent_to_a_desk_that_came_back_live() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "1")
        await judged(pilot, app)
        await confirm(pilot, app)
        assert app.view.status is not None
        app.view.status = msgspec.structs.replace(app.view.status, mode="live")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "the desk is live now" in text_of(app))
        assert not placed(link) and isinstance(app.screen, TicketScreen)


async def test_a_denied_order_says_why_and_may_be_sent_anew() -> None:
    link = FakeLink()
    link.judged = sample_account.preview("", "MAX_ORDER_NOTIONAL", "")
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "9")
        await judged(pilot, app)
        assert "✗ MAX_ORDER_NOTIONAL leg 2  6.42 % of equity, limit 5 % of equity" in text_of(app)
        await confirm(pilot, app)
        assert isinstance(app.screen, ConfirmScreen)
        assert app.screen.choices.choices[1].detail == "risk denies it as it stands"
        link.ok, link.reply = False, "buy 9: denied:MAX_ORDER_NOTIONAL"
        await press(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, TicketScreen) and link.reply in text_of(app))
        link.ok, link.reply = True, ""
        await confirm(pilot, app)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: app.screen is app.desk)
        tokens = [ticket.token for ticket in placed(link)]
        assert len(set(tokens)) == 2, "the refused one was used up"


async def test_what_the_engine_does_not_take_is_said_and_not_asked_for() -> None:
    link = FakeLink()
    link.error = "that is less than one lot (0.00001) of simulated:BTC-USD at 64218: give more"
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "0", "enter")
        await until(pilot, lambda: "less than one lot" in " ".join(text_of(app).split()))
        await pilot.pause(0.05)
        assert isinstance(app.screen, TicketScreen) and link.sent == []


async def test_a_limit_begins_at_the_touch_of_its_side_and_what_is_typed_stays() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        tick = msgspec.structs.replace(app.view.ticks[BTC], bid=64_210.0, ask=64_220.5)
        app.view.ticks[BTC] = tick
        await press(pilot, "3", "o")
        assert shown(app)["price"] == "64210"
        await press(pilot, "right")
        assert shown(app)["side"] == "sell" and shown(app)["price"] == "64220.5"
        await press(pilot, *["down"] * 4, "6", "5", "0")
        assert shown(app)["price"] == "650", "the first digit replaces what was offered"
        await press(pilot, *["up"] * 4, "left")
        assert shown(app)["price"] == "650"
        await press(pilot, "up", "right")
        assert shown(app)["symbol"] != BTC and shown(app)["price"] != "650"


@pytest.mark.parametrize("stale", [True, False])
async def test_a_stale_price_is_not_offered(stale: bool) -> None:
    async with desk(FakeLink()) as (app, pilot):
        app.view.ticks[BTC] = msgspec.structs.replace(app.view.ticks[BTC], bid=7.5, stale=stale)
        await press(pilot, "3", "o")
        assert shown(app)["price"] == ("" if stale else "7.5")
        assert ("~7.5" in text_of(app)) == stale
        app.view.ticks[BTC] = msgspec.structs.replace(app.view.ticks[BTC], bid=7.5, stale=False)
        app.screen.follow()  # type: ignore[attr-defined]
        assert shown(app)["price"] == "7.5", "offered as soon as it is known"


async def test_halt_works_while_a_number_is_typed() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "1", "H", "2")
        assert shown(app)["size"] == "12"
    assert ("risk", "halted") in link.sent


async def test_closing_it_does_not_cut_off_the_answer() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "1")
        await judged(pilot, app)
        await confirm(pilot, app)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: len(placed(link)) == 1)
        await press(pilot, "enter", "escape")
        assert app.screen is app.desk and len(placed(link)) == 1
        link.gate.set()
        await until(pilot, lambda: "buy 0.05 simulated:BTC-USD: sent" in toasts(app))


VALUES = {
    **BEGIN,
    **dict.fromkeys(("price", "stop_price", "trail", "stop_loss", "take_profit"), "7"),
    "symbol": BTC,
    "size": "2",
    "expire_s": "60",
    "post_only": "on",
    "reduce_only": "on",
    "trigger": "mark",
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_ticket_holds_what_its_type_takes_and_nothing_else(kind: str) -> None:
    values = {**VALUES, "type": kind}
    ticket = ticket_of(values, "t")
    fields = {field.key for field in ticket_fields(values, ())}
    assert (ticket.price is not None) == ("price" in fields) == (kind in ("limit", "stop_limit"))
    assert (ticket.trail is not None) == (kind == "trailing_stop")
    assert (ticket.stop_price is not None) == (kind in ("stop", "stop_limit", "take_profit"))
    assert ticket.post_only == ("post_only" in fields) and ticket.reduce_only
    assert ticket.expire_s is None and ticket.quantity == "2" and ticket.token == "t"
    assert (ticket.stop_loss, ticket.take_profit) == ("7", "7")
    assert ticket.trigger == ("mark" if "trigger" in fields else "last")
    assert ticket_of({**values, "time_in_force": "gtd"}).expire_s == 60.0
    assert len(fields) <= 15


@pytest.mark.parametrize("sizing", ["quantity", "notional", "equity_pct"])
def test_exactly_one_size_is_given(sizing: str) -> None:
    ticket = ticket_of({**VALUES, "sizing": sizing, "size": "2.5"})
    sizes = {"quantity": ticket.quantity, "notional": ticket.notional, "equity_pct": ticket.equity_pct}
    assert sizes.pop(sizing) == (2.5 if sizing == "equity_pct" else "2.5")
    assert set(sizes.values()) == {None}


@pytest.mark.parametrize("text", ["", "-", "1.2.3", "."])
def test_a_size_that_is_no_number_is_no_ticket(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        ticket_of({**VALUES, "size": text})


def test_a_share_is_sent_as_the_quantity_that_was_shown() -> None:
    preview = sample_account.preview()
    by_share = ticket_of({**VALUES, "type": "market", "sizing": "equity_pct", "size": "5"}, "t")
    sent = sized(by_share, preview)
    assert (sent.quantity, sent.equity_pct, sent.notional) == (preview.quantity, None, None)
    assert sent.token == "t" and sent.stop_loss == by_share.stop_loss
    whole = ticket_of({**VALUES, "type": "market"})
    assert sized(whole, preview) is whole


@pytest.mark.parametrize(("value", "limit", "style"), [("9190.50", "100000.00", "text"), ("7", "5", "bad")])
def test_the_preview_says_what_is_used_of_the_whole_exposure(value: str, limit: str, style: str) -> None:
    preview = sample_account.preview()
    check = Check("GROSS_LIMIT", style == "text", value, limit)
    verdict = msgspec.structs.replace(preview.verdicts[0], checks=(check,))
    lines = preview_lines(msgspec.structs.replace(preview, verdicts=(verdict,)))
    said = f"{float(value):,.0f} of {float(limit):,.0f}"
    assert any((said, style) in line for line in lines) and said.count(" of ") == 1
    unknown = msgspec.structs.replace(preview, verdicts=(verdict,), cash_after="")
    told = "".join(text for line in preview_lines(unknown) for text, _ in line)
    assert "gross" not in told, "no rate is known: its limit is in another currency"


async def test_a_ticket_before_the_first_symbol_says_so() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        app.view.ticks.clear()
        await press(pilot, "o")
        assert app.screen is app.desk and any("no symbol is known yet" in text for text in toasts(app))


async def test_a_refused_command_leaves_the_ticket_open() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *MARKET, "down", "down", "1")
        await judged(pilot, app)
        await confirm(pilot, app)

        async def refused(ticket: OrderTicket):  # type: ignore[no-untyped-def]
            raise LinkError("a reduce-only buy finds no position")

        link.place = refused  # type: ignore[method-assign]
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "a reduce-only buy finds no position" in toasts(app))
        assert isinstance(app.screen, TicketScreen)


async def test_prices_of_a_lost_link_are_marked_in_dialogs_and_none_is_offered() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "1", "o")
        await until(pilot, lambda: "bid " in text_of(app))
        assert "~" not in text_of(app)
        assert link.on_state is not None
        link.on_state(LinkState.LOST, "connection reset")
        assert isinstance(app.screen, TicketScreen)
        app.screen.follow()
        assert "bid ~" in text_of(app) and "stale" in text_of(app)
        await press(pilot, "escape", "o")
        assert not shown(app)["price"], "the touch of a while ago is no limit to begin with"
        await press(pilot, "escape")
        app.close_position(app.view.positions[BTC])
        await pilot.pause()
        assert "now ~" in text_of(app)


async def test_what_a_stop_watches_is_in_the_question() -> None:
    async with desk(FakeLink()) as (app, pilot):
        values = {"symbol": BTC, "type": "stop", "size": "0.01", "stop_price": "65000", "trigger": "mark"}
        app.open_ticket(values)
        await pilot.pause()
        await judged(pilot, app)
        await confirm(pilot, app)
        assert "trigger 65,000" in text_of(app) and "watches mid" in text_of(app)


async def test_its_title_follows_who_controls_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(FakeLink()) as (app, pilot):
        await press(pilot, "3", "o")
        screen = app.screen
        assert isinstance(screen, TicketScreen) and "not sent" not in screen._title
        monkeypatch.setattr(DeskView, "standing", Standing(watching=True, controller="pts/7"))
        screen.follow()
        assert "not sent from here" in str(screen.query_one(".dialog").border_title)
