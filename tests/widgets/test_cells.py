"""Cells: exact widths, and nothing that a terminal would obey."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from wcwidth import wcwidth

from widgets.cells import fit, printable, segments
from widgets.lines import join_items, line_strip, wrap_line

anything = st.text(st.characters(codec="utf-8"), max_size=40)
STYLES = {name: Style(color=color) for name, color in (("text", "white"), ("up", "green"), ("muted", "blue"))}


@given(anything, st.integers(0, 30), st.booleans())
@settings(max_examples=300, deadline=None)
def test_fit_is_exact_and_printable(text: str, width: int, right: bool) -> None:
    fitted = fit(text, width, right)
    assert cell_len(fitted) == width
    assert fitted.isprintable() or all(ch.isprintable() or ch.isspace() for ch in fitted)
    assert not set(fitted) & set("\x1b\x07\x9b\n\r\t\u202e\u200b")


@given(st.lists(st.tuples(anything, st.sampled_from(sorted(STYLES))), max_size=6), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_a_line_is_exactly_as_wide_as_asked(cells: list[tuple[str, str]], width: int) -> None:
    strip = line_strip(cells, width, STYLES)
    assert strip.cell_length == width == cell_len(strip.text)


@given(st.lists(st.tuples(anything, st.sampled_from(sorted(STYLES))), max_size=4), st.integers(8, 40))
@settings(max_examples=150, deadline=None)
def test_wrapped_lines_fit_and_lose_no_word(cells: list[tuple[str, str]], width: int) -> None:
    wrapped = wrap_line(tuple(cells), width)
    if len(wrapped) > 1:
        assert all(sum(cell_len(text) for text, _ in line) <= width for line in wrapped)


def test_a_wrapped_line_keeps_every_word() -> None:
    line = (
        ("absent: ", "up"),
        ("open interest, options, sentiment", "text"),
        (" (their weight went)", "muted"),
    )
    wrapped = wrap_line(line, 24)
    words = " ".join("".join(text for text, _ in part) for part in wrapped).split()
    assert words == ["absent:", "open", "interest,", "options,", "sentiment", "(their", "weight", "went)"]


def test_neighbours_of_one_style_are_one_segment() -> None:
    merged = segments([("a", "up"), (" ", "up"), ("b", "up"), ("c", "text")], STYLES)
    assert [segment.text for segment in merged] == ["a b", "c"]


def test_items_fall_by_priority() -> None:
    items = [(0, (("mode", "text"),)), (9, (("traffic", "muted"),)), (1, (("clock", "text"),)), (2, ())]
    text = "".join(text for text, _ in join_items(items, 15))
    assert text == "mode │ clock"


def test_terminals_agree_on_the_width_of_what_is_printed() -> None:
    """By each character alone, as tmux and xterm count, and by whole letters, as newer ones do."""
    for code in range(0x20, 0x32000):  # no letters above
        text = printable(f"a{chr(code)}b")
        if not text.isascii():
            assert sum(wcwidth(ch) for ch in text) == cell_len(text), hex(code)
    assert printable("🇩🇪 👍🏽") == "DE 👍"
