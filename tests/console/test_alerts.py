"""Alerts at the keyboard, on the command line, and how a person is told."""

from __future__ import annotations

import base64
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from console.alert_words import rule_of
from console.alerts import Notices
from console.cli.arguments import parse
from console.desktop_notice import command, sequence, way_of
from console.screens.alerts import AlertScreen, AlertsScreen
from engine.alert_rule import AlertRule, words
from engine.api.alert_protocol import AlertRow
from engine.api.protocol import EventFrame
from engine.errors import AlertError
from engine.events import Alert
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, desk, press, text_of, toasts, until
from widgets.alerts import KINDS, alert_cells, alert_fields, alert_lines, alert_of

BTC = "simulated:BTC-USD"


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("last BTC-USD above 70,000", AlertRule("last", 70_000.0, symbol="BTC-USD")),
        ("price BTC-USD below 6e4 repeat rearm 50 pause 30s", None),
        ("change BTC-USD -2% in 60s", AlertRule("change", -2.0, "below", symbol="BTC-USD", window_s=60.0)),
        ("opportunity trend 0.6 of ETH-USD", AlertRule("opportunity", 0.6, symbol="ETH-USD", source="trend")),
        ("feed 30", AlertRule("feed", 30.0)),
        (
            "feed simulated 30 note call the venue",
            AlertRule("feed", 30.0, source="simulated", note="call the venue"),
        ),
        ("pnl -100", AlertRule("day_pnl", -100.0, "below")),
        ("drawdown 1.5", AlertRule("drawdown", 1.5)),
        ("score BTC-USD 0.7", AlertRule("score", 0.7, symbol="BTC-USD")),
    ],
)
def test_alerts_as_they_are_typed(typed: str, rule: AlertRule | None) -> None:
    found = rule_of(typed.split())
    if rule is None:
        assert (found.beyond, found.repeat, found.rearm, found.pause_s) == ("below", True, 50.0, 30.0)
    else:
        assert found == rule


def test_a_fall_is_a_word_of_the_command() -> None:
    words = "change BTC-USD -2% in 60"
    arguments = parse(["alerts", "add", *words.split(), "--json"])
    assert arguments.words == words.split() and arguments.json
    assert rule_of(arguments.words) == AlertRule("change", -2.0, "below", "BTC-USD", window_s=60.0)


@pytest.mark.parametrize(
    "typed", ["", "moon 1", "last BTC-USD", "last 5", "feed 1 2", "last a b 3", "change x 1 in"]
)
def test_what_is_no_alert_says_how_one_is_written(typed: str) -> None:
    with pytest.raises(AlertError):
        rule_of(typed.split())


@pytest.mark.parametrize("what", KINDS)
def test_the_form_has_what_a_rule_of_its_kind_takes(what: str) -> None:
    values = {
        "what": what,
        "symbol": BTC,
        "beyond": "below",
        "value": "0.5",
        "window_s": "60",
        "repeat": "on",
    }
    values |= {"pause_s": "30", "rearm": "0.1", "source": "trend", "note": "n"}
    rule = alert_of(values)
    fields = {field.key for field in alert_fields(values, (BTC,))}
    assert rule.value == 0.5 and rule.repeat and rule.pause_s == 30.0 and rule.note == "n"
    assert bool(rule.symbol) == ("symbol" in fields) and bool(rule.source) == ("source" in fields)
    assert (rule.beyond == "below") == ("beyond" in fields) and bool(rule.window_s) == (what == "change")
    assert words(rule)
    with pytest.raises(ValueError, match="value"):
        alert_of({**values, "value": "-"})


def test_how_the_desktop_is_told() -> None:
    assert way_of("auto", {"TERM_PROGRAM": "WezTerm"}) == way_of("auto", {"TERM": "xterm-kitty"}) == "osc9"
    assert way_of("auto", {"TERM": "foot"}) == way_of("auto", {"VTE_VERSION": "7000"}) == "osc777"
    assert way_of("auto", {"TERM": "xterm-256color", "DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}) == "off"
    assert way_of("off", {"TERM_PROGRAM": "WezTerm"}) == "off"
    assert sequence("osc9", "t", "a", {"TMUX": "x"}) == "\x1bPtmux;\x1b\x1b]9;t: a\a\x1b\\"
    handed_on = sequence("osc777", "t", "a", {"STY": "x"})
    assert handed_on.count("\x1b\\") == 1 and handed_on.endswith("a\a\x1b\\"), "GNU screen ends at the first"
    assert sequence("notify-send", "t", "a", {}) == ""


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_out_of_a_notification(text: str) -> None:
    told = sequence("osc777", "tickdesk", text, {})
    inside = told.removeprefix("\x1b]777;notify;tickdesk;").removesuffix("\a")
    assert (
        "\\" not in inside
        and not any(unicodedata.category(ch).startswith("C") for ch in inside)
        and ";" not in inside
    )
    assert command("t", text)[2] == "--" and not {"<", ">", "&"} & {*command("t", text)[-1]}


async def test_an_alert_is_made_listed_switched_and_deleted() -> None:
    link = FakeLink()
    async with desk(link, COMPACT) as (app, pilot):
        await press(pilot, "3", "exclamation_mark")
        screen = app.screen
        assert isinstance(screen, AlertScreen)
        values = {field.key: field.value for field in screen.form.fields}
        last = app.view.ticks[BTC].last
        assert last is not None
        assert (
            values["symbol"] == BTC
            and abs(float(values["value"]) - last) < 0.01
            and screen.form.cursor == "value"
        )
        await press(pilot, *"70000", "enter", "enter")
        await until(pilot, lambda: app.screen is app.desk)
        rule = AlertRule("last", 70_000.0, symbol=BTC)
        assert [one[1] for one in link.sent if one[0] == "alert"] == [rule], "once"
        await press(pilot, "exclamation_mark", "exclamation_mark")
        await until(
            pilot, lambda: isinstance(app.screen, AlertsScreen) and "last above 70,000" in text_of(app)
        )
        await press(pilot, "space")
        await until(pilot, lambda: ("switch alert", "a1", False, "console") in link.sent)
        await press(pilot, "a", "escape", "d")
        await until(pilot, lambda: ("remove alert", "a1", "console") in link.sent)
        await press(pilot, "escape")
        assert app.screen is app.desk


@pytest.mark.parametrize("size", [(60, 16)], ids=str)
async def test_one_that_comes_is_told_though_the_display_is_frozen(size: tuple[int, int]) -> None:
    link = FakeLink()
    async with desk(link, size) as (app, pilot):
        await press(pilot, "f")
        link.on_message(EventFrame(7, Alert("warning", "alert", "BTC-USD last above 70,000: 70,001", 1)))
        app.paint()
        await pilot.pause()
        assert any("above 70,000" in text for text in toasts(app))
        bar = " ".join(
            app.desk.status_bar.render_line(y).text for y in range(app.desk.status_bar.size.height)
        )
        assert "! 1" in bar
        await press(pilot, "escape")
        assert app.desk.alerts == 0 and app.desk.frozen
        await press(pilot, "exclamation_mark")
        bottom = max(widget.region.bottom for widget in app.screen.query("#said, #outcome, Form"))
        assert bottom < size[1]


async def test_the_bell_rings_and_the_desktop_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    async with desk(FakeLink(), notices=Notices(bell=True, desktop="osc777")) as (app, pilot):
        written: list[str] = []
        monkeypatch.setattr(app._driver, "write", written.append)
        app.tell_alerts([Alert("warning", "alert", "a;b \x1b[31m<c>", 1)])
        assert "\a\x1b]777;notify;tickdesk;a,b [31m‹c›\a" in written
        written.clear()
        many = [Alert("warning", "alert", f"--hint={n}", 1) for n in range(200)]
        for alert in (*many, Alert("info", "risk", "not a rule's", 1)):
            app.view.merge(EventFrame(7, alert))
        app.paint()
        await pilot.pause()
        assert app.desk.alerts == 201 and "and 198 more" in toasts(app)[-1] and len(toasts(app)) <= 5
        assert not [text for text in written if "]777" in text], "not at once again"
        app._notices = Notices(bell=False, desktop="notify-send")
        app._notified_at -= 1.0
        app.paint()
        await until(pilot, lambda: told.exists() and told.read_text().endswith("200 alerts: --hint=0|"))
        app.paint()
        assert not app._untold


def test_the_clipboard_is_not_part_of_a_notification() -> None:
    payload = base64.b64encode(b"x").decode()
    assert f"]52;c;{payload}" not in sequence("osc9", "t", f"\x1b]52;c;{payload}\a", {})


def test_a_rule_that_cannot_come_true_says_so() -> None:
    rule = AlertRule("last", 5.0, symbol=BTC)
    row = AlertRow("a1", rule, words(rule), True, True, 0, 0, 4.0, stale=True)
    assert [cell[0] for cell in alert_cells(row).cells[2:4]] == ["● armed", "~4"]
    blind = replace(row, now=None, stale=False)
    assert [cell[0] for cell in alert_cells(blind).cells[2:4]] == ["? blind", "–"]
    assert "cannot come true" in str(alert_lines(blind))
    flat = replace(blind, rule=AlertRule("unrealized", 5.0, symbol=BTC))
    assert alert_cells(flat).cells[2][0] == "● armed", "there may be no position"
