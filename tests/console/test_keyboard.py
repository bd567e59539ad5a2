"""The keyboard: Esc is a key of its own, and what follows it too."""

from __future__ import annotations

import pytest
from textual._time import get_time
from textual.events import Key, Paste

from console.keyboard import ESCAPE_S, LATE_S, NO_KEY, Keyboard


@pytest.mark.parametrize(
    ("reads", "keys"),
    [
        (["\x1bw"], ["escape", "w"]),
        (["\x1b", "w"], ["escape", "w"]),
        (["\x1bH"], ["escape", "H"]),
        (["\x1b\r"], ["escape", "enter"]),
        (["\x1b5j"], ["escape", "5", "j"]),
        (["\x1b\x7f"], ["escape", "backspace"]),
        (["\x1b\x1b?"], ["escape", "escape", "question_mark"]),
        (["\x1b[A\x1bw\x1b[B"], ["up", "escape", "w", "down"]),
        (["\x1b", "[A", "\x1bO", "P", "j"], ["up", "f1", "j"]),
        (["\x1b[1;5Cé"], ["ctrl+right", "é"]),
        (["\x1bj", "[A"], ["escape", "j", "left_square_bracket", "A"]),
    ],
)
def test_esc_and_a_key_right_after_it_are_those_two(reads: list[str], keys: list[str]) -> None:
    keyboard = Keyboard(False)
    assert [event.key for read in reads for event in keyboard.feed(read)] == keys  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "noise",
    ["99999999;1H", "1114112u", "55296;1u", "97;1;99999999u", "97;1;56320u", f"{2**70};2A"],
)
def test_a_number_that_is_no_character_is_no_key_and_ends_nothing(noise: str) -> None:
    keyboard = Keyboard(False)
    assert [event.key for event in keyboard.feed(f"j\x1b[{noise}k")] == [  # type: ignore[attr-defined]
        "j",
        NO_KEY,
        "k",
    ]


def test_a_lone_esc_is_told_after_the_wait_and_the_next_key_is_itself() -> None:
    keyboard = Keyboard(False)
    assert not list(keyboard.feed("\x1b"))
    keyboard._timeout_time = 0.0  # the wait is over
    assert [event.key for event in keyboard.tick()] == ["escape"]  # type: ignore[attr-defined]
    assert [event.key for event in keyboard.feed("w")] == ["w"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("after_s", "keys"),
    [(LATE_S / 2, ["right"]), (2 * LATE_S, ["left_square_bracket", "C"])],
)
def test_the_end_of_a_late_sequence_is_no_command(
    after_s: float, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyboard = Keyboard(False)
    list(keyboard.feed("\x1b"))
    keyboard._timeout_time = 0.0
    list(keyboard.tick())
    now = get_time()
    monkeypatch.setattr("console.keyboard.get_time", lambda: now + after_s)
    assert [event.key for event in keyboard.feed("[C")] == keys  # type: ignore[attr-defined]
    assert [event.key for event in keyboard.feed("[")] == ["left_square_bracket"]  # type: ignore[attr-defined]


def test_letters_typed_soon_after_an_esc_are_no_end_of_a_sequence() -> None:
    keyboard = Keyboard(False)
    list(keyboard.feed("\x1b"))
    keyboard._timeout_time = 0.0
    list(keyboard.tick())
    assert [event.key for event in keyboard.feed("OK")] == ["O", "K"]  # type: ignore[attr-defined]


def test_what_is_pasted_stays_one_piece() -> None:
    paste, key = Keyboard(False).feed("\x1b[200~0.5 w\x1b[201~j")
    assert isinstance(paste, Paste) and paste.text == "0.5 w"
    assert isinstance(key, Key) and key.key == "j"


def test_an_esc_is_one_soon() -> None:
    keyboard = Keyboard(False)
    assert list(keyboard.feed("\x1b")) == [] and keyboard.waits
    assert keyboard._timeout_time is not None and keyboard._timeout_time - get_time() <= ESCAPE_S
    list(keyboard.feed("[A"))
    assert not keyboard.waits
