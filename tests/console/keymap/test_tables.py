"""The key table is whole: every action exists, no key does two things, none that must stay free is taken."""

from __future__ import annotations

import pytest

from console.app import DeskApp
from console.keymap import KEYS, PANES, bindings, footer, keys_for
from console.screens.desk import DeskScreen

FREE = {"ctrl+s", "ctrl+q", "ctrl+a", "ctrl+b", "ctrl+z", "ctrl+enter"}


def test_no_key_twice_and_none_that_must_stay_free() -> None:
    keys = [name for key in KEYS for name in key.keys.split(",") if name]
    assert len(keys) == len(set(keys))
    assert not FREE & set(keys)


def test_every_action_exists() -> None:
    for key in KEYS:
        if not key.action:
            continue
        name = key.action.split("(")[0]
        owner = DeskApp if name.startswith("app.") else DeskScreen
        assert hasattr(owner, "action_" + name.removeprefix("app.")), key.id


def test_the_bindings_that_textual_would_add_are_gone() -> None:
    assert not DeskApp._merged_bindings.key_to_bindings.keys() & {"ctrl+q"}  # type: ignore[union-attr]


def test_every_action_has_a_binding_even_without_a_key() -> None:
    by_id = {binding.id: binding.key for binding in bindings()}
    assert by_id["sort"] == "s" and by_id["kill"] == "no_key_kill"
    assert by_id.keys() == {key.id for key in KEYS if key.action}


@pytest.mark.parametrize("pane", range(1, len(PANES) + 1))
def test_help_is_in_every_footer_and_last(pane: int) -> None:
    assert footer(pane)[-1] == ("?", "help")
    ids = [key.id for key in keys_for(pane)]
    assert ("toggle" in ids) == (pane == 5)
    assert {"search", "match", "match_before", "sort"}.isdisjoint(ids) == (pane == 7)
    assert ("tab_right" in ids) == (pane in (4, 5, 6, 7, 8))
    assert ("cancel" in ids) == ("amend" in ids) == (pane == 4)
    assert ("close" in ids) == (pane == 3)
    assert {"ticket", "cancel_all", "flatten", "limits", "account"} <= set(ids)
    assert ("open" in ids) == (pane in (1, 2, 4, 5, 7, 8))
