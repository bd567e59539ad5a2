"""The keys as a person gives them: understood, checked, shown, and the same wherever an action is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.keymap import KEYS, MODEL_KEYS, footer, model_footer
from console.keymap.dialog_keys import DIALOG_KEYS, DIALOGS
from console.keymap.key_file import file_lines, key_map, key_map_of_what_is_right
from console.keymap.key_map import HELD, Given, KeyMap, KeyMapError, ids
from console.keymap.key_names import NOT_USED, key_name, shown_key
from console.screens.help import help_lines
from engine.config import ConsoleConfig
from engine.errors import ConfigError
from engine.text import clean

LONG = "#" * 300_000


def mapped(**keys: str | tuple[str, ...]) -> KeyMap:
    return KeyMap(Given("keys.toml", id, each) for id, each in keys.items())


def mistakes(**keys: str | tuple[str, ...]) -> list[str]:
    with pytest.raises(KeyMapError) as raised:
        mapped(**keys)
    return list(raised.value.mistakes)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("H", "H"),
        ("shift+h", "H"),
        ("]", "right_square_bracket"),
        ("question_mark", "question_mark"),
        ("Ctrl+P", "ctrl+p"),
        ("ctrl+]", "ctrl+right_square_bracket"),
        ("shift+ctrl+left", "ctrl+shift+left"),
        ("F5", "f5"),
        ("Esc", "escape"),
        ("PgDn", "pagedown"),
        ("↓", "down"),
        ("+", "plus"),
        ("-", "minus"),
        ("ctrl++", "ctrl+plus"),
        (",", "comma"),
        ("ö", "ö"),
        ("alt+x", "alt+x"),
    ],
)
def test_keys_by_every_name(written: str, name: str) -> None:
    assert key_name(written) == name and key_name(shown_key(name)) == name


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("f99", "there is no key 'f99'"),
        ("", "there is no key"),
        ("ctrl+", "there is no key"),
        ("hyper+x", "there is no key"),
        ("\x1b", "there is no key"),
        ("ctrl+s", "is not used"),
        ("ctrl+h", "arrives as backspace"),
        ("ctrl+i", "arrives as Tab"),
        ("ctrl+m", "arrives as Enter"),
    ],
)
def test_what_is_no_key(written: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        key_name(written)


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_none(text: str) -> None:
    try:
        name = key_name(text)
    except ValueError as error:
        assert clean(error, 400) == str(error)
    else:
        assert key_name(shown_key(name)) == name and "," not in name and name not in NOT_USED


def test_the_tables_alone_are_a_key_map() -> None:
    keys = KeyMap()
    assert keys.desk == KEYS and keys.models == MODEL_KEYS and keys.dialogs == DIALOG_KEYS
    assert not keys.changed and not keys.for_textual
    for table in (KEYS, MODEL_KEYS, DIALOG_KEYS):
        for name in (name for key in table for name in key.keys.split(",") if name):
            assert key_name(name) == name
    for wanted in (*DIALOGS.values(), set(HELD.values())):
        assert set(wanted) <= set(ids())


def test_another_key_is_shown_wherever_the_action_is() -> None:
    keys = mapped(halt="H, f12", sort="ctrl+t", rollback=("f9",), freeze="", down="Z ↓")
    assert ("ctrl+t", "sort") in footer(1, keys=keys) and ("H", "HALT") in footer(1, keys=keys)
    assert "freeze" not in {label for _, label in footer(1, keys=keys)}
    assert ("f9", "roll back") in model_footer(keys) and ("ctrl+t", "sort") in model_footer(keys)
    assert keys.key("halt").shown == "H f12" and keys.shown("down") == "Z"
    assert keys.for_textual == {
        "halt": "H,f12",
        "sort": "ctrl+t",
        "rollback": "f9",
        "freeze": "no_key_freeze",
        "down": "Z,down",
    }


def test_keys_can_be_exchanged() -> None:
    keys = mapped(sort="y", copy="s")
    assert keys.shown("sort") == "y" and keys.shown("copy") == "s"


@pytest.mark.parametrize(
    ("id", "keys", "says"),
    [
        ("halts", "x", "no action is called so; did you mean halt?"),
        ("zzzzzz", "x", "no action is called so; `tickdesk keys` prints them all"),
        ("panes", "x", "no action is called so"),
        ("sort", "f99", "there is no key 'f99'"),
        ("sort", "ctrl+q", "ctrl+q is not used"),
        ("sort", "H", "H is always halt: choose another key"),
        ("sort", "Enter", "Enter is always open"),
        ("close", "Esc", "Esc is always dismiss"),
        ("halt", "f12", 'H stays there: give it beside others, as in "H f12"'),
        ("quit", "Q", "ctrl+c stays there"),
        ("help", "", "help must have a key"),
        ("down", "5", "5 is typed into forms"),
        ("halt_anywhere", "ctrl+g Z", "Z is for typing text, where this works too"),
        ("redraw", "Z", "Z is for typing text, where this works too"),
        ("halt_anywhere", "shift+left", "shift+left is for typing text"),
        ("halt_anywhere", "ctrl+w", "ctrl+w is for typing text"),
        ("halt_anywhere", "", "halt_anywhere must have a key"),
        ("dialog_export", "ctrl+g", "ctrl+g is halt_anywhere too"),
        ("sort", "y", 'sort: y is copy too, on the desk: give one of them another key, or "" for none'),
        ("explain_contributions", "j", "j is down too, on an explanation"),
        ("sort", " ".join("abcdefghi"), "9 keys for one action"),
    ],
)
def test_every_mistake_is_one_line_that_says_what_to_do(id: str, keys: str, says: str) -> None:
    (line, *_) = mistakes(**{id: keys})
    assert line.startswith("keys.toml: ") and says in line and clean(line, 400) == line


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(KeyMapError) as raised:
        mapped(slot="x", sort="f99", halt="")
    lines = str(raised.value).split("\n")
    assert len(lines) == 3 and all(line.startswith("tickdesk: ") for line in lines[1:])
    assert raised.value.exit_code == 2


@given(st.dictionaries(st.sampled_from([*ids(), "nonsense"]), st.text(max_size=12), max_size=6))
def test_whatever_is_given_is_a_map_or_a_list_of_mistakes(given_keys: dict[str, str]) -> None:
    try:
        keys = mapped(**given_keys)
    except KeyMapError as error:
        assert error.mistakes and all(clean(line, 400) == line for line in error.mistakes)
    else:
        assert "H" in keys.key("halt").keys.split(",") and keys.key("help").keys


def test_the_configuration_goes_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text('sort = "ctrl+t"\ncopy = ["Y", "f8"]\n')
    keys = key_map(ConsoleConfig(keys={"sort": "f7"}), tmp_path)
    assert keys.shown("sort") == "f7" and keys.key("copy").shown == "Y f8"
    assert not key_map(ConsoleConfig(), tmp_path / "elsewhere").changed


def test_a_printed_map_is_read_again_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("\n".join(file_lines(mapped(sort="' \"", copy=","))))
    keys = key_map(ConsoleConfig(keys_file="mine.toml"), tmp_path)
    assert dict(keys.changed) == {"sort": ("apostrophe", "quotation_mark"), "copy": ("comma",)}
    (tmp_path / "keys.toml").write_text("\n".join(file_lines(KeyMap())))
    assert not key_map(ConsoleConfig(), tmp_path).changed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sort = ", "is no TOML"),
        ("sort = 5", 'give its keys as text, as in sort = "f5"'),
        ("[sort]\nx = 1", "give its keys as text"),
        (LONG, "longer than"),
    ],
    ids=["cut off", "a number", "a table", "long"],
)
def test_a_file_that_is_none_is_told_in_a_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "keys.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        key_map(ConsoleConfig(), tmp_path)
    with pytest.raises(ConfigError, match="cannot read"):
        key_map(ConsoleConfig(keys_file="none.toml"), tmp_path)


@pytest.mark.parametrize(
    ("given_keys", "followed", "said"),
    [
        ({"sort": "ctrl+t", "freeze": "f99"}, {"sort": "ctrl+t", "freeze": "f"}, 1),
        ({"sort": "ctrl+t", "slot": "x", "halt": ""}, {"sort": "ctrl+t", "halt": "H"}, 2),
        ({"sort": "z", "copy": "z", "export": "f9"}, {"sort": "s", "copy": "y", "export": "f9"}, 1),
        ({"sort": "f", "freeze": "ctrl+s"}, {"sort": "s", "freeze": "f"}, 2),
    ],
    ids=["no key", "no action", "two that clash", "one that counted on a wrong one"],
)
def test_what_is_wrong_has_its_default_and_the_rest_is_followed(
    given_keys: dict[str, str], followed: dict[str, str], said: int
) -> None:
    keys = KeyMap.of_what_is_right(Given("keys.toml", id, each) for id, each in given_keys.items())
    assert {id: keys.shown(id) for id in followed} == followed and len(keys.mistakes) == said
    told = "\n".join("".join(text for text, _ in line) for line in help_lines(1, keys))
    assert all(mistake in told for mistake in keys.mistakes)


@given(st.dictionaries(st.sampled_from([*ids(), "nonsense"]), st.text(max_size=12), max_size=6))
def test_whatever_is_given_a_screen_has_keys(given_keys: dict[str, str]) -> None:
    given_ = [Given("keys.toml", id, each) for id, each in given_keys.items()]
    keys = KeyMap.of_what_is_right(given_)
    assert "H" in keys.key("halt").keys.split(",") and keys.key("help").keys
    try:
        strict = KeyMap(given_)
    except KeyMapError as error:
        assert {*error.mistakes} <= {*keys.mistakes}
    else:
        assert not keys.mistakes and keys.changed == strict.changed


@pytest.mark.parametrize(
    "text", ["sort = ", "sort = 5\nexport = 'f9'", LONG], ids=["cut off", "number", "long"]
)
def test_a_file_that_is_none_leaves_a_screen_its_keys(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.toml").write_text(text)
    keys = key_map_of_what_is_right(ConsoleConfig(keys={"freeze": "f8"}), tmp_path)
    assert keys.shown("sort") == "s" and keys.shown("freeze") == "f8" and len(keys.mistakes) == 1
    assert keys.shown("export") == ("f9" if "f9" in text else "e")
    missing = key_map_of_what_is_right(ConsoleConfig(keys_file="none.toml"), tmp_path)
    assert not missing.changed and "cannot read" in missing.mistakes[0]
