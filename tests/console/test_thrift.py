"""A frame that is spared shows the same on a terminal as the frame itself."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from console.thrift import Piece, Thrift, pieces, transition

COLUMNS, ROWS = 24, 6
STYLES = {
    "": "",
    "1": "bold",
    "7": "reverse",
    "1;7": "bold reverse",
    "38;2;211;220;230;48;2;14;20;27": "#d3dce6 on #0e141b",
    "1;38;2;211;220;230;48;2;14;20;27": "bold #d3dce6 on #0e141b",
    "38;2;255;0;0;48;2;14;20;27": "#ff0000 on #0e141b",
    "4;38;5;12;48;5;200": "underline color(12) on color(200)",
    "3;31;44": "italic red on blue",
    "9;39;49": "strike default on default",
}
"""As a terminal is told, and as a person tells it."""
TOLD = st.sampled_from([*STYLES, "92;107"])
INKS = st.sampled_from([Style.parse(words) if words else None for words in STYLES.values()])
TEXT = st.text(st.sampled_from("ab 1.▲█⠒─日本é"), min_size=1, max_size=10)
RUN = st.tuples(
    st.integers(1, ROWS), st.integers(1, COLUMNS - 9), st.lists(st.tuples(INKS, TEXT), max_size=4)
)
Run = tuple[int, int, list[tuple[Style | None, str]]]


def piece(run: Run) -> Piece:
    """Cut at the edge."""
    row, column, parts = run
    strip = Strip([Segment(text, style) for style, text in parts])
    return row, column, strip.crop(0, COLUMNS + 1 - column)


def plain(row: int, text: str, style: Style | None = None) -> list[Piece]:
    return [(row, 1, Strip([Segment(text, style)]))]


def whole(frame: list[Piece]) -> str:
    """As Textual draws it."""
    out = ""
    for row, column, strip in frame:
        text = "".join(
            part if style is None else Strip.render_style(style, part, ColorSystem.TRUECOLOR)
            for part, style, _ in strip
        )
        out += f"\x1b[{row};{column}H{text}"
    return out


class Both:
    """One terminal gets everything, the other what is spared."""

    def __init__(self) -> None:
        self.thrift = Thrift()
        self.screens = [pyte.Screen(COLUMNS, ROWS) for _ in range(2)]
        self.streams = [pyte.Stream(screen) for screen in self.screens]

    def draw(self, frame: list[Piece]) -> None:
        for stream, data in zip(self.streams, (whole(frame), self.spared(frame)), strict=True):
            stream.feed(data)

    def spared(self, frame: list[Piece]) -> str:
        return self.thrift.spare(frame, (1, 1), (COLUMNS, ROWS))

    def same(self) -> bool:
        whole, spared = self.screens
        return all(whole.buffer[y][x] == spared.buffer[y][x] for y in range(ROWS) for x in range(COLUMNS))


@given(st.lists(st.lists(RUN, max_size=6), max_size=6))
def test_the_screen_is_the_same(frames: list[list[Run]]) -> None:
    both = Both()
    for runs in frames:
        both.draw([piece(run) for run in runs])
        assert both.same()


@given(st.data(), st.lists(RUN, min_size=1, max_size=4))
def test_runs_that_come_again_are_the_same(data: st.DataObject, runs: list[Run]) -> None:
    both = Both()
    for _ in range(6):
        both.draw([piece(run) for run in data.draw(st.lists(st.sampled_from(runs), min_size=1, max_size=4))])
        assert both.same()


@given(TOLD, TOLD)
def test_a_transition_ends_in_the_style(before: str, after: str) -> None:
    screens = [pyte.Screen(4, 1), pyte.Screen(4, 1)]
    pyte.Stream(screens[0]).feed(f"\x1b[0;{after}mx" if after else "\x1b[0mx")
    pyte.Stream(screens[1]).feed(f"\x1b[0;{before}m{transition(before, after)}x")
    assert screens[0].buffer[0][0] == screens[1].buffer[0][0]


def test_what_is_shown_is_not_sent_again() -> None:
    thrift, size = Thrift(), (80, 24)
    style = Style.parse("#010203 on #040506")
    line = plain(3, "S00-USD   62,139.47 ▼", style)
    assert "S00-USD   62,139.47 ▼" in thrift.spare(line, (1, 1), size)
    assert thrift.spare(line, (1, 1), size) == "", "not even the cursor moves"
    changed = thrift.spare(plain(3, "S00-USD   62,139.52 ▼", style), (1, 1), size)
    assert "52" in changed and "S00" not in changed and len(changed) < 50
    assert thrift.spare(line, (9, 9), size).endswith("\x1b[9;9H"), "where the terminal's own cursor is put"
    assert "S00-USD" in thrift.spare(line, (9, 9), (81, 24)), "another size: it may show anything"


def test_changes_near_each_other_are_sent_as_one() -> None:
    thrift, size = Thrift(), (80, 24)
    thrift.spare(plain(3, "0123456789abcdefghij"), (1, 1), size)
    assert thrift.spare(plain(3, "x123456x89abcdefghij"), (1, 1), size) == "\x1b[3;1Hx123456x\x1b[1;1H"
    told = thrift.spare(plain(3, "0123456789abcdefghix"), (1, 1), size)
    assert told == "\x1b[3;1H01234567\x1b[11Cx\x1b[1;1H"


def test_what_is_no_frame_is_trusted_no_more() -> None:
    thrift, size = Thrift(), (80, 24)
    line = plain(3, "abc")
    thrift.spare(line, (1, 1), size)
    for other in ("\x1b]52;c;YQ==\a", "\x1b[?1049h", "\x1b[2J", "plain"):
        thrift.note(other)
        assert "abc" in thrift.spare(line, (1, 1), size)
    for other in ("\x1b]22;default\a", "\x1b[?2026h"):
        thrift.note(other)
        assert thrift.spare(line, (1, 1), size) == "", "the shape of the pointer is no drawing"


def test_what_was_laid_out_for_a_larger_terminal_spoils_nothing() -> None:
    thrift, size = Thrift(), (10, 2)
    picture = plain(1, "0123456789") + plain(2, "abcdefghij")
    told = thrift.spare([*picture, *plain(3, "below")], (1, 1), size)
    assert "below" not in told and told.endswith("\x1b[2;1Habcdefghij\x1b[1;1H")
    assert thrift.spare([(2, 9, Strip([Segment("XYZ")])), *plain(3, "\u0301joined")], (1, 1), size) == (
        "\x1b[2;9HXY\x1b[1;1H"
    )
    assert thrift.spare([(2, 11, Strip([Segment("Z")]))], (1, 1), size) == ""


def test_a_whole_picture_is_sent_once_until_it_is_forgotten() -> None:
    thrift, size = Thrift(), (10, 2)
    picture = plain(1, "0123456789") + plain(2, "0123456789")
    assert [thrift.spare(picture, (1, 1), size).count("0123456789") for _ in range(2)] == [2, 0]
    thrift.forget()
    assert thrift.spare(picture, (1, 1), size).count("0123456789") == 2


@pytest.mark.parametrize("text", ["\u0301a", "👩\u200d💻 b", "❤\ufe0f b", "a\tb", "a\x1b[2J"])
def test_characters_that_terminals_join_or_not_are_not_counted(text: str) -> None:
    thrift, size = Thrift(), (80, 24)
    drawing = [(1, 1, Strip([Segment(text), Segment("next", Style(bold=True))]))]
    for _ in range(2):
        assert thrift.spare(drawing, (1, 1), size) == f"\x1b[1;1H{text}\x1b[1mnext\x1b[0m\x1b[1;1H"


@pytest.mark.parametrize("text", ["日本", "a日"])
def test_half_of_a_wide_character_takes_the_other_with_it(text: str) -> None:
    both = Both()
    for frame in (plain(1, text), [(1, 2, Strip([Segment("x")]))], plain(1, text)):
        both.draw(frame)
        assert both.same()


def test_a_frame_of_textuals_consists_of_what_it_would_write() -> None:
    style = Style.parse("bold #010203")
    left, right = Strip([Segment("left ", style)]), Strip([Segment("right")])
    layout = LayoutUpdate([[left, right], [right, left]], Region(2, 3, 10, 2))
    assert [(row, column, strip.text) for row, column, strip in pieces(layout)] == [
        (4, 3, "left "), (4, 8, "right"), (5, 3, "right"), (5, 8, "left "),
    ]  # fmt: skip
    chops = ChopsUpdate(
        [{0: left, 5: right}, {0: None, 5: right}], [(0, 0, 7), (1, 5, 10)], [[5, 10], [5, 10]]
    )
    assert [(row, column, strip.text) for row, column, strip in pieces(chops)] == [
        (1, 1, "left "), (1, 6, "ri"), (2, 6, "right"),
    ]  # fmt: skip
