"""Several consoles at one desk: what one that watches, or only reads, says and sends."""

from __future__ import annotations

import os

import msgspec

from console.app import DeskApp
from console.cli.arguments import parse
from console.identity import this_console
from console.screens.confirm import ConfirmScreen
from console.screens.leave import LeaveScreen
from console.screens.ticket import TicketScreen
from console.standing import Standing, standing
from engine.api.control_protocol import Console
from engine.api.control_protocol import parse as parse_name
from engine.api.protocol import StateFrame
from engine.api.trading_protocol import OrderTicket
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, press, text_of, toasts, until
from widgets.cells import width_of
from widgets.status import StatusView, status_items

ME = Console("0123abcd", "seat", "ana@pts/3/4242")
OTHER = Console("fedc9876", "seat", "bob@pts/5/99")
READS = msgspec.structs.replace(ME, access="read-only")


def frame(controller: Console | None, consoles: int = 2) -> StateFrame:
    full = sample.full_frame()
    named = ("", "") if controller is None else (controller.id, controller.label)
    status = msgspec.structs.replace(
        full.status, consoles=consoles, controller_id=named[0], controller=named[1]
    )
    return msgspec.structs.replace(full, status=status)


def link_of(console: Console, controller: Console | None) -> FakeLink:
    link = FakeLink(frame(controller))
    link.console = console
    return link


def test_a_console_names_itself_as_the_engine_reads_it() -> None:
    one, two = this_console(), this_console(read_only=True)
    assert parse_name(one.text) == one and parse_name(two.text) == two
    assert one.id != two.id and one.label.endswith(f"/{os.getpid()}") and two.read_only


def test_the_option_stands_before_the_command_or_after_it() -> None:
    for given in (["--read-only"], ["--read-only", "attach"], ["attach", "--read-only"]):
        assert parse(given).read_only, given
    assert not parse(["attach"]).read_only


def test_where_a_console_stands() -> None:
    def at(console: Console | None, controller: Console | None, *, up: bool = True) -> Standing:
        return standing(console, frame(controller).status, up=up)

    assert at(None, OTHER) == at(ME, OTHER, up=False) == Standing()
    mine, free, watches, reads = at(ME, ME), at(ME, None), at(ME, OTHER), at(READS, OTHER)
    assert mine.controls and mine.badge("K") == ("", "2 consoles") and not mine.refusal("K", safer=False)
    assert free.seat_is_free and not free.refusal("K", safer=False)
    assert watches.badge("K") == ("WATCHING", "pts/5 controls · K takes over")
    assert "pts/5 controls" in watches.refusal("K", safer=False) and not watches.refusal("K", safer=True)
    assert reads.badge("K") == ("READ ONLY", "pts/5 controls") and "READ ONLY" in reads.refusal(
        "K", safer=True
    )
    assert standing(READS, None, up=False).read_only
    token = standing(READS, frame(OTHER).status, up=True, token_reads=True)
    assert "token only reads" in token.refusal("K", safer=True) and "--read-only" not in token.refusal(
        "K", safer=False
    )
    assert token.badge("K") == reads.badge("K") and "--read-only" in reads.refusal("K", safer=False)


def test_the_badge_stays_when_there_is_hardly_room() -> None:
    view = StatusView(
        frame(OTHER).status, (), (), "up", control=("WATCHING", "pts/5 controls · K takes over")
    )
    assert status_items(view).second[0] == (0, ((" WATCHING ", "badge-warn"),))
    unseen = status_items(view._replace(status=None, control=("READ ONLY", "")))
    assert width_of(unseen.first[1][1]) == len(" READ ONLY ")


def bar(app: DeskApp) -> str:
    return "\n".join("".join(text for text, _ in line) for line in app.desk.status_bar._drawn)


async def test_a_console_that_watches_makes_the_desk_safer_and_takes_over_when_asked() -> None:
    link = link_of(ME, OTHER)
    async with desk(link, COMPACT) as (app, pilot):
        assert "WATCHING" in bar(app) and "pts/5 controls · K takes over" in bar(app)
        await press(pilot, "X")
        assert app.screen is app.desk and "pts/5 controls the desk" in toasts(app)[-1]
        await press(pilot, "R", "5", "space", "b")
        assert app.screen is app.desk  # nothing is asked that could not be sent
        await press(pilot, "escape", "H", "C")
        assert link.sent == [("risk", "halted"), ("cancel all",)]

        # A form opens, and what it holds stays while it is refused.
        await press(pilot, "1", "o")
        assert isinstance(app.screen, TicketScreen)
        assert "not sent from here" in str(app.screen.query_one(".dialog").border_title)
        await press(pilot, *"jjj1", "enter")
        await until(pilot, lambda: "pts/5 controls the desk" in text_of(app))
        assert isinstance(app.screen, TicketScreen), "nothing is asked that could not be sent"
        app.screen._asked = OrderTicket("simulated:BTC-USD", "buy", quantity="1")
        assert not await app.screen.deliver()
        assert said(app) == "NOT SENT: pts/5 controls the desk: K takes over"
        await press(pilot, "escape")
        await press(pilot, "q")
        assert isinstance(app.screen, LeaveScreen)
        assert [choice.id for choice in app.screen.choices.choices] == ["detach", "kill"]
        await press(pilot, "escape")

        # K asks once, Cancel first.
        link.sent.clear()
        await press(pilot, "K", "enter")
        assert link.sent == [] and app.screen is app.desk
        await press(pilot, "K", "j", "enter")
        assert link.sent == [("take control", OTHER.id)]
        link.on_message(frame(ME))
        app.paint()
        assert "WATCHING" not in bar(app)
        await press(pilot, "K", "j", "enter")
        assert link.sent[1:] == [("give control",)]

        # A free seat: the next command that adds risk asks, K takes it at once.
        link.on_message(frame(None))
        app.paint()
        assert "nobody controls · K takes control" in bar(app)
        link.sent.clear()
        await press(pilot, "5", "space")
        assert isinstance(app.screen, ConfirmScreen)
        await press(pilot, "enter")
        assert link.sent == [] and "nobody controls" in toasts(app)[-1]
        await press(pilot, "space", "j", "enter")
        assert [sent[0] for sent in link.sent] == ["take control", "strategy"]
        link.sent.clear()
        await press(pilot, "K")
        assert link.sent == [("take control", "")]


async def test_a_read_only_console_says_so_and_sends_nothing() -> None:
    link = link_of(READS, OTHER)
    async with desk(link, WIDE) as (app, pilot):
        assert "READ ONLY" in bar(app)
        foot = "".join(text for line in app.desk.keys._drawn for text, _ in line)
        assert "HALT" not in foot and "order" not in foot and "q leave" in foot
        for key in ("H", "E", "A", "X", "C", "K", "R", "r", "b"):
            for note in list(app._notifications):
                app._unnotify(note)
            await press(pilot, key)
            assert app.screen is app.desk and "READ ONLY" in toasts(app)[-1], key
        assert "pts/5 controls" in bar(app)
        for key in ("o", "w", "L"):
            await press(pilot, key)
            assert app.screen is not app.desk, key
            await press(pilot, "escape")
        await press(pilot, "w", "enter", "5", "5", "enter")
        assert "READ ONLY" in said(app)
        await press(pilot, "escape", "escape")
        await press(pilot, "q")
        assert isinstance(app.screen, LeaveScreen)
        assert [choice.id for choice in app.screen.choices.choices] == ["detach"]
        assert [sent for sent in link.sent if sent[0] != "explain"] == []


def said(app: DeskApp) -> str:
    from widgets.lines import Lines

    return "\n".join("".join(text for text, _ in line) for line in app.screen.query_one("#said", Lines).lines)
