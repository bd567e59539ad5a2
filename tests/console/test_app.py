"""Every key against a link that writes down what it is asked."""

from __future__ import annotations

import asyncio
import base64

import msgspec
import pytest
from textual.widgets import OptionList

from console import commanding
from console.app import DeskApp
from console.link_protocol import LinkState, NoAnswerError
from console.screens.confirm import ResumeScreen
from console.screens.explain import ExplainScreen
from console.screens.help import HelpScreen, help_lines
from console.screens.leave import LeaveScreen
from engine.api.protocol import EventFrame, StateFrame, StrategyPatch
from engine.events import Alert, RiskChange, RiskState
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, press, text_of, toasts, until
from themes import THEMES
from widgets.coach import Coach


async def test_halt_and_entries_off_are_sent_at_once() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await press(pilot, "H")
        assert link.expected_state is None, "whatever the desk is in"
        await press(pilot, "E")
        assert link.expected_state == "active", "a desk that has halted meanwhile is not taken up"
    assert link.sent == [("risk", "halted"), ("risk", "reducing")]


async def test_halt_works_inside_a_dialog() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q", "H")
        await pilot.pause()
        assert isinstance(app.screen, LeaveScreen)
        assert app.screen.choices.choices[0].detail == "the engine trades on without you"
        link.on_message(sample.full_frame(risk_state="halted"))
        app.paint()
        assert app.screen.choices.choices[0].detail == "it goes on: only stop-losses leave"
    assert link.sent == [("risk", "halted")]


async def test_the_leave_dialog_says_what_is_held_now() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, LeaveScreen)
        held = len(app.view.positions)
        assert f"holds {held} open position" in text_of(app)
        for symbol in [*app.view.positions][1:]:
            del app.view.positions[symbol]
        app.paint()
        await pilot.pause()
        assert "holds 1 open position." in text_of(app)
        app.view.positions.clear()
        app.paint()
        await pilot.pause()
        assert "The desk is flat." in text_of(app)


@pytest.mark.parametrize(
    ("state", "offered"), [("reducing", ["cancel", "active"]), ("halted", ["cancel", "reducing", "active"])]
)
async def test_entries_off_again_asks_to_resume_with_cancel_selected(state: str, offered: list[str]) -> None:
    link = FakeLink(sample.full_frame(risk_state=state))
    async with desk(link) as (app, pilot):
        assert ("E", "resume…") in app.desk.keys._keys
        await pilot.press("E")
        assert isinstance(app.screen, ResumeScreen)
        assert [choice.id for choice in app.screen.choices.choices] == offered
        await pilot.press("enter")
        await pilot.pause()
        assert link.sent == []
        await pilot.press("E", "down", "enter")
        await pilot.pause()
    assert link.sent == [("risk", offered[1])]


async def test_resume_asks_and_escape_cancels() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("A")
        assert isinstance(app.screen, ResumeScreen)
        await pilot.press("escape")
        assert app.screen is app.desk
    assert link.sent == []


async def test_flatten_asks_and_a_double_enter_sends_one_command() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await pilot.press("X", "down", "enter", "enter")
        await pilot.pause()
        app.command("FLATTEN", link.flatten)  # a second one while the first is on its way
        await pilot.pause()
        assert "FLATTEN is already on its way" in toasts(app)
        assert link.sent == [("flatten",)]
        link.gate.set()
        await pilot.pause()
        assert "canceled 2/2, closed 3/3, verified flat in 1.2 s" in toasts(app)


async def test_space_toggles_the_strategy_under_the_cursor() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press("5", "j", "space", "G", "space")
        await pilot.pause()
    assert link.sent == [
        ("strategy", "golden_cross", StrategyPatch(enabled=False)),
        ("strategy", "volatility", StrategyPatch(enabled=True)),
    ]


async def test_space_elsewhere_sends_nothing() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press("1", "space")
        await pilot.pause()
    assert link.sent == []


async def test_r_reloads_the_model_and_shows_the_answer() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("r")
        await pilot.pause()
        assert link.sent == [("reload",)]
        assert "loaded b2c3d4" in toasts(app)


async def test_a_command_that_cannot_be_sent_says_why() -> None:
    link = FakeLink()
    link.error = "no engine answers: start one with `tickdesk`"
    async with desk(link) as (app, pilot):
        await pilot.press("H")
        await pilot.pause()
        assert link.error in toasts(app)


@pytest.mark.parametrize(("pane", "id"), [("2", "opp-0008"), ("4", "ord-0008")])
async def test_enter_explains_opportunities_and_orders(pane: str, id: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press(pane, "enter")
        await pilot.pause()
        assert isinstance(app.screen, ExplainScreen)
        text = "\n".join("".join(t for t, _ in line) for line in app.screen._lines.lines)
        assert link.story.headline in text
        assert "golden_cross" in text and "+0.210" in text
        assert "open interest, options, sentiment" in text
        assert "ORDER_NOTIONAL" in text and "5,000.62 USD" in text
        assert "+21.1ms" in text
        await pilot.press("escape")
        assert app.screen is app.desk
    assert link.sent == [("explain", id)]


async def test_explain_shows_why_there_is_nothing_to_explain() -> None:
    link = FakeLink()
    link.error = "no opportunity or order opp-0008 is known"
    async with desk(link, COMPACT) as (app, pilot):
        await pilot.press("2", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ExplainScreen)
        assert app.screen._lines.lines[0][0][0] == link.error


async def test_r_in_the_strategies_reloads_files_and_on_the_models_row_the_model() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5", "r")
        await pilot.pause()
        assert link.sent == [("reload strategies",)]
        assert "read 2 files: mondays is new" in toasts(app)
        await pilot.press("j", "j", "j", "j", "r")
        await pilot.pause()
        assert app.desk.grid.cursor_key == "model" and link.sent[1:] == [("reload",)]
        await pilot.press("right_square_bracket", "r")
        await pilot.pause()
        assert app.desk.grid is app.desk.strategies.models and link.sent[2:] == [("reload",)]
        await pilot.press("right_square_bracket", "r")
        await pilot.pause()
        assert link.sent[3:] == [] and any("need no reload" in text for text in toasts(app))


@pytest.mark.parametrize("pane", ["1", "5"])
async def test_capital_r_reloads_both(pane: str) -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press(pane, "R")
        await pilot.pause()
    assert link.sent == [("reload",), ("reload strategies",)]


async def test_the_models_below_the_strategies_are_sorted_as_in_their_tab() -> None:
    async with desk(FakeLink()) as (app, pilot):
        pane = app.desk.strategies
        await pilot.press("5", "right_square_bracket", "s", "s", "left_square_bracket")
        await pilot.pause()
        assert pane.models.sort_column == 0
        assert pane.below.sort_mode == pane.models.sort_mode
        assert [row.key for row in pane.below.rows] == [row.key for row in pane.models.rows]


async def test_brackets_walk_the_tabs_of_the_strategies() -> None:
    async with desk(FakeLink()) as (app, pilot):
        pane = app.desk.strategies
        await pilot.press("5")
        for key, tab in (("]", 1), ("]", 2), ("]", 0), ("[", 2), ("[", 1), ("[", 0)):
            name = "right_square_bracket" if key == "]" else "left_square_bracket"
            await pilot.press(name)
            await pilot.pause()
            assert pane.tab == tab and app.focused is pane.grids[tab] is app.desk.grid
            assert [grid.display for grid in pane.grids] == [tab == 0, tab == 1, tab == 2]
            assert pane.below.display is (tab == 0) and pane.below.rows
            assert pane.grid.rows, "filled at once"
        await pilot.press("1", "right_square_bracket")
        assert pane.tab == 0, "only there"


async def test_space_switches_the_automation_under_the_cursor() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5", "left_square_bracket", "space", "j", "space")
        await pilot.pause()
        assert "hourly_trend off" in toasts(app)
    assert link.sent == [("automation", "buy_the_cross", True), ("automation", "hourly_trend", False)]


async def test_space_on_the_models_sends_nothing() -> None:
    link = FakeLink()
    async with desk(link) as (_, pilot):
        await pilot.press("5", "right_square_bracket", "space")
        await pilot.pause()
    assert link.sent == []


async def test_rows_that_are_gone_leave_the_screen() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("5")
        gone = {"strategies": ("mondays",), "automations": ("tell_me",)}
        link.on_message(StateFrame(full=False, status=sample.status(1), gone=gone))
        app.paint()
        assert "mondays" not in [row.key for row in app.desk.grid.rows]
        await pilot.press("left_square_bracket")
        assert [row.key for row in app.desk.grid.rows] == ["buy_the_cross", "hourly_trend"]


async def test_a_users_own_strategy_is_marked() -> None:
    async with desk(FakeLink()) as (app, pilot):
        await pilot.press("5")
        shown = {row.key: [text for text, _ in row.cells] for row in app.desk.grid.rows}
        assert shown["mondays"][1] == "mondays *" and shown["mondays"][-1] == "mondays.py"
        assert shown["trend"][1] == "trend" and shown["trend"][3] == "20 %"
        assert shown["half_done"][-1] == "! ZeroDivisionError: division by zero"


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_shows_the_keys_of_this_place(key: str) -> None:
    async with desk(FakeLink(), COMPACT) as (app, pilot):
        await pilot.press("5", key)
        assert isinstance(app.screen, HelpScreen)
        text = "\n".join("".join(t for t, _ in line) for line in app.screen._lines.lines)
        assert "Switch the selected strategy" in text
        assert "Explain this" not in text
    of_ticks = "\n".join("".join(t for t, _ in line) for line in help_lines(1))
    assert "change: since the oldest trade of the last few seconds" in of_ticks


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_leave_detaches_by_default(key: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press(key)
        assert isinstance(app.screen, LeaveScreen)
        await pilot.press("enter")
        await pilot.pause()
    assert link.sent == []
    assert app.return_code == 0


@pytest.mark.parametrize(
    ("downs", "sent"), [(1, [("risk", "halted"), ("stop",)]), (2, [("flatten",), ("stop",)])]
)
async def test_leave_can_make_safe_and_stop(downs: int, sent: list[tuple[str, ...]]) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q", *["j"] * downs, "enter")
        await pilot.pause()
    assert link.sent == sent
    assert app.return_code == 0


async def test_a_refused_flatten_does_not_stop_the_engine() -> None:
    link = FakeLink()
    link.ok = False
    async with desk(link) as (app, pilot):
        await pilot.press("q", "j", "j", "enter")
        await pilot.pause()
        assert link.sent == [("flatten",)]
        assert app.is_running and app.screen is app.desk


async def test_unused_keys_do_nothing() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("ctrl+q", "ctrl+s", "ctrl+a", "ctrl+b", "ctrl+z")
        await pilot.pause()
        assert app.is_running and app.screen is app.desk
    assert link.sent == []


async def test_numbers_tab_and_sideways_keys_walk_the_panes() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for number in range(1, 9):
            await pilot.press(str(number))
            assert app.desk.active == number
            assert app.focused is app.desk.grid
        await pilot.press("tab")
        assert app.desk.active == 1
        await pilot.press("shift+tab")
        assert app.desk.active == 8
        await pilot.press("l", "right", "h", "left")
        assert app.desk.active == 8


async def test_rows_are_walked_by_keys() -> None:
    async with desk(FakeLink()) as (app, pilot):
        grid = app.desk.ticks
        keys = [row.key for row in grid.rows]
        seen = []
        for key in ("j", "down", "k", "up", "G", "g", "end", "home", "pagedown", "pageup"):
            await pilot.press(key)
            seen.append(keys.index(grid.cursor_key or ""))
        last = len(keys) - 1
        assert seen == [1, 2, 1, 0, last, 0, last, 0, last, 0]


async def test_sort_shows_its_column_and_the_cursor_keeps_its_row() -> None:
    async with desk(FakeLink()) as (app, pilot):
        grid = app.desk.ticks
        await pilot.press("j")
        key = grid.cursor_key
        await pilot.press("s", "s", "s")
        assert "last" in str(app.desk.ticks.border_title)
        prices = [row.order[1] for row in grid.rows]
        assert prices == sorted(prices, reverse=True)
        assert grid.cursor_key == key


async def test_freeze_holds_the_panes_but_not_the_status() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        before = app.desk.ticks.rows
        await pilot.press("f")
        assert "FROZEN" in app.desk.banner.text
        link.on_message(sample.next_frame(8))
        app.paint()
        assert app.desk.ticks.rows == before
        assert app.desk.status_bar._view.status is not None
        assert app.desk.status_bar._view.status.engine_ns == sample.NOW_NS + 2 * sample.NS
        await pilot.press("f")
        assert app.desk.ticks.rows != before
        assert app.desk.banner.text == ""


async def test_zoom_shows_one_pane_and_back() -> None:
    async with desk(FakeLink(), WIDE) as (app, pilot):
        await pilot.press("3", "plus")
        assert [pane.display for pane in app.desk.panes] == [n == 3 for n in range(1, 9)]
        await pilot.press("4")
        assert [pane.display for pane in app.desk.panes] == [n == 4 for n in range(1, 9)]
        await pilot.press("underscore")
        assert all(pane.display for pane in app.desk.panes)


async def test_theme_key_walks_the_themes() -> None:
    async with desk(FakeLink()) as (app, pilot):
        walked = [app.theme]
        for _ in THEMES:
            await pilot.press("t")
            walked.append(app.theme)
        assert walked == [*THEMES, "tickdesk-dark"]


@pytest.mark.parametrize("tmux", [False, True])
async def test_copy_sends_osc_52(monkeypatch: pytest.MonkeyPatch, tmux: bool) -> None:
    if tmux:
        monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    async with desk(FakeLink()) as (app, pilot):
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("3", "y")
        await pilot.pause()
    sequence = next(text for text in written if "]52;" in text)
    assert sequence.startswith("\x1bPtmux;\x1b\x1b]52;c;" if tmux else "\x1b]52;c;")
    copied = base64.b64decode(sequence.split(";c;")[1].split("\a")[0]).decode()
    assert copied.startswith("BTC-USD\t▲ LONG\t0.0312\t▲+3.07")


async def test_the_palette_runs_an_action() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("ctrl+p", *"halt")
        palette = app.screen
        for _ in range(100):
            if palette.query_one("CommandList", OptionList).option_count:
                break
            await pilot.pause(0.02)
        await pilot.press("enter", "enter")
        for _ in range(100):
            if link.sent:
                break
            await pilot.pause(0.02)
    assert link.sent == [("risk", "halted")]


async def test_a_lost_link_shows_at_once_and_fades_the_tables() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        link.on_state(LinkState.LOST, "connection reset")
        assert "LINK LOST: connection reset" in app.desk.banner.text
        assert app.desk.ticks.faded
        status = "".join(text for text, _ in app.desk.status_bar._drawn[0])
        assert "LINK LOST" in status and "LIVE" not in status
        link.on_state(LinkState.ENGINE_GONE, "")
        assert "ENGINE GONE" in app.desk.banner.text
        link.on_state(LinkState.UP, "")
        app.paint()
        await pilot.pause()
        assert app.desk.banner.text == "" and not app.desk.ticks.faded


async def test_alerts_and_risk_changes_are_toasted() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        now = sample.NOW_NS
        link.on_message(EventFrame(42, Alert(level="error", source="store", text="disk [b]full[/b]", ns=now)))
        change = RiskChange(
            state=RiskState.HALTED, previous=RiskState.ACTIVE, reason="daily loss", who="risk", ns=now
        )
        link.on_message(EventFrame(43, change))
        app.paint()
        await pilot.pause()
        assert toasts(app) == ["disk [b]full[/b]", "ACTIVE → HALTED: daily loss"]
        assert not any(note.markup for note in app._notifications)


async def test_sizes_change_live_and_are_never_blank() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for size, layout in (
            ((80, 24), "-compact"),
            ((60, 16), "-tiny"),
            ((120, 40), "-medium"),
            ((20, 5), "-tiny"),
            ((200, 50), "-wide"),
        ):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.desk.layout_name == layout
            assert app.desk.status_bar.size.height == (1 if layout == "-wide" else 2)
            if layout == "-tiny":
                assert app.desk.positions.display and "too small" in app.desk.banner.text
            elif layout == "-compact":
                assert app.desk.logs.size.height == 2
                assert app.desk.ticks.size.height == 24 - 2 - 1 - 2 - 1
            assert app.desk.keys.size.height == 1


async def test_the_coach_is_dismissed_once() -> None:
    async with desk(FakeLink(), COMPACT, first_run=True) as (app, pilot):
        assert app.desk.query(Coach)
        await pilot.press("escape")
        await pilot.pause()
        assert not app.desk.query(Coach)
        await app.desk.mount(Coach(app.key_map.shown))
        await press(pilot, "1")
        assert app.desk.query(Coach)
        await press(pilot, "8")  # another pane is to be seen
        assert not app.desk.query(Coach)


async def test_a_frame_without_changes_draws_no_row() -> None:
    link = FakeLink()
    async with desk(link) as (app, _):
        drawn = app.desk.ticks.lines_drawn
        link.on_message(StateFrame(full=False, status=sample.status()))
        app.paint()
        assert app.desk.ticks.lines_drawn == drawn


async def test_a_hanging_engine_is_told_at_once_and_halt_is_not_taken_for_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commanding, "ANSWER_S", 0.01)
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "HALT sent, waiting for the engine…" in app.desk.banner.text)
        await pilot.press("H")
        await pilot.pause()
        assert "HALT is already on its way" in toasts(app) and len(link.sent) == 1
        link.fault = NoAnswerError("the engine did not answer within 3 s")
        link.gate.set()
        await until(pilot, lambda: "HALT NOT CONFIRMED" in app.desk.banner.text)
        assert "HALT again" in app.desk.banner.text and "tickdesk stop" in app.desk.banner.text
        link.on_message(sample.next_frame(1))
        app.paint()
        assert "NOT CONFIRMED" in app.desk.banner.text, "the desk is ACTIVE still"
        halted = sample.status(2, risk_state="halted")
        link.on_message(StateFrame(full=False, status=halted))
        app.paint()
        assert app.desk.banner.text == "", "it came after all"


async def test_a_halt_that_was_not_confirmed_is_told_until_the_desk_halts_whatever_is_sent_after_it() -> None:
    link = FakeLink()
    link.fault = NoAnswerError("the engine did not answer within 3 s")
    async with desk(link) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "HALT NOT CONFIRMED" in app.desk.notice)
        link.fault = None
        app.command("CANCEL", link.cancel_all)
        await until(pilot, lambda: not app._in_flight)
        assert "HALT NOT CONFIRMED" in app.desk.notice, "answered: another command"
        link.fault = NoAnswerError("the engine did not answer within 3 s")
        app.command("ENTRIES", link.flatten)
        await until(pilot, lambda: any("ENTRIES NOT CONFIRMED" in text for text in toasts(app)))
        assert "HALT NOT CONFIRMED" in app.desk.notice, "not answered either"
        link.fault = None
        app.command("FLATTEN", app.flatten)
        await until(pilot, lambda: bool(app.desk.receipt))
        assert "HALT NOT CONFIRMED" in app.desk.notice
        await pilot.press("H")
        await until(pilot, lambda: not app.desk.notice)


async def test_a_halt_takes_the_place_of_what_else_was_not_confirmed() -> None:
    link = FakeLink()
    link.fault = NoAnswerError("the engine did not answer within 3 s")
    async with desk(link) as (app, pilot):
        app.action_entries_off()
        await until(pilot, lambda: "ENTRIES OFF NOT CONFIRMED" in app.desk.notice)
        await pilot.press("H")
        await until(pilot, lambda: "HALT NOT CONFIRMED" in app.desk.notice)
        app.action_entries_off()
        await until(pilot, lambda: any("ENTRIES OFF NOT CONFIRMED" in text for text in toasts(app)))
        assert "HALT NOT CONFIRMED" in app.desk.notice
        link.fault = None
        await pilot.press("H")
        await until(pilot, lambda: not app.desk.notice)


async def test_escape_closes_what_was_not_confirmed() -> None:
    link = FakeLink()
    link.fault = NoAnswerError("the engine did not answer within 3 s")
    async with desk(link) as (app, pilot):
        await pilot.press("q", "H")
        await pilot.pause()
        assert any("NOT CONFIRMED" in text for text in toasts(app)), "the banner is behind the dialog"
        await pilot.press("escape", "escape")
        assert app.desk.banner.text == ""


async def test_without_an_engine_leaving_is_all_there_is() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("q")
        assert "engine holds 3 open positions" in text_of(app)
        link.on_state(LinkState.ENGINE_GONE, "")
        await pilot.pause()
        assert isinstance(app.screen, LeaveScreen)
        said = " ".join(text_of(app).split())
        assert "No engine runs. 3 positions are in the ledger; `tickdesk` starts it again." in said
        assert [choice.label for choice in app.screen.choices.choices] == ["Leave"]
        await pilot.press("enter")
        await pilot.pause()
    assert app.return_code == 0 and link.sent == []


async def test_the_reply_and_the_alert_of_a_command_are_one_toast() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        link.reply = "ACTIVE → HALTED"
        await pilot.press("H")
        await pilot.pause()
        change = RiskChange(
            state=RiskState.HALTED,
            previous=RiskState.ACTIVE,
            reason="halted from the console",
            who="console",
            ns=sample.NOW_NS,
        )
        link.on_message(EventFrame(42, change))
        app.paint()
        await pilot.pause()
        assert toasts(app) == ["ACTIVE → HALTED"]
        link.on_message(EventFrame(43, change))
        app.paint()
        await pilot.pause()
        assert toasts(app) == ["ACTIVE → HALTED", "ACTIVE → HALTED: halted from the console"]


@pytest.mark.parametrize("later_ns, choices", [(1, 3), (-1, 2)], ids=["since the frame", "before it"])
async def test_a_change_of_state_counts_before_the_next_frame(later_ns: int, choices: int) -> None:
    link = FakeLink(sample.full_frame(risk_state="reducing"))
    async with desk(link) as (app, pilot):
        change = RiskChange(
            state=RiskState.HALTED,
            previous=RiskState.REDUCING,
            reason="halted from the console",
            who="console",
            ns=app.view.status.engine_ns + later_ns if app.view.status is not None else 0,
        )
        link.on_message(EventFrame(42, change))
        await press(pilot, "A")
        assert isinstance(app.screen, ResumeScreen)
        assert len(app.screen.choices.choices) == choices, "to Cancel, REDUCING and ACTIVE of a halted one"


async def test_an_engine_that_sends_nothing_looks_old(monkeypatch: pytest.MonkeyPatch) -> None:
    link = FakeLink()
    async with desk(link, WIDE) as (app, pilot):
        shown = lambda: "".join(text for line in app.desk.status_bar._drawn for text, _ in line)  # noqa: E731
        later = app.view._frame_at + 3.5
        monkeypatch.setattr(app.view, "_clock", lambda: later)
        before = app.desk.ticks.rows
        app.paint()
        assert "no frame for 3 s" in shown() and "FEED" not in shown()
        assert app.desk.ticks.rows != before, "ages grow"
        link.on_message(sample.next_frame(1))
        app.paint()
        assert "no frame" not in shown() and "FEED" in shown()
        await pilot.pause()


async def test_a_restarted_engine_keeps_the_old_log_above_the_new() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await pilot.press("6")
        link.on_message(sample.full_frame())  # the same engine, reconnected
        assert list(app.view.logs.values()) == list(sample.logs())
        link.on_message(sample.full_frame(started_ns=sample.NOW_NS - 1))
        app.paint()
        texts = [row.order[-1] for row in app.desk.logs.rows]
        assert texts == [row.text for row in (*sample.logs(),)] + ["— reconnected —"] + [
            row.text for row in sample.logs()
        ]
        assert list(app.view.logs) == sorted(app.view.logs) == [row.seq for row in app.view.logs.values()]
        await pilot.pause()


async def test_a_tape_replayed_anew_is_told_by_its_log() -> None:
    link = FakeLink()
    async with desk(link) as (app, _):
        again = tuple(msgspec.structs.replace(row, text=f"again {row.text}") for row in sample.logs())
        link.on_message(msgspec.structs.replace(sample.full_frame(), logs=again))
        texts = [row.text for row in app.view.logs.values()]
        assert texts == [
            *(row.text for row in sample.logs()),
            "— reconnected —",
            *(row.text for row in again),
        ]


async def test_a_long_reason_of_a_halt_stands_in_the_banner() -> None:
    reason = " ".join(["daily loss"] * 18)
    link = FakeLink(sample.full_frame(risk_state="halted", risk_reason=reason))
    async with desk(link) as (app, pilot):
        assert app.desk.banner.text == f"HALTED: {reason}"
        assert app.desk.banner.size.height == 3
        shown = "".join(app.desk.banner.render_line(y).text for y in range(3))
        assert " ".join(shown.split()) == f"HALTED: {reason}"
        short = sample.full_frame(risk_state="halted", risk_reason="lunch")
        link.on_message(msgspec.structs.replace(short, positions=()))  # nor a mark of a stale one
        app.paint()
        await pilot.pause()
        assert app.desk.banner.text == "" and not app.desk.banner.display


async def test_below_the_least_size_the_keys_work_on_the_positions() -> None:
    link = FakeLink()
    async with desk(link, (70, 20)) as (app, pilot):
        assert app.desk.grid is app.desk.positions.grid is app.focused
        assert [key for key, _ in app.desk.keys._keys] == ["H", "E", "x", "X", "q", "?"]
        await pilot.press("5", "space", "2", "enter", "j")
        await pilot.pause()
        assert app.screen is app.desk and app.desk.positions.grid.cursor_key == "simulated:DOT-USD"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.desk.active == 1 and app.focused is app.desk.ticks)
    assert link.sent == []


async def test_nothing_of_the_medium_layout_is_clipped() -> None:
    async with desk(FakeLink(), (120, 36)) as (app, _):
        assert app.desk.strategies.strategies.size.height >= 1 + 5
        assert app.desk.strategies.below.size.height == 1
        assert app.desk.ticks.size.height >= 1 + len(sample.PRICES)
        assert "fills 57" in app.desk.funnel.render_line(0).text
        assert "SCORE 8,902" in app.desk.funnel.render_line(1).text


async def test_the_drops_stand_below_the_opportunities_where_the_funnel_does_not_fit() -> None:
    async with desk(FakeLink()) as (app, pilot):
        assert not app.desk.funnel.display
        await pilot.press("2")
        await pilot.pause()
        assert app.desk.funnel.size.height == 1
        shown = app.desk.funnel.render_line(0).text
        assert "dropped SCORE 8,902 · SPREAD 310 · STALE_DATA 12 · POSITION_LIMIT 3" in shown


async def test_a_toast_takes_the_place_of_one_that_says_the_same() -> None:
    async with desk(FakeLink()) as (app, pilot):
        for text in ("one", "two", "one"):
            app.say(text)
        assert toasts(app) == ["two", "one"]
        app.say("three")
        assert toasts(app) == ["one", "three"], "few on a low terminal"
        await press(pilot, "t", "t")
        assert len(toasts(app)) == 2 and "tickdesk-contrast" in toasts(app)[-1]


async def test_on_a_small_screen_a_toast_leaves_the_log_in_sight_and_goes_with_the_next_key() -> None:
    app = DeskApp(FakeLink(), frames_per_s=10)
    async with app.run_test(size=COMPACT, notifications=True) as pilot:
        for pane in ("1", "6"):
            await press(pilot, pane)
            app.say("one line", "warning")
            await until(pilot, lambda: lowest(app) > 0)
            assert lowest(app) <= app.desk.logs.region.bottom - 2, pane
            await press(pilot, "j")
            assert toasts(app) == ["one line"], "nobody can have read it yet"
            read(app)
            await press(pilot, "j")
            assert toasts(app) == []
    async with desk(FakeLink(), WIDE) as (app, pilot):
        app.say("one line")
        read(app)
        await press(pilot, "j")
        assert toasts(app) == ["one line"], "there is room"


@pytest.mark.parametrize("size", [COMPACT, WIDE])
async def test_no_toast_lies_on_what_the_command_line_offers(size: tuple[int, int]) -> None:
    app = DeskApp(FakeLink(), frames_per_s=10)
    async with app.run_test(size=size, notifications=True) as pilot:
        await press(pilot, "colon")
        app.say("while it is open")
        await until(pilot, lambda: 0 < lowest(app) <= 10)
        await press(pilot, "escape")
        await until(pilot, lambda: lowest(app) > size[1] - 8)
        await press(pilot, "colon")
        await until(pilot, lambda: 0 < lowest(app) <= 10)


def lowest(app: DeskApp) -> int:
    """The line below that of the lowest toast; 0 where none is drawn."""
    return max((toast.region.bottom for toast in app.desk.query("Toast")), default=0)


def read(app: DeskApp) -> None:
    for note in app._notifications:
        note.raised_at -= commanding.READ_S
