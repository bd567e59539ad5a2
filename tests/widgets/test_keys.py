"""The footer, the tabs and the banner: what must be there is there at every width."""

from __future__ import annotations

import pytest

from console.keymap import PANES, footer, model_footer, sent_at_once
from widgets.banner import MOST_LINES, Banner
from widgets.cells import width_of
from widgets.keys import KeysBar
from widgets.lines import Line
from widgets.tabs import PaneTabs


def text(line: Line) -> str:
    return "".join(text for text, _ in line)


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
@pytest.mark.parametrize("pane", range(1, 7))
def test_leave_and_help_are_in_every_footer(width: int, pane: int) -> None:
    bar = KeysBar()
    bar.show(footer(pane))
    (line,) = bar.layout_lines(width, 1)
    assert width_of(line) <= width
    assert text(line).rstrip().endswith("q leave  ? help")
    if width >= 60:
        assert "H HALT" in text(line)


def test_the_footer_follows_the_risk_state_and_the_size() -> None:
    assert ("E", "entries off") in footer(1)
    assert ("E", "resume…") in footer(1, "halted") and ("E", "resume…") in footer(1, "reducing")
    assert [key for key, _ in footer(3, tiny=True)] == ["H", "E", "x", "X", "q", "?"]


def test_what_a_footer_sends_without_a_question() -> None:
    at_once = {key for pane in range(1, 9) for key in footer(pane) if sent_at_once(*key)}
    assert {key for key, _ in at_once} == {"H", "E", "c", "C", "space", "r"}
    assert {key for key in model_footer() if sent_at_once(*key)} == {
        ("v", "shadow"),
        ("V", "no shadow"),
        ("r", "reload"),
    }
    assert not any(sent_at_once(*key) for key in footer(1, "reducing") if key[0] == "E"), "it asks"


def test_a_console_that_only_reads_offers_nothing_that_it_could_not_send() -> None:
    for pane in range(1, 9):
        offered = dict(footer(pane, reads=True))
        assert not {"H", "E", "o", "C", "X", "c", "m", "x", "r", "!", "space"} & set(offered)
        assert {"M", "f", "q", "?"} <= set(offered) and offered.items() <= dict(footer(pane)).items()
    assert not {"a", "b", "d", "V"} & set(dict(model_footer(reads=True)))
    assert ("]", "more") in model_footer(reads=True)


def test_the_tabs_fit_80_columns_with_counts() -> None:
    tabs = PaneTabs(PANES)
    tabs.show(4, (8, 12, 5, 17, 5, 0, 0, 0))
    (line,) = tabs.layout_lines(80, 1)
    assert width_of(line) <= 80 and "6 Log" in text(line)
    tabs.activate(2)
    assert [style for _, style in tabs.layout_lines(80, 1)[0]].index("badge") == 1
    assert "4 Orders 17" in text(tabs.layout_lines(200, 1)[0]), "the counts stay"


def test_a_long_banner_takes_more_lines_and_not_too_many() -> None:
    banner = Banner()
    banner._text = "word " * 30
    lines = banner.layout_lines(80, 0)
    assert len(lines) == 2 and {width_of(line) for line in lines} == {80}
    banner._text = "word " * 300
    assert len(banner.layout_lines(80, 0)) == MOST_LINES
