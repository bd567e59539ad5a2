"""A frame that is spared shows the same on a terminal as the frame itself."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.thrift import Thrift, transition

COLUMNS, ROWS = 24, 6
STYLES = st.sampled_from(
    [
        "",
        "1",
        "7",
        "1;7",
        "38;2;211;220;230;48;2;14;20;27",
        "1;38;2;211;220;230;48;2;14;20;27",
        "38;2;255;0;0;48;2;14;20;27",
        "4;38;5;12;48;5;200",
        "3;31;44",
        "92;107",
        "9;39;49",
    ]
)
TEXT = st.text(st.sampled_from("ab 1.▲█⠒─日本é"), min_size=1, max_size=10)
RUN = st.tuples(st.integers(1, ROWS), st.integers(1, COLUMNS - 9), STYLES, TEXT)


def run(row: int, column: int, style: str, text: str) -> str:
    """As Textual draws it; cut at the edge."""
    kept = text[: (COLUMNS + 1 - column) // 2] if any(c in "日本" for c in text) else text
    return f"\x1b[{row};{column}H\x1b[{style}m{kept}\x1b[0m" if style else f"\x1b[{row};{column}H{kept}"


def frame(runs: list[tuple[int, int, str, str]]) -> str:
    return "\x1b[?2026h" + "".join(run(*one) for one in runs) + "\x1b[?2026l"


class Both:
    """One terminal gets everything, the other what is spared."""

    def __init__(self) -> None:
        self.thrift = Thrift()
        self.screens = [pyte.Screen(COLUMNS, ROWS) for _ in range(2)]
        self.streams = [pyte.Stream(screen) for screen in self.screens]
        self.sent = [0, 0]

    def draw(self, text: str) -> None:
        for index, data in enumerate((text, self.thrift.spare(text, (COLUMNS, ROWS)))):
            self.sent[index] += len(data)
            self.streams[index].feed(data.replace("\x1b[?2026h", "").replace("\x1b[?2026l", ""))

    def same(self) -> bool:
        whole, spared = self.screens
        return all(whole.buffer[y][x] == spared.buffer[y][x] for y in range(ROWS) for x in range(COLUMNS))


@given(st.lists(st.lists(RUN, max_size=6), max_size=6))
def test_the_screen_is_the_same(frames: list[list[tuple[int, int, str, str]]]) -> None:
    both = Both()
    for runs in frames:
        both.draw(frame(runs))
        assert both.same()


@given(st.data(), st.lists(RUN, min_size=1, max_size=4))
def test_lines_that_come_again_are_the_same(
    data: st.DataObject, runs: list[tuple[int, int, str, str]]
) -> None:
    """As Textual's frames: a line for every row, the cursor's place behind the last."""
    both = Both()
    for _ in range(6):
        drawn = sorted(data.draw(st.lists(st.sampled_from(runs), min_size=1, max_size=4)))
        lines = [run(*one) for one in drawn if one[0] < ROWS]  # a newline in the last row would scroll
        both.draw("\n".join([*lines, "\x1b[1;1H"]))
        assert both.same()


def test_a_line_without_its_own_end_changes_what_comes_after_it() -> None:
    both = Both()
    for style in ("1", "7", "1"):
        both.draw(f"\x1b[1;1Ha\x1b[{style}m\n\x1b[2;1Hb\n\x1b[3;1Hc\x1b[0m")
        assert both.same()


def test_the_pointers_shape_is_no_drawing() -> None:
    thrift, size, line = Thrift(), (80, 24), "\x1b[3;1Habc"
    thrift.spare(line, size)
    assert thrift.spare("\x1b]22;default\a", size) == "\x1b]22;default\a"
    assert thrift.spare(line, size) == ""


@given(STYLES, STYLES)
def test_a_transition_ends_in_the_style(before: str, after: str) -> None:
    screens = [pyte.Screen(4, 1), pyte.Screen(4, 1)]
    pyte.Stream(screens[0]).feed(f"\x1b[0;{after}mx" if after else "\x1b[0mx")
    pyte.Stream(screens[1]).feed(f"\x1b[0;{before}m{transition(before, after)}x")
    assert screens[0].buffer[0][0] == screens[1].buffer[0][0]


def test_what_is_shown_is_not_sent_again() -> None:
    thrift, size = Thrift(), (80, 24)
    line = "\x1b[3;1H\x1b[38;2;1;2;3;48;2;4;5;6mS00-USD   62,139.47 ▼\x1b[0m"
    assert "S00-USD   62,139.47 ▼" in thrift.spare(line, size)
    assert thrift.spare(line, size) == "", "not even the cursor moves"
    changed = thrift.spare(line.replace("139.47", "139.52"), size)
    assert "52" in changed and "S00" not in changed and len(changed) < 50
    assert "S00-USD" in thrift.spare(line, (81, 24)), "another size: the terminal may show anything"


def test_what_is_no_drawing_goes_through_and_is_trusted_no_more() -> None:
    thrift, size = Thrift(), (80, 24)
    line = "\x1b[3;1Habc"
    thrift.spare(line, size)
    for other in ("\x1b]52;c;YQ==\a", "\x1b[?1049h", "\x1b[2J", "plain", "\x1b[3;1Ha\tb"):
        assert thrift.spare(other, size) == other
        assert "abc" in thrift.spare(line, size)


def test_a_whole_picture_is_sent_once_until_it_is_forgotten() -> None:
    thrift, size = Thrift(), (10, 2)
    picture = "\x1b[1;1H0123456789\n\x1b[2;1H0123456789"
    assert [thrift.spare(picture, size).count("0123456789") for _ in range(2)] == [2, 0]
    thrift.forget()
    assert thrift.spare(picture, size).count("0123456789") == 2


@pytest.mark.parametrize("text", ["\u0301a", "👩\u200d💻 b", "❤\ufe0f b"])
def test_characters_that_terminals_join_or_not_are_not_counted(text: str) -> None:
    thrift, size = Thrift(), (80, 24)
    drawing = f"\x1b[1;1H{text}\x1b[1mnext\x1b[0m"
    for _ in range(2):
        assert thrift.spare(drawing, size) == drawing


@pytest.mark.parametrize("text", ["日本", "a日"])
def test_half_of_a_wide_character_takes_the_other_with_it(text: str) -> None:
    both = Both()
    both.draw(f"\x1b[1;1H{text}")
    both.draw("\x1b[1;2Hx")
    both.draw(f"\x1b[1;1H{text}")
    assert both.same()
