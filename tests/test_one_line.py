from __future__ import annotations

import io

import pytest

from engine.one_line import OneLine

NOTES = [f"compiling the {name} kernels, at the first start only" for name in ("scan", "deal", "quant")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_notes_that_are_alike_are_told_once_where_nobody_looks() -> None:
    file = io.StringIO()
    with OneLine(file, "tickdesk: ") as note:
        for text in (*NOTES, "listening", "listening", NOTES[0]):
            note(text)
    assert file.getvalue().splitlines() == [
        f"tickdesk: {NOTES[0]}",
        "tickdesk: listening",
        "tickdesk: listening",
        f"tickdesk: {NOTES[0]}",
    ]


def test_a_terminal_shows_them_on_one_line_which_is_empty_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    file = Terminal()
    with OneLine(file) as note:
        for text in (*NOTES, "short"):
            note(text)
        shown = file.getvalue().split("\r")[1:]
    assert "\n" not in file.getvalue() and {len(line) for line in shown} == {39}
    assert [line.split()[2] for line in shown[:3]] == ["scan", "deal", "quant"] and shown[0].endswith("…")
    assert shown[3].rstrip() == "short", "nothing is left of the longer one"
    assert file.getvalue().endswith("\r" + " " * 39 + "\r")
    with OneLine(silent := Terminal()):
        pass
    assert silent.getvalue() == ""
