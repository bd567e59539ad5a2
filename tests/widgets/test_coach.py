"""The first steps name the keys as the person has them."""

from __future__ import annotations

from console.keymap import DEFAULT_KEYS, KeyMap
from console.keymap.key_map import Given
from widgets.coach import tips


def keys_named(keys: KeyMap) -> list[str]:
    return [text.strip() for line in tips(keys.shown) for text, style in line if style == "key"]


def test_the_keys_are_those_of_the_table() -> None:
    assert keys_named(DEFAULT_KEYS) == ["PAPER", "Enter", "H", "E", "?", "ctrl+p", "q"]
    assert tips(DEFAULT_KEYS.shown)[-1][-1][0].endswith("esc closes this")


def test_a_key_that_was_changed_is_named_as_it_is() -> None:
    changed = KeyMap([Given("test", "entries", "f9"), Given("test", "help", "f2")])
    assert keys_named(changed) == ["PAPER", "Enter", "H", "f9", "f2", "ctrl+p", "q"]
