"""The keys as a person has them: the tables, with other keys where the configuration or a file gives some."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from textual.keys import key_to_character

from console.keymap.desk_keys import KEYS, PANE_KEYS
from console.keymap.dialog_keys import DIALOG_KEYS, DIALOGS, FORM
from console.keymap.key import Key
from console.keymap.key_names import key_name, shown_key
from console.keymap.model_keys import MODEL_KEYS
from engine.errors import ConfigError
from engine.text import clean

HELD: Mapping[str, str] = {"H": "halt", "escape": "dismiss", "enter": "open", "ctrl+c": "quit"}
"""Keys that always do the same: no other action takes them, and theirs keeps them."""
EVERYWHERE = frozenset({"halt", "halt_anywhere", "redraw"})
"""What works on every screen, in dialogs and forms too."""
_BEFORE_TEXT = EVERYWHERE - {"halt"}
"""What works while text is typed, too."""
_ALWAYS = frozenset({"help", "halt_anywhere"})
"""What must keep some key, besides those above."""
_TYPED = frozenset("0123456789") | {"full_stop", "minus"}
"""What is typed into forms."""
_IN_A_LINE = frozenset(
    ("left", "right", "up", "down", "home", "end", "pageup", "pagedown", "tab", "backspace", "delete")
)
_EDITS = frozenset("acdefkuvwx")
"""With ctrl, what a line of text takes."""
_MOST_KEYS = 8


class Given(NamedTuple):
    """Keys for one action, as a person wrote them."""

    origin: str
    """Where: a file, or the configuration's table."""
    id: str
    keys: str | tuple[str, ...]
    """One text of keys parted by blanks or commas, or one key each; none: unbound."""


class KeyMapError(ConfigError):
    """Every mistake on a line of its own. ``ids``: what they are of."""

    def __init__(self, mistakes: Iterable[str], ids: Iterable[str] = ()) -> None:
        self.mistakes = tuple(mistakes)
        self.ids = frozenset(ids)
        super().__init__("\ntickdesk: ".join(self.mistakes))


class KeyMap:
    """What each action's keys are. An id means the same in every table, and has the same keys there."""

    mistakes: tuple[str, ...] = ()
    """What was wrong of what was given, and is not followed."""

    def __init__(self, given: Iterable[Given] = ()) -> None:
        """``given``: the later takes the place of the earlier. Raises KeyMapError, with all that is wrong."""
        self._given: dict[str, tuple[str, ...]] = {}
        mistakes: list[str] = []
        wrong: set[str] = set()
        origins: dict[str, str] = {}
        for each in given:
            try:
                names = _keys_of(each)
                if names == _own_keys(each.id):
                    self._given.pop(each.id, None)  # as a whole file says of most
                else:
                    self._given[each.id] = names
                origins[each.id] = each.origin
            except ValueError as error:
                mistakes.append(f"{clean(each.origin, 80)}: {clean(each.id, 40)}: {error}")
                wrong.add(each.id)
        self.desk, self.models, self.dialogs = (
            tuple(map(self._mapped, table)) for table in (KEYS, MODEL_KEYS, DIALOG_KEYS)
        )
        self._by_id = {key.id: key for table in (self.dialogs, self.models, self.desk) for key in table}
        for (_, *both), line in _clashes(self, origins).items():
            mistakes.append(line)
            wrong.update(both)
        if mistakes:
            raise KeyMapError(mistakes, wrong)

    @classmethod
    def of_what_is_right(cls, given: Iterable[Given], mistakes: Iterable[str] = ()) -> KeyMap:
        """As far as ``given`` can be followed: what is wrong has its default keys, and is told in
        ``mistakes``."""
        kept, told = list(given), dict.fromkeys(mistakes)
        while True:
            try:
                keys = cls(kept)
            except KeyMapError as error:
                told |= dict.fromkeys(error.mistakes)
                # A default that is back may be what another line counted on to be free.
                kept = [each for each in kept if each.id not in error.ids]
            else:
                keys.mistakes = tuple(told)
                return keys

    def _mapped(self, key: Key) -> Key:
        if key.id == PANE_KEYS and any(id.startswith("pane") for id in self._given):
            return key._replace(shown="")  # they stand in no row any more: help names each
        names = self._given.get(key.id)
        if names is None:
            return key
        return key._replace(keys=",".join(names), shown=" ".join(map(shown_key, names)))

    @property
    def changed(self) -> Mapping[str, tuple[str, ...]]:
        """Textual's names of the keys that were given, by id."""
        return self._given

    @property
    def for_textual(self) -> dict[str, str]:
        """As ``App.set_keymap`` takes it; what has no key is put on one that no terminal sends."""
        return {id: ",".join(names) or no_key(id) for id, names in self._given.items()}

    def key(self, id: str) -> Key:
        """Raises KeyError for an id that is in no table."""
        return self._by_id[id]

    def shown(self, id: str) -> str:
        """The first key of an action as a person reads it; "" when it has none."""
        return self.key(id).shown.partition(" ")[0]

    def words(self, text: str) -> str:
        """``text`` with the key of each ``{id}`` in it; what has none is typed on the command line, where
        the desk knows it."""
        typed = {key.id for key in KEYS}

        def key_of(id: str) -> str:
            return self.shown(id) or (f":{id}" if id in typed else f"({id.replace('_', ' ')}: no key)")

        return re.sub(r"\{(\w+)\}", lambda match: key_of(match[1]), text)

    def screens(self) -> dict[str, list[Key]]:
        """All keys that are there at the same time, by where that is."""
        everywhere = [self.key(id) for id in sorted(EVERYWHERE)]
        screens = {"the desk": list(self.desk), "the models screen": [*self.models, *everywhere]}
        return screens | {
            name: [self.key(id) for id in sorted(ids | EVERYWHERE)]
            for name, ids in (DIALOGS | {"a form": FORM}).items()
        }


def no_key(id: str) -> str:
    """Stands for no key at all, where Textual wants one."""
    return f"no_key_{id}"


def ids() -> tuple[str, ...]:
    """Everything that can be given other keys."""
    return tuple(dict.fromkeys(key.id for key in (*KEYS, *MODEL_KEYS, *DIALOG_KEYS) if key.action))


def _own_keys(id: str) -> tuple[str, ...]:
    """Of the first table that has it: what a file of the whole map says of it."""
    key = next(key for key in (*KEYS, *MODEL_KEYS, *DIALOG_KEYS) if key.id == id)
    return tuple(name for name in key.keys.split(",") if name)


def _keys_of(given: Given) -> tuple[str, ...]:
    """Textual's names. Raises ValueError, the rest of the line."""
    known = ids()
    if given.id not in known:
        near = get_close_matches(given.id, known, 1)
        hint = f"; did you mean {near[0]}?" if near else "; `tickdesk keys` prints them all"
        raise ValueError(f"no action is called so{hint}")
    if isinstance(given.keys, str):
        text = given.keys.strip()
        written = [text] if text == "," else re.split(r"[,\s]+", text)
    else:
        written = list(given.keys)
    written = [part for part in written if part.strip()]
    names = tuple(dict.fromkeys(map(key_name, written)))
    if len(names) > _MOST_KEYS:
        raise ValueError(f"{len(names)} keys for one action; give at most {_MOST_KEYS}")
    _check_held(given.id, names)
    return names


def _check_held(id: str, names: tuple[str, ...]) -> None:
    for name, holder in HELD.items():
        if id == holder and name not in names:
            raise ValueError(f"{shown_key(name)} stays there: give it beside others, as in {_beside(name)}")
        if id != holder and name in names:
            raise ValueError(f"{shown_key(name)} is always {holder}: choose another key")
    if id in _ALWAYS and not names:
        raise ValueError(f"{id} must have a key, so that it can be found")
    typed = [shown_key(name) for name in names if name in _TYPED]
    taken = [shown_key(name) for name in names if id in _BEFORE_TEXT and _is_text(name)]
    if taken:
        raise ValueError(f"{taken[0]} is for typing text, where this works too: choose another key")
    if id in FORM and typed:
        raise ValueError(f"{typed[0]} is typed into forms, where this works too: choose another key")


def _is_text(name: str) -> bool:
    """Whether a line of text takes it: to type, to move in what is typed, to change it."""
    last = name.rpartition("+")[2]
    return (
        key_to_character(name) is not None
        or last in _IN_A_LINE
        or (name.startswith("ctrl+") and last in _EDITS)
    )


def _beside(name: str) -> str:
    return f'"{shown_key(name)} f12"'


def _clashes(keys: KeyMap, origins: Mapping[str, str]) -> dict[tuple[str, str, str], str]:
    """One line for every pair of actions that share a key where both work, by the key and the two."""
    found: dict[tuple[str, str, str], str] = {}
    for screen, table in keys.screens().items():
        takers: dict[str, str] = {}
        for key in table:
            for name in filter(None, key.keys.split(",")):
                other = takers.setdefault(name, key.id)
                if other == key.id:
                    continue
                first, second = sorted((other, key.id), key=lambda id: id not in origins)
                line = (
                    f"{clean(origins.get(first, 'keys'), 80)}: {first}: {shown_key(name)} is {second} too, on"
                    f' {screen}: give one of them another key, or "" for none'
                )
                found.setdefault((name, first, second), line)
    return found
